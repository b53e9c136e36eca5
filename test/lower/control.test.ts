import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, type Graph, int, ints, type Node, tensorAttribute } from '../../src/graph/graph.js'
import { openNetwork } from '../../src/network/network.js'
import { tensor } from '../../src/tensor/tensor.js'
import { bools, data, int64s, param } from '../cases/op-case.js'
import { f32, mlpGraph } from '../small-graphs.js'
import { call, checkClassifier, forwardDifference, type LowerCase } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

/** The runtime wants to know the round and the condition of a loop beforehand. */
const typed = (name: string): Graph['inputs'][number] => {
  if (name === 'i') return { name, dtype: 'int64', dims: [] }
  if (name === 'go') return { name, dtype: 'bool', dims: [] }
  return { name, dtype: 'float32', dims: [], isUnranked: true }
}
const body = (inputs: string[], outputs: string[], nodes: Node[], initializers: Graph['initializers'] = new Map()) => ({
  kind: 'graph' as const,
  value: {
    name: 'body',
    opsets: new Map<string, number>(),
    inputs: inputs.map((name) => typed(name)),
    outputs: outputs.map((name) => ({ name, dtype: undefined, dims: [] })),
    initializers,
    nodes,
  },
})
const truth = tensorAttribute(tensor('bool', [], Uint8Array.of(1)))

/** h ← tanh(h·w + x_t), with w taken from outside and every state collected. */
const scanBody = body(
  ['h', 'xt'],
  ['h2', 'h3'],
  [
    call('MatMul', ['h', 'i1'], ['hw']),
    call('Add', ['hw', 'xt'], ['sum']),
    call('Tanh', ['sum'], ['h2']),
    call('Mul', ['h2', 'half'], ['h3']),
  ],
  new Map([['half', tensor('float32', [], Float32Array.of(0.5))]]),
)
const scan = (attributes: Attributes = {}): Node[] => [
  call('Transpose', ['i0'], ['xs'], { perm: ints([1, 0, 2]) }),
  call('MatMul', ['i2', 'i1'], ['start']),
  call('Scan', ['start', 'xs'], ['last', 'all'], { body: scanBody, num_scan_inputs: int(1), ...attributes }),
]

/** h ← tanh(h·w + h·round/2): the round counts, and the condition is handed on. */
const loopBody = (end: Node[]) =>
  body(
    ['i', 'go', 'h'],
    ['go2', 'h2', 'h_out'],
    [
      ...end,
      call('Cast', ['i'], ['f'], { to: int(1) }),
      call('Mul', ['f', 'half'], ['fh']),
      call('MatMul', ['h', 'i1'], ['hw']),
      call('Mul', ['h', 'fh'], ['hi']),
      call('Add', ['hw', 'hi'], ['sum']),
      call('Tanh', ['sum'], ['h2']),
      call('Identity', ['h2'], ['h_out']),
    ],
    new Map([['half', tensor('float32', [], Float32Array.of(0.5))]]),
  )
const handedOn = [call('Identity', ['go'], ['go2'])]
const alwaysTrue = [call('Constant', [], ['go2'], { value: truth })]

const branches = (condition: Node[], input: string): Node[] => [
  call('MatMul', ['i0', 'i1'], ['h']),
  ...condition,
  call('If', [input], ['o0'], {
    then_branch: body([], ['t'], [call('Tanh', ['h'], ['t0']), call('MatMul', ['t0', 'i2'], ['t'])]),
    else_branch: body([], ['e'], [call('Sigmoid', ['h'], ['e'])]),
  }),
]

