import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, type Graph, int, ints, type Node } from '../../src/graph/graph.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import { needsOneByOne } from '../../src/importance/units.js'
import type { Examples } from '../../src/network/examples.js'
import { inspect } from '../../src/network/inspect.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { specialise, trace } from '../../src/trace/trace.js'
import { f32, mlpGraph, numbers } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): Node => ({
  op,
  domain: '',
  name: `node_${output}`,
  inputs,
  outputs: [output],
  attributes,
})
const i64 = (...values: number[]): Tensor => tensor('int64', [values.length], BigInt64Array.from(values, BigInt))

/** Tokens x [N, 3, 4] to scores [N, 2]. */
function tokenGraph(nodes: Node[], initializers: Record<string, Tensor>, batch: number | string = 'batch'): Graph {
  return {
    name: 'tokens',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: [batch, 3, 4] }],
    outputs: [{ name: 'logits', dtype: 'float32', dims: [batch, 2] }],
    initializers: new Map(Object.entries(initializers)),
    nodes,
  }
}

const weights = { w1: f32([4, 5], 1), b1: f32([5], 2), w2: f32([5, 2], 3), b2: f32([2], 4) }

/** y = mean over tokens of tanh(x·w1 + b1), then a linear layer. */
const plain = (batch?: number): Graph =>
  tokenGraph(
    [
      node('MatMul', ['x', 'w1'], 'xw'),
      node('Add', ['xw', 'b1'], 'h'),
      node('Tanh', ['h'], 'a'),
      node('ReduceMean', ['a'], 'm', { axes: ints([1]), keepdims: int(0) }),
      node('Gemm', ['m', 'w2', 'b2'], 'logits'),
    ],
    weights,
    batch,
  )

/** The same with examples and tokens folded into one axis for the first layer, through a computed shape. */
const folded = (): Graph =>
  tokenGraph(
    [
      node('Shape', ['x'], 'shape'),
      node('Gather', ['shape', 'first'], 'n'),
      node('Concat', ['n', 'rest'], 'unfolded', { axis: int(0) }),
      node('Reshape', ['x', 'rows'], 'flat'),
      node('Gemm', ['flat', 'w1', 'b1'], 'h'),
      node('Tanh', ['h'], 'a'),
      node('Reshape', ['a', 'unfolded'], 'tokens'),
      node('ReduceMean', ['tokens'], 'm', { axes: ints([1]), keepdims: int(0) }),
      node('Gemm', ['m', 'w2', 'b2'], 'logits'),
    ],
    { ...weights, rows: i64(-1, 4), first: i64(0), rest: i64(3, 5) },
  )

/** The same with tokens in front: [T, N, D] inside. */
const sequenceFirst = (): Graph =>
  tokenGraph(
    [
      node('Transpose', ['x'], 't', { perm: ints([1, 0, 2]) }),
      node('MatMul', ['t', 'w1'], 'xw'),
      node('Add', ['xw', 'b1'], 'h'),
      node('Tanh', ['h'], 'a'),
      node('ReduceMean', ['a'], 'm', { axes: ints([0]), keepdims: int(0) }),
      node('Gemm', ['m', 'w2', 'b2'], 'logits'),
    ],
    weights,
  )

/** Batch last in the first layer: features as rows, [D, N]. */
const batchLast = (): Graph =>
  tokenGraph(
    [
      node('ReduceMean', ['x'], 'r', { axes: ints([1]), keepdims: int(0) }),
      node('Transpose', ['r'], 't', { perm: ints([1, 0]) }),
      node('Gemm', ['w1', 't', 'column'], 'h', { transA: int(1) }),
      node('Tanh', ['h'], 'a'),
      node('Transpose', ['a'], 'm', { perm: ints([1, 0]) }),
      node('Gemm', ['m', 'w2', 'b2'], 'logits'),
    ],
    { w1: weights.w1, column: f32([5, 1], 2), w2: weights.w2, b2: weights.b2 },
  )

