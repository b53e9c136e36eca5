import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { gradientProgram } from '../../src/fisher/program.js'
import { type Graph, int, ints, type Node } from '../../src/graph/graph.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { writeGraph } from '../../src/onnx/model.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { f32, node, numbers } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

const batch = 4
const norm = (from: string, to: string): Node =>
  node('BatchNormalization', [from, `${to}.s`, `${to}.b`, `${to}.m`, `${to}.v`], to)
const scaled = (dims: readonly number[], seed: number, by: number, from = 0): Tensor =>
  tensor(
    'float32',
    dims,
    numbers(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ).map((x) => from + by * x),
  )
const statistics = (name: string, channels: number, seed: number): [string, Tensor][] => [
  [`${name}.s`, scaled([channels], seed, 0.2, 1)],
  [`${name}.b`, scaled([channels], seed + 1, 0.3)],
  [`${name}.m`, scaled([channels], seed + 2, 0.3)],
  [`${name}.v`, scaled([channels], seed + 3, 0.2, 1)],
]

/** Convolution with a bias, depthwise, with stride 2 on few positions, and 1×1; batch norm behind each, with Relu, Clip, nothing and an addition behind that. */
const graph: Graph = {
  name: 'norms',
  opsets: new Map([['', 17]]),
  inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 3, 8, 8] }],
  outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', 5] }],
  initializers: new Map([
    ['w1', f32([20, 3, 3, 3], 2)],
    ['b1', f32([20], 3)],
    ...statistics('n1', 20, 10),
    ['w2', f32([20, 1, 3, 3], 4)],
    ...statistics('n2', 20, 20),
    ['w3', f32([6, 20, 3, 3], 5)],
    ...statistics('n3', 6, 30),
    ['w4', f32([6, 6, 1, 1], 6)],
    ...statistics('n4', 6, 40),
    ['fc', f32([5, 6], 7)],
    ['zero', tensor('float32', [], Float32Array.of(0))],
    ['six', tensor('float32', [], Float32Array.of(6))],
  ]),
  nodes: [
    node('Conv', ['x', 'w1', 'b1'], 'c1', { pads: ints([1, 1, 1, 1]) }),
    norm('c1', 'n1'),
    node('Relu', ['n1'], 'a1'),
    node('Conv', ['a1', 'w2'], 'c2', { pads: ints([1, 1, 1, 1]), group: int(20) }),
    norm('c2', 'n2'),
    node('Clip', ['n2', 'zero', 'six'], 'a2'),
    node('Conv', ['a2', 'w3'], 'c3', { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) }),
    norm('c3', 'n3'),
    node('Conv', ['n3', 'w4'], 'c4'),
    norm('c4', 'n4'),
    node('Add', ['n3', 'n4'], 'sum'),
    node('Relu', ['sum'], 'a4'),
    node('GlobalAveragePool', ['a4'], 'pooled'),
    node('Flatten', ['pooled'], 'flat'),
    node('Gemm', ['flat', 'fc'], 'logits', { transB: int(1) }),
  ],
}
const bias = (values: readonly number[]): Graph => ({
  ...graph,
  initializers: new Map([...graph.initializers, ['n3.b', tensor('float32', [6], Float32Array.from(values))]]),
})

let network: Network
beforeAll(async () => {
  network = await openNetwork(graph, engine)
})

/** Gradients by parameter, and the nodes that were written for them. */
async function gradientsOf(of: Network, form: 'squares' | 'sum', asInputs: ReadonlySet<string>) {
  const s = await of.at(batch)
  const wanted = new Set(of.parameters.map((p) => p.name))
  const program = gradientProgram(s, of.loss, form, wanted, { asInputs })
  const session = await engine.createSession(writeGraph(program.graph))
  const targets = new Float32Array(batch * 5)
  for (let n = 0; n < batch; n++) targets[n * 5 + (n % 5)] = 1
  const weights = program.graph.inputs.filter(({ name }) => asInputs.has(name))
  const out = await session.run({
    x: f32([batch, 3, 8, 8], 9),
    [program.targets]: tensor('float32', [batch, 5], targets),
    [program.weights]: tensor('float32', [batch, 1], new Float32Array(batch).fill(1)),
    ...Object.fromEntries(weights.map(({ name }) => [name, of.graph.initializers.get(name)!])),
  })
  await session.release()
  const values = new Map([...program.outputs].map(([name, output]) => [name, out[output]!.data as Float32Array]))
  return { values, nodes: program.graph.nodes.filter((n) => n.name.startsWith('lethe/')) }
}

const readers = (nodes: readonly Node[], name: string): string[] =>
  nodes.filter((n) => n.inputs.includes(name)).map((n) => n.op)

describe('batch norm behind a convolution', () => {
  const all = new Set(graph.initializers.keys())

  it.each(['sum', 'squares'] as const)('has the same gradients from its output as from its input: %s', async (form) => {
    const varying = new Set(network.parameters.map((p) => p.name).filter((name) => all.has(name)))
    const [fixed, free] = [await gradientsOf(network, form, new Set()), await gradientsOf(network, form, varying)]
    expect([...fixed.values.keys()].sort()).toEqual([...free.values.keys()].sort())
    for (const [name, values] of fixed.values) {
      const other = free.values.get(name)!
      const scale = Math.max(...other.map(Math.abs))
      expect(scale, name).toBeGreaterThan(0)
      expect(Math.max(...values.map((v, i) => Math.abs(v - other[i]!))), name).toBeLessThan(2e-5 * scale)
    }
    // The runtime may make one of convolution, norm and Relu: nothing else reads what lies between them.
    for (const name of ['c1', 'n1', 'c2', 'n2', 'c3', 'c4']) expect(readers(fixed.nodes, name), name).toEqual([])
    expect(readers(free.nodes, 'c1')).toEqual(['Sub'])
  })

  it('has its own output where the loss begins there, whatever reads it besides', async () => {
    const last: Graph = {
      ...graph,
      outputs: [...graph.outputs, { name: 'positive', dtype: 'float32', dims: ['batch', 5] }],
      initializers: new Map([...graph.initializers, ...statistics('logits', 5, 50)]),
      nodes: [
        ...graph.nodes.slice(0, -1),
        node('Gemm', ['flat', 'fc'], 'h', { transB: int(1) }),
        norm('h', 'logits'),
        node('Relu', ['logits'], 'positive'),
      ],
    }
    const opened = await openNetwork(last, engine, { output: 'logits' })
    const [fixed, free] = [
      await gradientsOf(opened, 'squares', new Set()),
      await gradientsOf(opened, 'squares', new Set(['logits.s', 'logits.b'])),
    ]
    const [a, b] = [fixed.values.get('logits.s')!, free.values.get('logits.s')!]
    expect(Math.max(...a.map((v, i) => Math.abs(v - b[i]!)))).toBeLessThan(2e-5 * Math.max(...b))
  })

  it('reads its input where a bias is far larger than its scale', async () => {
    const far = await openNetwork(bias([0.1, 0.2, 900, 0.1, 0, 0.3]), engine)
    const { nodes } = await gradientsOf(far, 'squares', new Set())
    expect([readers(nodes, 'c3'), readers(nodes, 'c1')]).toEqual([['Sub'], []])
  })
})