const three = data(['N', 3, 2])
const rows: readonly LowerCase[] = [
  {
    name: 'a branch by a constant',
    inputs: [data(['N', 3]), param([3, 3]), param([3, 3]), bools([true], [])],
    nodes: branches([], 'i3'),
  },
  {
    name: 'the other branch, by a shape',
    inputs: [data(['N', 3]), param([3, 3]), param([3, 3]), int64s([1]), int64s([5], [])],
    nodes: branches(
      [
        call('Shape', ['h'], ['shape']),
        call('Gather', ['shape', 'i3'], ['width1'], { axis: int(0) }),
        call('Squeeze', ['width1'], ['width']),
        call('Equal', ['width', 'i4'], ['is_five']),
      ],
      'is_five',
    ),
  },
  {
    name: 'a scan over time',
    inputs: [three, param([2, 2]), data(['N', 2])],
    nodes: [...scan(), call('Identity', ['all'], ['o0'])],
    outputs: ['o0', 'last'],
    batchAxis: 1,
  },
  {
    name: 'a scan backwards along another axis, collected behind',
    inputs: [three, param([2, 2]), data(['N', 2])],
    nodes: [
      call('Identity', ['i0'], ['xs']),
      call('MatMul', ['i2', 'i1'], ['start']),
      call('Scan', ['start', 'xs'], ['last', 'o0'], {
        body: scanBody,
        num_scan_inputs: int(1),
        scan_input_axes: ints([1]),
        scan_input_directions: ints([1]),
        scan_output_axes: ints([-1]),
        scan_output_directions: ints([1]),
      }),
    ],
    outputs: ['o0', 'last'],
  },
  ...([handedOn, alwaysTrue] as const).map(
    (end, i): LowerCase => ({
      name: `a loop with a condition that ${i === 0 ? 'is handed on' : 'is always true'}`,
      inputs: [data(['N', 3]), param([3, 3]), int64s([3], []), bools([true], [])],
      nodes: [
        call('MatMul', ['i0', 'i1'], ['h0']),
        call('Loop', ['i2', 'i3', 'h0'], ['last', 'o0'], { body: loopBody(end) }),
      ],
      outputs: ['o0', 'last'],
      batchAxis: 1,
    }),
  ),
  {
    name: 'a loop in a branch',
    inputs: [data(['N', 3]), param([3, 3]), int64s([2], []), bools([true], [])],
    nodes: [
      call('MatMul', ['i0', 'i1'], ['h0']),
      call('If', ['i3'], ['o0'], {
        then_branch: body(
          [],
          ['last'],
          [call('Loop', ['i2', '', 'h0'], ['last', 'all'], { body: loopBody(handedOn) })],
        ),
        else_branch: body([], ['e'], [call('Tanh', ['h0'], ['e'])]),
      }),
    ],
  },
]

describe('control flow written out', () => {
  it.each(rows.map((r) => [r.name, r] as const))(
    '%s: answers as the runtime does, with right gradients',
    async (_, r) => {
      expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
      const { check, network } = await checkClassifier({ ...r, outputs: ['o0'] }, pool)
      expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
      expect(check.isOneByOne).toBe(false)
      expect(network.parameters.map((p) => p.name)).toContain('i1')
    },
  )

  const inMlp = (nodes: Node[], initializers: Graph['initializers']): Graph => {
    const graph = mlpGraph()
    const [first, , last] = graph.nodes
    return {
      ...graph,
      initializers: new Map([...graph.initializers, ...initializers]),
      nodes: [first!, ...nodes, { ...last!, inputs: ['a', 'fc2.weight', 'fc2.bias'] }],
    }
  }
  const count = (n: number): Graph['initializers'] =>
    new Map([
      ['count', tensor('int64', [], BigInt64Array.of(BigInt(n)))],
      ['i1', f32([5, 5], 7)],
    ])

  it('is refused by name where the course depends on data', async () => {
    const nodes = [
      call('ReduceMax', ['h'], ['most'], { keepdims: int(0) }),
      call('Cast', ['most'], ['choice'], { to: int(9) }),
      call('If', ['choice'], ['a'], {
        then_branch: body([], ['t'], [call('Tanh', ['h'], ['t'])]),
        else_branch: body([], ['e'], [call('Sigmoid', ['h'], ['e'])]),
      }),
    ]
    await expect(openNetwork(inMlp(nodes, new Map()), engineOf(pool))).rejects.toMatchObject({
      code: 'rule-missing',
      message: expect.stringMatching(/^Node "node_a" \(If\) depends on "choice", which changes with the data/),
    })
  })

  it('is refused by name where it may end early or goes on too long', async () => {
    const early = [
      call('ReduceMax', ['h'], ['most'], { keepdims: int(0) }),
      call('Cast', ['most'], ['go2'], { to: int(9) }),
    ]
    const loop = (end: Node[]) => [call('Loop', ['count', '', 'h'], ['a', 'all'], { body: loopBody(end) })]
    await expect(openNetwork(inMlp(loop(early), count(2)), engineOf(pool))).rejects.toMatchObject({
      code: 'rule-missing',
      message: expect.stringContaining('has a condition that may end it early'),
    })
    await expect(openNetwork(inMlp(loop(handedOn), count(5000)), engineOf(pool))).rejects.toMatchObject({
      code: 'rule-missing',
      message: expect.stringContaining('more than the 16384 that can be differentiated'),
    })
  })
})