/** A convolution of one element over [T, D, N]: the batch is where a convolution has its positions. */
const batchAsPositions = (): Graph =>
  tokenGraph(
    [
      node('Transpose', ['x'], 't', { perm: ints([1, 2, 0]) }),
      node('Conv', ['t', 'kernel'], 'h', { kernel_shape: ints([1]) }),
      node('Tanh', ['h'], 'a'),
      node('Transpose', ['a'], 'u', { perm: ints([2, 0, 1]) }),
      node('ReduceMean', ['u'], 'm', { axes: ints([1]), keepdims: int(0) }),
      node('Gemm', ['m', 'w2', 'b2'], 'logits'),
    ],
    { kernel: f32([5, 4, 1], 6), w2: weights.w2, b2: weights.b2 },
  )

/** Batch norm over [T, D, N], with running statistics. */
const normedSequence = (): Graph =>
  tokenGraph(
    [
      node('Transpose', ['x'], 't', { perm: ints([1, 2, 0]) }),
      node('BatchNormalization', ['t', 'scale', 'shift', 'mean', 'variance'], 'h'),
      node('Tanh', ['h'], 'a'),
      node('Transpose', ['a'], 'u', { perm: ints([2, 0, 1]) }),
      node('ReduceMean', ['u'], 'm', { axes: ints([1]), keepdims: int(0) }),
      node('Gemm', ['m', 'head', 'b2'], 'logits'),
    ],
    {
      scale: f32([4], 7),
      shift: f32([4], 8),
      mean: f32([4], 9),
      variance: tensor('float32', [4], Float32Array.of(0.5, 1, 2, 1)),
      head: f32([4, 2], 3),
      b2: weights.b2,
    },
  )

/** Tokens of all examples in rows that hold tokens of several, and put back after the first layer. */
const scrambled = (): Graph =>
  tokenGraph(
    [
      node('Transpose', ['x'], 't', { perm: ints([1, 0, 2]) }),
      node('Reshape', ['t', 'wrong'], 'r'),
      node('MatMul', ['r', 'w1'], 'h'),
      node('Reshape', ['h', 'right'], 'u'),
      node('Transpose', ['u'], 'v', { perm: ints([1, 0, 2]) }),
      node('ReduceMean', ['v'], 'm', { axes: ints([1]), keepdims: int(0) }),
      node('Gemm', ['m', 'w2', 'b2'], 'logits'),
    ],
    { w1: weights.w1, w2: weights.w2, b2: weights.b2, wrong: i64(-1, 3, 4), right: i64(3, -1, 5) },
  )

/** Every example seen as it is and mirrored, in one batch of twice the size. */
const doubled = (): Graph =>
  tokenGraph(
    [
      node('Neg', ['x'], 'negated'),
      node('Concat', ['x', 'negated'], 'both', { axis: int(0) }),
      node('MatMul', ['both', 'w1'], 'xw'),
      node('Add', ['xw', 'b1'], 'h'),
      node('Tanh', ['h'], 'a'),
      node('Reshape', ['a', 'apart'], 'pairs'),
      node('ReduceMean', ['pairs'], 'm', { axes: ints([0, 2]), keepdims: int(0) }),
      node('Gemm', ['m', 'w2', 'b2'], 'logits'),
    ],
    { ...weights, apart: i64(2, -1, 3, 5) },
  )

function examples(size: number): Examples {
  const x = numbers(size * 12, 9)
  return {
    size,
    labels: Int32Array.from({ length: size }, (_, i) => i % 2),
    id: String,
    async load(rows) {
      const data = new Float32Array(rows.length * 12)
      for (const [i, row] of rows.entries()) data.set(x.subarray(row * 12, (row + 1) * 12), i * 12)
      return { x: tensor('float32', [rows.length, 3, 4], data) }
    },
  }
}

const open = (graph: Graph): Promise<Network> => openNetwork(graph, engine)
const size = 7
const settings = { estimator: 'exact' }

/** Σ over the examples of the squared gradient, each example in a batch of its own: gradients are summed, never kept apart. */
async function oneByOne(graph: Graph): Promise<ReadonlyMap<string, Float64Array>> {
  const loop = { estimator: 'batch-mean', batchSize: 1 }
  return (await estimateImportance(await open(graph), pool, examples(size), { settings: loop })).sums
}

