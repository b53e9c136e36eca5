import { afterAll, describe, expect, it } from 'vitest'
import { activeValues, backward } from '../../src/autodiff/backward.js'
import { narrow, type Stated } from '../../src/autodiff/narrow.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { Emitter } from '../../src/graph/emitter.js'
import { float, type Graph, int, ints, type Node, standardOpset } from '../../src/graph/graph.js'
import { writeGraph } from '../../src/onnx/model.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { specialise, trace } from '../../src/trace/trace.js'
import { f32, node } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

const int64s = (values: readonly number[], dims: readonly number[] = [values.length]): Tensor =>
  tensor('int64', dims, BigInt64Array.from(values, BigInt))

const [N, T, D] = [3, 5, 4]

/** From x [N, 5, 4] to y, of which one position is read; weights are w0, w1 … and constants c0, c1 …, by shape or value. */
interface Row {
  readonly name: string
  readonly nodes: readonly Node[]
  readonly weights?: readonly (readonly number[])[]
  readonly constants?: readonly Tensor[]
  /** What is read of y; default position 1 of axis 1. */
  readonly read?: readonly Node[]
  /** Shape of each value named, once it is narrow. */
  readonly narrows: Readonly<Record<string, readonly number[]>>
  readonly opset?: number
}

const first: readonly Node[] = [node('Gather', ['y', 'one'], 'read', { axis: int(1) })]
const relu = (from: string, to: string): Node => node('Relu', [from], to)

const rows: readonly Row[] = [
  {
    name: 'elementwise, behind it a sum with a position of its own',
    nodes: [node('Add', ['x', 'w0'], 'a'), node('Mul', ['a', 'w1'], 'b'), relu('b', 'y')],
    weights: [[1, T, D], [D]],
    narrows: { a: [N, 1, D], b: [N, 1, D], y: [N, 1, D] },
  },
  {
    name: 'a choice',
    nodes: [node('Greater', ['x', 'w0'], 'm'), node('Where', ['m', 'x', 'w1'], 'y')],
    weights: [[1, T, 1], [D]],
    narrows: { y: [N, 1, D] },
  },
  {
    name: 'MatMul of tokens, a linear layer with its bias',
    nodes: [node('MatMul', ['x', 'w0'], 'a'), node('Add', ['a', 'w1'], 'y')],
    weights: [[D, 6], [6]],
    narrows: { a: [N, 1, 6], y: [N, 1, 6] },
  },
  {
    name: 'layer norm',
    nodes: [node('LayerNormalization', ['x', 'w0', 'w1'], 'y', { axis: int(-1), epsilon: float(1e-5) })],
    weights: [[D], [D]],
    narrows: { y: [N, 1, D] },
  },
  {
    name: 'layer norm that is written out',
    nodes: [
      node('ReduceMean', ['x'], 'mean', { axes: ints([-1]), keepdims: int(1) }),
      node('Sub', ['x', 'mean'], 'centred'),
      node('Mul', ['centred', 'w0'], 'y'),
    ],
    weights: [[D]],
    narrows: { mean: [N, 1, 1], centred: [N, 1, D], y: [N, 1, D] },
  },
  {
    name: 'a sum that drops its axis',
    nodes: [node('Mul', ['x', 'w0'], 'a'), node('ReduceSum', ['a', 'c0'], 'y', { keepdims: int(0) })],
    weights: [[D]],
    constants: [int64s([2])],
    narrows: { a: [N, 1, D], y: [N, 1] },
  },
  {
    name: 'attention: of the queries alone',
    nodes: [
      node('MatMul', ['x', 'w0'], 'q'),
      node('MatMul', ['x', 'w1'], 'k'),
      node('MatMul', ['x', 'w2'], 'v'),
      node('Reshape', ['q', 'c0'], 'q4'),
      node('Reshape', ['k', 'c0'], 'k4'),
      node('Reshape', ['v', 'c0'], 'v4'),
      node('Transpose', ['q4'], 'qh', { perm: ints([0, 2, 1, 3]) }),
      node('Transpose', ['k4'], 'kh', { perm: ints([0, 2, 3, 1]) }),
      node('Transpose', ['v4'], 'vh', { perm: ints([0, 2, 1, 3]) }),
      node('MatMul', ['qh', 'kh'], 's'),
      node('Softmax', ['s'], 'p', { axis: int(-1) }),
      node('MatMul', ['p', 'vh'], 'o'),
      node('Transpose', ['o'], 'ot', { perm: ints([0, 2, 1, 3]) }),
      node('Reshape', ['ot', 'c1'], 'y'),
    ],
    weights: [
      [D, 6],
      [D, 6],
      [D, 6],
    ],
    constants: [int64s([0, T, 2, 3]), int64s([0, T, 6])],
    narrows: { q: [N, 1, 6], k: [N, T, 6], s: [N, 2, 1, T], p: [N, 2, 1, T], o: [N, 2, 1, 3], y: [N, 1, 6] },
  },
  {
    name: 'what is read twice: from the first to the last position',
    nodes: [node('Mul', ['x', 'w0'], 'a'), relu('a', 'y')],
    weights: [[1, T, D]],
    read: [
      node('Gather', ['y', 'one'], 'early', { axis: int(1) }),
      node('Slice', ['y', 'c0', 'c1', 'c2', 'c3'], 'late'),
      node('Squeeze', ['late', 'c2'], 'last'),
      node('Add', ['early', 'last'], 'read'),
    ],
    // Position −2, backwards.
    constants: [int64s([-2]), int64s([2]), int64s([1]), int64s([-1])],
    narrows: { a: [N, 3, D], y: [N, 3, D] },
  },
  {
    name: 'a slice that is all that is left',
    nodes: [node('Mul', ['x', 'w0'], 'y')],
    weights: [[D]],
    read: [node('Slice', ['y', 'c0', 'c1', 'c2'], 'cut'), node('Flatten', ['cut'], 'read', { axis: int(1) })],
    constants: [int64s([2]), int64s([9]), int64s([1])],
    narrows: { y: [N, 3, D] },
  },
  {
    name: 'parts put together and taken apart beside the axis',
    nodes: [
      node('Mul', ['x', 'w0'], 'a'),
      node('Concat', ['a', 'x'], 'b', { axis: int(2) }),
      { ...node('Split', ['b', 'c0'], 'd', { axis: int(2) }), outputs: ['d', 'e'] },
      node('Slice', ['d', 'c1', 'c2', 'c3'], 'f'),
      node('MatMul', ['f', 'w1'], 'g'),
      node('MatMul', ['e', 'w2'], 'h'),
      node('Add', ['g', 'h'], 'y'),
    ],
    weights: [[D], [2, D], [5, D]],
    constants: [int64s([3, 5]), int64s([1]), int64s([3]), int64s([2])],
    narrows: { b: [N, 1, 2 * D], d: [N, 1, 3], e: [N, 1, 5], f: [N, 1, 2], y: [N, 1, D] },
  },
  {
    name: 'examples on another axis than the first',
    nodes: [
      node('Transpose', ['x'], 't', { perm: ints([1, 0, 2]) }),
      node('MatMul', ['t', 'w0'], 'a'),
      node('Unsqueeze', ['a', 'c0'], 'u'),
      node('Mul', ['u', 'w0'], 'm'),
      node('ReduceSum', ['m', 'c1'], 'y', { keepdims: int(0) }),
    ],
    weights: [[D, D]],
    constants: [int64s([2]), int64s([3])],
    read: [node('Gather', ['y', 'one'], 'read', { axis: int(0) })],
    narrows: { t: [1, N, D], a: [1, N, D], u: [1, N, 1, D], m: [1, N, D, D], y: [1, N, D] },
  },
  {
    name: 'Softmax of opset 11 takes all behind its axis as one',
    nodes: [node('Mul', ['x', 'w0'], 'a'), node('Softmax', ['a'], 'y', { axis: int(2) })],
    weights: [[D]],
    opset: 11,
    narrows: { a: [N, 1, D], y: [N, 1, D] },
  },
  {
    name: 'nothing, where all positions meet: a softmax over them',
    nodes: [node('Mul', ['x', 'w0'], 'a'), node('Softmax', ['a'], 'y', { axis: int(1) })],
    weights: [[D]],
    narrows: {},
  },
  {
    name: 'nothing, where an output of the graph shows all of it',
    nodes: [node('Mul', ['x', 'w0'], 'shown'), node('Identity', ['shown'], 'y')],
    weights: [[D]],
    narrows: { y: [N, 1, D], shown: [N, T, D] },
  },
]

