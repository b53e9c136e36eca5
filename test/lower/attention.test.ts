import { afterAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/engine/node/pool.js'
import { type Attributes, float, int } from '../../src/graph/graph.js'
import { type CaseInput, data, omitted, param } from '../cases/op-case.js'
import { call, checkClassifier, forwardDifference, type LowerCase } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

const [S, H, D] = [3, 4, 2]

interface Options {
  readonly name: string
  readonly opset?: number
  readonly attributes?: Attributes
  readonly shared?: number
  readonly rank?: 3 | 4
  readonly mask?: CaseInput
  readonly maskInput?: LowerCase['integers']
  readonly past?: boolean
  readonly lengths?: boolean
  /** The scores are looked at, of this `qk_matmul_output_mode`, in place of the result. */
  readonly scores?: 0 | 1 | 2 | 3
}

/** Queries, keys and values are linear in x [N, S, 8], with parameters. */
function row(options: Options): LowerCase {
  const { name, opset = 23, attributes = {}, shared = H, rank = 3 } = options
  const heads: Attributes = rank === 3 ? { q_num_heads: int(H), kv_num_heads: int(shared) } : {}
  const view = (from: string, to: string, count: number) =>
    rank === 3
      ? [call('Identity', [from], [to])]
      : [
          call('Reshape', [from, `shape${count}`], [`${to}_view`]),
          call('Transpose', [`${to}_view`], [to], { perm: { kind: 'ints', value: [0, 2, 1, 3] } }),
        ]
  const shape = (count: number) => ({
    dtype: 'int64' as const,
    dims: [4],
    data: BigInt64Array.from([0, S, count, D], BigInt),
  })
  return {
    name,
    opset,
    inputs: [
      data(['N', S, H * D]),
      param([H * D, H * D]),
      param([H * D, shared * D]),
      param([H * D, shared * D]),
      options.mask ?? omitted,
      data(['N', shared, 2, D]),
      data(['N']),
    ],
    integers: {
      ...options.maskInput,
      ...(options.lengths ? { 6: { dims: [], dtype: 'int64' as const, at: (n: number) => [3, 2, 3, 1][n]! } } : {}),
    },
    nodes: [
      ...[H, shared]
        .filter((count, i, all) => all.indexOf(count) === i)
        .map((count) => call('Constant', [], [`shape${count}`], { value: { kind: 'tensor', value: shape(count) } })),
      call('MatMul', ['i0', 'i1'], ['q0']),
      call('MatMul', ['i0', 'i2'], ['k0']),
      call('MatMul', ['i0', 'i3'], ['v0']),
      ...view('q0', 'q', H),
      ...view('k0', 'k', shared),
      ...view('v0', 'v', shared),
      call(
        'Attention',
        [
          'q',
          'k',
          'v',
          options.mask || options.maskInput ? 'i4' : '',
          ...(options.past ? ['i5', 'i5'] : options.lengths ? ['', ''] : []),
          ...(options.lengths ? ['i6'] : []),
        ],
        outputsOf(options),
        {
          ...heads,
          ...attributes,
          ...(options.scores !== undefined && { qk_matmul_output_mode: int(options.scores) }),
        },
      ),
    ],
    outputs: outputsOf(options).filter((name) => name !== '' && name !== 'unread'),
  }
}

function outputsOf({ past, scores }: Options): string[] {
  if (scores !== undefined) return ['unread', '', '', 'o0']
  return past ? ['o0', 'present_k', 'present_v'] : ['o0']
}

const allowed = (size: number) => (n: number, i: number) => Number((n + i) % size !== 1)

const rows: readonly Options[] = [
  { name: 'several heads' },
  { name: 'heads on an axis', rank: 4 },
  { name: 'causal', attributes: { is_causal: int(1) } },
  { name: 'causal behind what was before', attributes: { is_causal: int(1) }, past: true },
  { name: 'keys shared by heads', shared: 2 },
  { name: 'keys shared by all heads, on an axis', shared: 1, rank: 4 },
  { name: 'scaled and capped', attributes: { scale: float(0.3), softcap: float(0.8) } },
  { name: 'with a bias that is learnt', mask: param([H, S, S]) },
  { name: 'with a mask of each example', maskInput: { 4: { dims: [1, S, S], dtype: 'bool', at: allowed(3) } } },
  {
    name: 'with a mask, causal, keys shared',
    shared: 2,
    attributes: { is_causal: int(1) },
    maskInput: { 4: { dims: [1, S, S], dtype: 'bool', at: (n, i) => Number(i % S === 0 || (n + i) % 2 === 0) } },
  },
  {
    name: 'with a query that may look at nothing',
    maskInput: { 4: { dims: [1, S, S], dtype: 'bool', at: (n, i) => Number(n !== 1 || i >= S) } },
  },
  { name: 'of several lengths, causal', opset: 24, rank: 4, lengths: true, attributes: { is_causal: int(1) } },
  { name: 'of several lengths', opset: 24, rank: 4, lengths: true },
  { name: 'scores', scores: 0, attributes: { softcap: float(0.8) } },
  { name: 'capped scores', scores: 1, opset: 24, attributes: { softcap: float(0.8) } },
  { name: 'scores with a bias', scores: 2, opset: 24, shared: 2, mask: param([H, S, S]) },
  { name: 'shares', scores: 3, attributes: { is_causal: int(1) } },
]

describe('attention written out', () => {
  it.each(rows.map((options) => [options.name, row(options)] as const))(
    '%s: answers as the runtime does, with right gradients',
    async (_, r) => {
      expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
      const { check } = await checkClassifier({ ...r, outputs: ['o0'] }, pool)
      expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
      expect(check.isOneByOne).toBe(false)
    },
  )
})

const turned: readonly [string, Attributes, Partial<LowerCase>][] = [
  ['halves', { num_heads: int(2) }, {}],
  ['interleaved', { num_heads: int(2), interleaved: int(1) }, {}],
  [
    'a part of each head',
    { num_heads: int(2), rotary_embedding_dim: int(2) },
    { inputs: [param([5, 1]), param([5, 1])] },
  ],
]

describe('rotary embeddings written out', () => {
  it.each(turned)('%s: answer as the runtime does, with right gradients', async (name, attributes, other) => {
    const [cos, sin] = other.inputs ?? [param([5, 2]), param([5, 2])]
    const r: LowerCase = {
      name,
      opset: 23,
      inputs: [data(['N', S, 8]), param([8, 8]), cos!, sin!, data(['N', S])],
      integers: { 4: { dims: [S], dtype: 'int64', at: (n, i) => (n + 2 * i) % 5 } },
      nodes: [
        call('MatMul', ['i0', 'i1'], ['x']),
        call('RotaryEmbedding', ['x', 'i2', 'i3', 'i4'], ['o0'], attributes),
      ],
    }
    expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
    const { check } = await checkClassifier(r, pool)
    expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
  })
  it('turns heads on an axis by angles of each example', async () => {
    const r: LowerCase = {
      name: 'heads on an axis',
      opset: 23,
      inputs: [data(['N', 2, S, 4]), param([4, 4]), data(['N', S, 2]), data(['N', S, 2])],
      nodes: [call('MatMul', ['i0', 'i1'], ['x']), call('RotaryEmbedding', ['x', 'i2', 'i3'], ['o0'])],
    }
    expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
    expect((await checkClassifier(r, pool)).check.isRight).toBe(true)
  })
})
