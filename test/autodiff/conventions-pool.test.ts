import { afterAll, describe, expect, it } from 'vitest'
import { backward, type ValueFacts } from '../../src/autodiff/backward.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { Emitter } from '../../src/graph/emitter.js'
import { type Attributes, type Graph, int, ints } from '../../src/graph/graph.js'
import { writeGraph } from '../../src/onnx/model.js'
import { type Tensor, tensor, toNumbers } from '../../src/tensor/tensor.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

interface Tie {
  readonly law: string
  readonly op: 'MaxPool' | 'GlobalMaxPool'
  readonly attributes?: Attributes
  readonly x: { readonly dims: readonly number[]; readonly values: readonly number[] }
  /** Cotangent of the output. */
  readonly dy: { readonly dims: readonly number[]; readonly values: readonly number[] }
  readonly dx: readonly number[]
}

const ones = (dims: readonly number[]): Tie['dy'] => ({
  dims,
  values: Array(dims.reduce((a, b) => a * b, 1)).fill(1),
})
/** Lower than this, and ONNX Runtime's MaxPool itself gives no element of x: its maximum of −∞ alone is the lowest float. */
const low = -3e38

/** Who gets the gradient among equal maxima. All numbers from torch.autograd (PyTorch 2.13), float32. */
const ties: readonly Tie[] = [
  {
    law: 'in tiles, the first in row-major order gets all', // max_pool2d(x, 2)
    op: 'MaxPool',
    attributes: { kernel_shape: ints([2, 2]), strides: ints([2, 2]) },
    x: { dims: [1, 1, 2, 4], values: [1, 3, 0, 0, 3, 3, 0, 0] },
    dy: ones([1, 1, 1, 2]),
    dx: [0, 1, 1, 0, 0, 0, 0, 0],
  },
  {
    law: 'where windows overlap, each chooses by itself', // max_pool2d(x, 2, 1), cotangent 1 … 6
    op: 'MaxPool',
    attributes: { kernel_shape: ints([2, 2]) },
    x: { dims: [1, 1, 3, 4], values: [1, 2, 2, 1, 2, 2, 2, 2, 0, 2, 2, 2] },
    dy: { dims: [1, 1, 2, 3], values: [1, 2, 3, 4, 5, 6] },
    dx: [0, 3, 3, 0, 4, 5, 6, 0, 0, 0, 0, 0],
  },
  {
    law: 'padding is no maximum, not even among zeros', // max_pool2d(x, 3, 2, 1)
    op: 'MaxPool',
    attributes: { kernel_shape: ints([3, 3]), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) },
    x: { dims: [1, 1, 4, 4], values: Array(16).fill(0) },
    dy: ones([1, 1, 2, 2]),
    dx: [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  },
  {
    law: 'padding is no maximum, not even among the lowest numbers', // max_pool1d(x, 3, 1, 1)
    op: 'MaxPool',
    attributes: { kernel_shape: ints([3]), pads: ints([1, 1]) },
    x: { dims: [1, 1, 4], values: [low, low, low, low] },
    dy: ones([1, 1, 4]),
    dx: [2, 1, 1, 0],
  },
  {
    law: 'with dilations, what lies between is not seen', // max_pool1d(x, 2, 1, 0, 2)
    op: 'MaxPool',
    attributes: { kernel_shape: ints([2]), dilations: ints([2]) },
    x: { dims: [1, 1, 5], values: [5, 1, 5, 5, 5] },
    dy: ones([1, 1, 3]),
    dx: [1, 0, 1, 1, 0],
  },
  {
    law: 'a window beyond the end chooses among what is there', // max_pool1d(x, 2, 2, ceil_mode=True)
    op: 'MaxPool',
    attributes: { kernel_shape: ints([2]), strides: ints([2]), ceil_mode: int(1) },
    x: { dims: [1, 1, 5], values: [-1, -1, -2, -3, -3] },
    dy: ones([1, 1, 3]),
    dx: [1, 0, 1, 0, 1],
  },
  {
    law: 'over all of space, the first in row-major order gets all', // adaptive_max_pool2d(x, 1)
    op: 'GlobalMaxPool',
    x: { dims: [1, 2, 2, 2], values: [0, 3, 3, 3, 0, 0, 0, 0] },
    dy: ones([1, 2, 1, 1]),
    dx: [0, 1, 0, 0, 1, 0, 0, 0],
  },
]

async function gradientOf(row: Tie, opset: number): Promise<number[]> {
  const of = (t: Tie['dy']): Tensor => tensor('float32', t.dims, Float32Array.from(t.values))
  const feeds = { x: of(row.x), dy: of(row.dy) }
  const graph: Graph = {
    name: row.op,
    opsets: new Map([['', opset]]),
    inputs: Object.entries(feeds).map(([name, t]) => ({ name, dtype: t.dtype, dims: t.dims })),
    outputs: [],
    initializers: new Map(),
    nodes: [{ op: row.op, domain: '', name: 'node', inputs: ['x'], outputs: ['y'], attributes: row.attributes ?? {} }],
  }
  const facts = (name: string, dims: readonly number[]): ValueFacts => ({
    name,
    dims,
    dtype: 'float32',
    kind: 'data',
    batchAxis: 0,
  })
  const emitter = new Emitter(opset)
  const found = backward({
    graph,
    batch: 1,
    values: new Map([
      ['x', facts('x', row.x.dims)],
      ['y', facts('y', row.dy.dims)],
    ]),
    emitter,
    seeds: new Map([['y', facts('dy', row.dy.dims)]]),
    wanted: new Set(['x']),
    form: 'sum',
  })
  const dx = found.get('x')!
  const full = emitter.finish(graph, [{ name: dx.name, dtype: dx.dtype, dims: dx.dims }])
  const session = await engine.createSession(writeGraph(full))
  try {
    return toNumbers((await session.run(feeds))[dx.name]!)
  } finally {
    await session.release()
  }
}

describe('where elements tie for a maximum, pooling gives the gradient to the one that PyTorch gives it to', () => {
  it.each(
    ties.flatMap((row) => [10, 17, 22].map((opset) => [`${row.op} (opset ${opset})`, row.law, row, opset] as const)),
  )('%s: %s', async (_, __, row, opset) => {
    expect(await gradientOf(row, opset)).toEqual(row.dx)
  })
})
