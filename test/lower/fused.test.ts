import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, float, int, ints } from '../../src/graph/graph.js'
import { inspect } from '../../src/network/inspect.js'
import { type CaseInput, data, param } from '../cases/op-case.js'
import { f32, mlpGraph } from '../small-graphs.js'
import { call, checkClassifier, forwardDifference, type LowerCase } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

const text = (value: string) => ({ kind: 'string', value }) as const
const x = data(['N', 3, 4])
const linear = call('MatMul', ['i0', 'i1'], ['x'])
const weight = param([4, 4])

interface Options {
  readonly name: string
  readonly inputs: readonly CaseInput[]
  /** Names of the operator's inputs; x is i0·i1. */
  readonly of: readonly string[]
  readonly attributes?: Attributes
  readonly outputs?: readonly string[]
  readonly domain?: string
  readonly plain?: true
}

const rows: readonly Options[] = [
  { name: 'Gelu', inputs: [x, weight], of: ['x'] },
  { name: 'BiasGelu', inputs: [x, weight, param([4])], of: ['x', 'i2'] },
  { name: 'FastGelu', inputs: [x, weight], of: ['x'] },
  { name: 'FastGelu', inputs: [x, weight, param([4])], of: ['x', 'i2'] },
  { name: 'QuickGelu', inputs: [x, weight], of: ['x'], attributes: { alpha: float(1.5) } },
  { name: 'SimplifiedLayerNormalization', domain: '', inputs: [x, weight, param([4])], of: ['x', 'i2'] },
  { name: 'SkipLayerNormalization', inputs: [x, weight, param([4]), param([4])], of: ['x', 'i0', 'i2', 'i3'] },
  {
    name: 'SkipLayerNormalization',
    inputs: [x, weight, param([4]), param([4]), param([4])],
    of: ['x', 'i0', 'i2', 'i3', 'i4'],
    attributes: { epsilon: float(1e-3) },
    outputs: ['o0', '', '', 'sum'],
  },
  {
    name: 'SkipSimplifiedLayerNormalization',
    inputs: [x, weight, param([4]), param([4])],
    of: ['x', 'i0', 'i2', 'i3'],
    outputs: ['o0', '', '', 'sum'],
  },
  {
    name: 'FusedMatMul',
    inputs: [x, weight, param([5, 4])],
    of: ['x', 'i2'],
    attributes: { transB: int(1), alpha: float(0.4) },
  },
  { name: 'TransposeMatMul', inputs: [x, weight], of: ['x', 'i0'], attributes: { transB: int(1) } },
  { name: 'FusedMatMul', inputs: [x, weight], of: ['x', 'i0'], attributes: { transA: int(1), alpha: float(2) } },
  {
    name: 'FusedGemm',
    plain: true,
    inputs: [data(['N', 4]), param([5, 4]), param([5])],
    of: ['i0', 'i1', 'i2'],
    attributes: { transB: int(1), activation: text('LeakyRelu'), activation_alpha: float(0.2) },
  },
  {
    name: 'FusedConv',
    plain: true,
    inputs: [data(['N', 2, 4, 4]), param([3, 2, 3, 3]), param([3]), data(['N', 3, 4, 4])],
    of: ['i0', 'i1', 'i2', 'i3'],
    attributes: { kernel_shape: ints([3, 3]), pads: ints([1, 1, 1, 1]), activation: text('Relu') },
  },
  {
    name: 'FusedConv',
    plain: true,
    inputs: [data(['N', 2, 4, 4]), param([3, 2, 3, 3]), param([3])],
    of: ['i0', 'i1', 'i2'],
    attributes: { activation: text('Clip'), activation_params: { kind: 'floats', value: [-0.4, 0.6] } },
  },
]

function row({
  name,
  inputs,
  of,
  attributes = {},
  outputs = ['o0'],
  domain = 'com.microsoft',
  plain,
}: Options): LowerCase {
  const node = call(name, of, outputs, attributes, domain)
  return { name, inputs, nodes: plain ? [node] : [linear, node], outputs: outputs.filter((o) => o) }
}

describe('what a runtime has fused, written out', () => {
  it.each(rows.map((r) => [r.name, Object.keys(r.attributes ?? {}).join(' '), row(r)] as const))(
    '%s %s answers as the runtime does, with right gradients',
    async (_, __, r) => {
      expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
      const { check } = await checkClassifier({ ...r, outputs: ['o0'] }, pool)
      expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
      expect(check.parameters.length).toBe(r.inputs.filter((i) => i.kind === 'param').length + 1)
    },
  )

  it('is refused by name where it has no short meaning', async () => {
    const graph = mlpGraph()
    const attention = call(
      'Attention',
      ['wide', 'qkv', 'qkv_bias'],
      ['attended'],
      { num_heads: int(1) },
      'com.microsoft',
    )
    const mixed = {
      ...graph,
      opsets: new Map([...graph.opsets, ['com.microsoft', 1]]),
      initializers: new Map([...graph.initializers, ['qkv', f32([5, 15], 8)], ['qkv_bias', f32([15], 9)]]),
      nodes: [
        ...graph.nodes.slice(0, 2),
        call('Unsqueeze', ['a', 'axis'], ['wide']),
        attention,
        call('Squeeze', ['attended', 'axis'], ['narrow']),
        { ...graph.nodes[2]!, inputs: ['narrow', 'fc2.weight', 'fc2.bias'] },
      ],
    }
    mixed.initializers.set('axis', { dtype: 'int64', dims: [1], data: BigInt64Array.of(1n) })
    const seen = await inspect(mixed, engineOf(pool))
    expect(seen.problems.map((p) => p.message)).toEqual([
      'Node "node_attended" is com.microsoft.Attention, which ONNX Runtime\'s optimiser fuses out of standard operators and which has no gradient here; export the model without runtime fusion (for Optimum, without --optimize).',
    ])
    expect(seen.problems[0]!.code).toBe('rule-missing')
    expect(seen.ops.find((o) => o.op === 'com.microsoft.Attention')?.state).toBe('refused')
  })
})
