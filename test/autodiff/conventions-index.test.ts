import { afterAll, describe, expect, it } from 'vitest'
import { backward, type ValueFacts } from '../../src/autodiff/backward.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { Emitter } from '../../src/graph/emitter.js'
import { type Attributes, float, type Graph, int, ints, text } from '../../src/graph/graph.js'
import { writeGraph } from '../../src/onnx/model.js'
import { type Tensor, tensor, toNumbers } from '../../src/tensor/tensor.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

interface Convention {
  readonly law: string
  readonly op: string
  readonly opset?: number
  readonly attributes?: Attributes
  /** Numbers with a gradient, or a constant. */
  readonly inputs: readonly (readonly number[] | Tensor)[]
  /** Shape of the inputs with a gradient, where it is not one axis. */
  readonly dims?: readonly number[]
  readonly outDims?: readonly number[]
  readonly outputs?: number
  /** Gradient of the sum of output 0 by each input with a gradient. */
  readonly expected: readonly (readonly number[])[]
}

const indices = (...values: number[]): Tensor =>
  tensor(
    'int64',
    [values.length],
    BigInt64Array.from(values, (v) => BigInt(v)),
  )
const { POSITIVE_INFINITY: infinity, NaN: nan } = Number

const scattered = (reduction: string, law: string, x: number[], u: number[], expected: number[][]): Convention => ({
  law,
  op: 'ScatterElements', // torch.scatter_reduce
  opset: 18,
  attributes: { reduction: text(reduction) },
  inputs: [x, indices(0, 0, 1), u],
  expected,
})

/** All numbers from torch.autograd (PyTorch 2.13), float32, unless it says otherwise. */
const conventions: readonly Convention[] = [
  scattered(
    'mul',
    'a zero among the factors of a place has the product of the others',
    [2, 0, 5],
    [2, 0, 0],
    [
      [0, 0, 1],
      [0, 4, 0],
    ],
  ),
  scattered(
    'max',
    'data and updates that tie at a place share evenly',
    [2, 4, 5],
    [2, 2, 4],
    [
      [1 / 3, 0.5, 1],
      [1 / 3, 1 / 3, 0.5],
    ],
  ),
  scattered(
    'max',
    'updates behind get nothing',
    [2, 0, 5],
    [2, 0, 0],
    [
      [0.5, 0.5, 1],
      [0.5, 0, 0.5],
    ],
  ),
  scattered(
    'min',
    'the smallest of a place wins',
    [2, 0, 5],
    [2, 0, 0],
    [
      [0, 0.5, 1],
      [0, 1, 0.5],
    ],
  ),
  scattered(
    'add',
    'every update of a place counts',
    [2, 0, 5],
    [2, 0, 0],
    [
      [1, 1, 1],
      [1, 1, 1],
    ],
  ),
  {
    law: 'an index from the end counts as from the front',
    op: 'GatherElements', // torch.gather
    inputs: [[1, 2, 3], indices(-1, 2, 0, -1)],
    outDims: [4],
    expected: [[1, 0, 3]],
  },
  {
    law: 'of values that tie the first is taken, with all of the gradient',
    op: 'TopK', // torch.topk
    inputs: [[3, 3, 1], indices(1)],
    outDims: [1],
    outputs: 2,
    expected: [[1, 0, 0]],
  },
  {
    law: 'a zero among the factors has exact gradients',
    op: 'CumProd', // torch.cumprod
    opset: 26,
    inputs: [[2, 0, 3, 0, 4], indices(0)],
    expected: [[1, 8, 0, 0, 0]],
  },
  {
    law: 'the remainder by b moves by the cut quotient, and at its jumps by that of its own side',
    op: 'Mod', // torch.fmod
    attributes: { fmod: int(1) },
    inputs: [
      [5, -5, 6, 0],
      [3, 3, 3, 3],
    ],
    expected: [
      [1, 1, 1, 1],
      [-1, 1, -2, 0],
    ],
  },
  {
    law: 'the gradient at ±λ is 0',
    op: 'Shrink', // torch.nn.functional.softshrink
    attributes: { lambd: float(0.5), bias: float(0.5) },
    inputs: [[-0.6, -0.5, 0, 0.5, 0.6]],
    expected: [[1, 0, 0, 0, 1]],
  },
  { law: 'infinite at the ends', op: 'Asin', inputs: [[-1, 1, 0]], expected: [[infinity, infinity, 1]] },
  { law: 'infinite at the ends', op: 'Acos', inputs: [[-1, 1, 0]], expected: [[-infinity, -infinity, -1]] },
  { law: 'infinite at 1', op: 'Acosh', inputs: [[1, 2]], expected: [[infinity, 1 / Math.sqrt(3)]] },
  { law: 'infinite at the ends', op: 'Atanh', inputs: [[-1, 1, 0]], expected: [[infinity, infinity, 1]] },
  {
    law: 'of −∞ alone it is not a number',
    op: 'ReduceLogSumExp', // torch.logsumexp
    attributes: { axes: ints([1]) },
    inputs: [[-infinity, -infinity, 0, -infinity]],
    dims: [2, 2],
    outDims: [2, 1],
    expected: [[nan, nan, 1, 0]],
  },
  {
    // PyTorch has no such operator, and its formula written out gives NaN. Without spread y is 0 and says nothing about x.
    law: 'without any spread the gradient is 0',
    op: 'MeanVarianceNormalization',
    attributes: { axes: ints([1]) },
    inputs: [[3, 3, 3, 3]],
    dims: [2, 2],
    outDims: [2, 2],
    expected: [[0, 0, 0, 0]],
  },
]