/** Largest difference as a share of the tensor's largest entry: float32 sums in another order. */
function worst(a: ReadonlyMap<string, Float64Array>, b: ReadonlyMap<string, Float64Array>): number {
  expect([...a.keys()].toSorted()).toEqual([...b.keys()].toSorted())
  const shares = [...a].map(([name, values]) => {
    const other = b.get(name)!
    const scale = Math.max(...other)
    expect(scale).toBeGreaterThan(0)
    return Math.max(...values.map((v, i) => Math.abs(v - other[i]!))) / scale
  })
  return Math.max(...shares)
}
const tolerance = 1e-5

describe('importances are those of a loop over the examples, wherever the model puts its batch', () => {
  it.each([
    { where: 'in front', graph: plain, form: 'batch' },
    { where: 'folded into the tokens', graph: folded, form: 'batch' },
    { where: 'on the second axis', graph: sequenceFirst, form: 'batch' },
    { where: 'last, behind the features', graph: batchLast, form: 'batch' },
    { where: 'on an axis of its length that holds others', graph: scrambled, form: 'one' },
    { where: 'twice on one axis', graph: doubled, form: 'batch' },
    { where: 'behind the channels of batch norm', graph: normedSequence, form: 'one' },
    { where: 'fixed to one', graph: () => plain(1), form: 'one' },
    { where: 'fixed to three', graph: () => plain(3), form: 'one' },
  ])('$where', async ({ graph, form }) => {
    const network = await open(graph())
    const { sums } = await estimateImportance(network, pool, examples(size), { settings })
    expect(worst(sums, await oneByOne(graph()))).toBeLessThan(tolerance)
    // Inspection tells how it is done, and it is the way that is taken.
    const { exact, problems } = await inspect(graph(), engine)
    expect(problems).toEqual([])
    expect(exact).toBe(form)
    expect(exact === 'one').toBe(await needsOneByOne(network))
  })

  it('on the positions of a convolution', async () => {
    const network = await open(batchAsPositions())
    const { sums } = await estimateImportance(network, pool, examples(size), { settings })
    expect(worst(sums, await oneByOne(batchAsPositions()))).toBeLessThan(tolerance)
  })

  it('and all of these models have the importances of the plain one', async () => {
    const reference = await oneByOne(plain())
    for (const graph of [folded(), sequenceFirst(), plain(3)]) {
      const { sums } = await estimateImportance(await open(graph), pool, examples(size), { settings })
      expect(worst(sums, reference)).toBeLessThan(tolerance)
    }
  })
})

describe('the batch axis of a value', () => {
  it('is followed through transposes, and lost where it is folded into another axis', async () => {
    const s = await (await open(sequenceFirst())).at(5)
    const axis = (name: string): unknown => s.values.get(name)?.batchAxis
    expect(['x', 't', 'h', 'm', 'logits'].map(axis)).toEqual([0, 1, 1, 0, 0])
    expect(s.values.get('t')!.dims).toEqual([3, 5, 4])
    const f = await (await open(folded())).at(5)
    expect(f.values.get('flat')).toMatchObject({ dims: [15, 4], batchAxis: undefined, kind: 'data' })
    expect(f.values.get('tokens')).toMatchObject({ dims: [5, 3, 5], batchAxis: 0 })
  })

  it('is there at one example too, where the model takes any number', async () => {
    const s = await (await open(plain())).at(1)
    expect(s.values.get('h')).toMatchObject({ dims: [1, 3, 5], batchAxis: 0 })
  })
})

describe('shape computations', () => {
  it('become constants at a batch size, and their nodes go', async () => {
    const { graph, values } = await (await open(folded())).at(6)
    expect(graph.nodes.map((n) => n.op)).toEqual([
      'Reshape',
      // The product with examples on an axis of their own.
      ...['Reshape', 'MatMul', 'Add', 'Reshape'],
      'Tanh',
      'Reshape',
      'ReduceMean',
      'Gemm',
    ])
    expect([...graph.initializers.get('unfolded')!.data]).toEqual([6n, 3n, 5n])
    expect(values.get('unfolded')!.kind).toBe('constant')
    // What only the shape computation had used goes too.
    expect(graph.initializers.has('first')).toBe(false)
  })

  it('are made anew for another batch size', async () => {
    const network = await open(folded())
    for (const batch of [1, 4]) {
      expect([...(await network.at(batch)).graph.initializers.get('unfolded')!.data][0]).toBe(BigInt(batch))
    }
  })
})