function graphOf({ nodes, weights = [], constants = [], read = first, opset = 17 }: Row): Graph {
  const isShown = nodes.some((n) => n.outputs.includes('shown'))
  return {
    name: 'narrow',
    opsets: new Map([['', opset]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', T, D] }],
    outputs: ['read', ...(isShown ? ['shown'] : [])].map((name) => ({ name, dtype: undefined, dims: [] })),
    initializers: new Map([
      ['one', tensor('int64', [], BigInt64Array.of(1n))],
      ...weights.map((dims, i) => [`w${i}`, f32(dims, i + 2)] as const),
      ...constants.map((t, i) => [`c${i}`, t] as const),
    ]),
    nodes: [...nodes, ...read],
  }
}

/** The output that is read, and per-example gradients of all weights for a cotangent of numbers. */
async function results({ graph, values }: Stated): Promise<Record<string, Float32Array>> {
  const e = new Emitter(standardOpset(graph))
  const seed = e.constant(f32(values.get('read')!.dims, 99))
  const wanted = new Set([...graph.initializers.keys()].filter((name) => name.startsWith('w')))
  const reached = new Set([...wanted].filter((name) => activeValues(graph, new Set([name])).has('read')))
  const seeds = new Map([['read', seed]])
  const found = backward({ graph, batch: N, values, emitter: e, seeds, wanted: reached, form: 'each' })
  const full = e.finish(graph, [...graph.outputs, ...found.values()])
  const session = await engine.createSession(writeGraph(full))
  const out = await session.run({ x: f32([N, T, D], 1) })
  await session.release()
  const named = [...found].map(([name, v]) => [name, out[v.name]!.data] as const)
  return Object.fromEntries([['read', out.read!.data], ...named]) as Record<string, Float32Array>
}

describe('a narrow graph makes what is read and no more, and its numbers are those of the whole', () => {
  it.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const traced = await trace(graphOf(row), engine, { x: f32([N, T, D], 1) })
    const whole = await specialise(traced, engine, N)
    const small = narrow(whole, ['read'])
    const dims = Object.fromEntries(Object.keys(row.narrows).map((name) => [name, small.values.get(name)?.dims]))
    expect(dims).toEqual(row.narrows)
    if (Object.keys(row.narrows).length === 0) expect(small).toBe(whole)
    const [expected, found] = [await results(whole), await results(small)]
    expect(Object.keys(found)).toEqual(Object.keys(expected))
    expect(Object.keys(found).length).toBeGreaterThan(1)
    for (const [name, numbers] of Object.entries(expected)) {
      const scale = numbers.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
      expect(scale, name).toBeGreaterThan(0)
      const worst = numbers.reduce((most, v, i) => Math.max(most, Math.abs(v - found[name]![i]!)), 0)
      // Kernels for one row add in another order.
      expect(worst, name).toBeLessThan(1e-5 * scale)
    }
  })
})