async function gradientsOf(row: Convention): Promise<number[][]> {
  const tensors = row.inputs.map((v) =>
    'dtype' in v ? v : tensor('float32', row.dims ?? [v.length], Float32Array.from(v)),
  )
  const isActive = (i: number): boolean => !('dtype' in row.inputs[i]!)
  const names = tensors.flatMap((_, i) => (isActive(i) ? [`i${i}`] : []))
  const opset = row.opset ?? 17
  const outDims = row.outDims ?? tensors[0]!.dims
  const outputs = Array.from({ length: row.outputs ?? 1 }, (_, i) => `o${i}`)
  const inputs = tensors.map((_, i) => `i${i}`)
  const graph: Graph = {
    name: row.op,
    opsets: new Map([['', opset]]),
    inputs: tensors.flatMap((t, i) => (isActive(i) ? [{ name: `i${i}`, dtype: t.dtype, dims: t.dims }] : [])),
    outputs: [],
    initializers: new Map(tensors.flatMap((t, i) => (isActive(i) ? [] : [[`i${i}`, t] as const]))),
    nodes: [{ op: row.op, domain: '', name: 'node', inputs, outputs, attributes: row.attributes ?? {} }],
  }
  const facts = (name: string, t: Pick<Tensor, 'dtype' | 'dims'>, kind: ValueFacts['kind']): [string, ValueFacts] => [
    name,
    { name, dtype: t.dtype, dims: t.dims, kind, batchAxis: undefined },
  ]
  const emitter = new Emitter(opset)
  const found = backward({
    graph,
    batch: 1,
    values: new Map([
      ...tensors.map((t, i) => facts(`i${i}`, t, isActive(i) ? 'data' : 'constant')),
      ...outputs.map((name, i) => facts(name, { dtype: i === 0 ? 'float32' : 'int64', dims: outDims }, 'data')),
    ]),
    emitter,
    seeds: new Map([['o0', emitter.expand(emitter.scalar(1), outDims)]]),
    wanted: new Set(names),
    form: 'sum',
  })
  const made = names.map((name) => found.get(name)!)
  const session = await engine.createSession(writeGraph(emitter.finish(graph, made)))
  try {
    const out = await session.run(Object.fromEntries(names.map((name) => [name, tensors[inputs.indexOf(name)]!])))
    return made.map((v) => toNumbers(out[v.name]!))
  } finally {
    await session.release()
  }
}

describe('picking, scattering and the ends of domains: the gradient is that of PyTorch', () => {
  it.each(conventions.map((row) => [row.op, row.law, row] as const))('%s: %s', async (_, __, row) => {
    const found = await gradientsOf(row)
    row.expected.forEach((expected, i) => {
      expected.forEach((v, j) => {
        if (Number.isFinite(v)) expect(found[i]?.[j]).toBeCloseTo(v, 6)
        else expect(found[i]?.[j]).toBe(v)
      })
    })
  })
})