describe('a fixed batch', () => {
  it('is found, kept to, and told with what to change', async () => {
    const traced = await trace(plain(3), engine, { x: f32([3, 3, 4], 1) })
    expect(traced.fixedBatch).toBe(3)
    await expect(specialise(traced, engine, 2)).rejects.toMatchObject({ code: 'internal' })
    const { notes } = await inspect(plain(3), engine)
    expect(notes).toEqual([
      'The batch size is fixed to 3; export with a dynamic first axis (dynamic_axes or dynamic_shapes) to be faster.',
    ])
  })
})

describe('a model that mixes the examples of a batch is refused', () => {
  const mixing = (extra: Node[], initializers: Record<string, Tensor> = {}): Graph => {
    const graph = mlpGraph({ extra, outputs: ['end'] })
    return { ...graph, initializers: new Map([...graph.initializers, ...Object.entries(initializers)]) }
  }
  const vector = (value: number): Tensor => tensor('float32', [4], new Float32Array(4).fill(value))
  const rows: readonly { what: string; graph: Graph }[] = [
    { what: 'a softmax over the batch', graph: mixing([node('Softmax', ['logits'], 'end', { axis: int(0) })]) },
    {
      what: 'batch norm in training mode',
      graph: mixing(
        [
          {
            ...node('BatchNormalization', ['logits', 's', 'b', 'mean', 'var'], 'end', { training_mode: int(1) }),
            outputs: ['end', 'mean2', 'var2'],
          },
        ],
        { s: vector(1), b: vector(0), mean: vector(0), var: vector(1) },
      ),
    },
    {
      what: 'the mean of the batch taken off',
      graph: mixing([
        node('ReduceMean', ['logits'], 'centre', { axes: ints([0]), keepdims: int(1) }),
        node('Sub', ['logits', 'centre'], 'end'),
      ]),
    },
    {
      what: 'examples in reverse order',
      graph: mixing([node('Slice', ['logits', 'from', 'to', 'axes', 'steps'], 'end')], {
        from: i64(-1),
        to: i64(-1000),
        axes: i64(0),
        steps: i64(-1),
      }),
    },
    {
      what: 'sums over the examples before',
      graph: mixing([node('CumSum', ['logits', 'axis'], 'end')], { axis: tensor('int64', [], BigInt64Array.of(0n)) }),
    },
    {
      what: 'the example before',
      graph: mixing(
        [
          node('Slice', ['logits', 'last', 'to', 'axes'], 'tail'),
          node('Slice', ['logits', 'from', 'last', 'axes'], 'rest'),
          node('Concat', ['tail', 'rest'], 'end', { axis: int(0) }),
        ],
        { last: i64(-1), to: i64(1000), axes: i64(0), from: i64(0) },
      ),
    },
  ]
  it.each(rows)('$what', async ({ graph }) => {
    await expect(open(graph)).rejects.toMatchObject({
      code: 'mixes-examples',
      message: expect.stringMatching(/^Output "end" of an example changes with the other examples of its batch/),
    })
    const { ready, problems } = await inspect(graph, engine)
    expect(ready).toBe(false)
    expect(problems.map((p) => p.code)).toEqual(['mixes-examples'])
  })

  it.each([2, 3, 5])('also where its batch is fixed to %i', async (batch) => {
    for (const { graph } of rows) {
      const fixed = { ...graph, inputs: [{ name: 'x', dtype: 'float32' as const, dims: [batch, 6] }] }
      await expect(open(fixed)).rejects.toMatchObject({ code: 'mixes-examples' })
    }
    const separate = { ...mlpGraph(), inputs: [{ name: 'x', dtype: 'float32' as const, dims: [batch, 6] }] }
    expect((await open(separate)).classes).toBe(4)
  })

  it('and one that draws random numbers, by name', async () => {
    const graph = mixing([node('RandomNormalLike', ['logits'], 'noise'), node('Add', ['logits', 'noise'], 'end')])
    await expect(open(graph)).rejects.toMatchObject({
      code: 'model-unsupported',
      message: 'Node "node_noise" (RandomNormalLike) is random; export the model in inference mode.',
    })
  })
})
