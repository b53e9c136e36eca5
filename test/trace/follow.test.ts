import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, type Graph, int, ints, type Node, producers } from '../../src/graph/graph.js'
import { prepare } from '../../src/network/prepare.js'
import { readModel } from '../../src/onnx/model.js'
import { allocate, sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.js'
import { type TracedValue, trace } from '../../src/trace/trace.js'
import { f32 } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

const fixtures = join(import.meta.dirname, '../fixtures/models')
const files = readdirSync(fixtures).filter((name) => name.endsWith('.onnx'))

/** Three examples, a free axis as 5, integers 0 and 1. */
function sampleOf(graph: Graph): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map(({ name, dtype = 'float32', dims }) => {
      const all = [3, ...dims.slice(1).map((d) => (typeof d === 'number' ? d : 5))]
      const data = allocate(dtype, sizeOf(all))
      for (let i = 0; i < data.length; i++) data[i] = data instanceof BigInt64Array ? BigInt(i % 2) : Math.sin(i)
      return [name, { dtype, dims: all, data } as Tensor]
    }),
  )
}

/** What the trace says with every value an output, all of which are looked at, and without. */
async function bothWays(graph: Graph): Promise<[Map<string, TracedValue>, Map<string, TracedValue>]> {
  const outputs = [...producers(graph).keys()].map((name) => ({ name, dtype: undefined, dims: [] }))
  const sample = sampleOf(graph)
  const seen = await trace({ ...graph, outputs }, engine, sample, { mixing: 'allow' })
  const followed = await trace(graph, engine, sample, { mixing: 'allow' })
  return [new Map(seen.values), new Map(followed.values)]
}

const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): Node => {
  return { op, domain: '', name: output, inputs, outputs: [output], attributes }
}

const int64s = (...values: number[]): Tensor => tensor('int64', [values.length], BigInt64Array.from(values, BigInt))

/** x [N, 3, 4] and some nodes; `end` is the output. */
const small = (...nodes: Node[]): Graph => ({
  name: 'small',
  opsets: new Map([['', 17]]),
  inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 3, 4] }],
  outputs: [{ name: 'end', dtype: 'float32', dims: [] }],
  initializers: new Map([
    ['w', f32([4, 3], 1)],
    ['s', f32([1, 3, 1], 2)],
    ['folded', int64s(-1, 4)],
    ['apart', int64s(-1, 3, 3)],
    ['none', int64s(0)],
    ['ends', int64s(-2)],
    ['far', int64s(9)],
    ['axis', int64s(0)],
  ]),
  nodes: [...nodes, node('Identity', ['y'], 'end')],
})

const rows: readonly [string, Graph][] = [
  ['a chain', small(node('Neg', ['x'], 'a'), node('Relu', ['a'], 'y'))],
  ['another number of axes', small(node('ReduceMax', ['x'], 'a'), node('Sub', ['x', 'a'], 'y'))],
  ['turned axes', small(node('Transpose', ['x'], 'a', { perm: ints([1, 0, 2]) }), node('Exp', ['a'], 'y'))],
  ['axes turned without a word', small(node('Transpose', ['x'], 'a'), node('Tanh', ['a'], 'y'))],
  ['turned against itself', small(node('Transpose', ['x'], 'a'), node('Mul', ['a', 'a'], 'y'))],
  [
    'a parameter turned',
    small(node('Transpose', ['w'], 'a'), node('Add', ['a', 'a'], 'b'), node('Mul', ['x', 's'], 'y')),
  ],
  [
    'examples beside examples',
    small(
      node('ReduceMean', ['x'], 'a', { axes: ints([1, 2]) }),
      node('Transpose', ['a'], 'b', { perm: ints([1, 2, 0]) }),
      node('Sub', ['a', 'b'], 'c'),
      node('Abs', ['c'], 'y'),
    ),
  ],
  [
    'folded examples, and apart again',
    small(
      node('Reshape', ['x', 'folded'], 'a'),
      node('MatMul', ['a', 'w'], 'b'),
      node('Softmax', ['b'], 'c', { axis: int(-1) }),
      node('Reshape', ['c', 'apart'], 'd'),
      node('Add', ['d', 's'], 'y'),
    ),
  ],
  [
    'examples behind positions, folded',
    small(
      node('Transpose', ['x'], 'a', { perm: ints([1, 0, 2]) }),
      node('Reshape', ['a', 'folded'], 'b'),
      node('MatMul', ['b', 'w'], 'c'),
      node('Concat', ['c', 'b'], 'y', { axis: int(1) }),
    ),
  ],
  [
    'a softmax over examples',
    small(node('Transpose', ['x'], 'a', { perm: ints([1, 2, 0]) }), node('Softmax', ['a'], 'y', { axis: int(-1) })),
  ],
  [
    'examples twice, and one for all',
    small(
      node('Concat', ['x', 'x'], 'a', { axis: int(0) }),
      node('Gather', ['x', 'none'], 'b', { axis: int(0) }),
      node('Add', ['x', 'b'], 'c'),
      node('MatMul', ['c', 'w'], 'y'),
    ),
  ],
  [
    'a part of each example, and of the examples',
    small(
      { ...node('Split', ['x'], 'a', { axis: int(2) }), outputs: ['a', 'b'] },
      node('Slice', ['x', 'ends', 'far', 'axis'], 'c'),
      node('Concat', ['a', 'b'], 'y', { axis: int(1) }),
    ),
  ],
  ['mixed examples', small(node('ReduceSum', ['x'], 'a'), node('Mul', ['x', 'a'], 'b'), node('Neg', ['b'], 'y'))],
]

describe('what follows from inputs is what running shows', () => {
  it.each([
    ...files.map((name): [string, Graph] => [name, readModel(readFileSync(join(fixtures, name))).graph]),
    ...rows,
  ])('%s', async (_, source) => {
    const [seen, followed] = await bothWays(prepare(source).graph)
    expect([...followed.keys()].sort()).toEqual([...seen.keys()].sort())
    for (const [name, { fold, ...value }] of seen) {
      const { fold: found, ...other } = followed.get(name)!
      expect(other).toEqual(value)
      // Folds are told where values meet parameters.
      if (found) expect(found).toEqual(fold)
    }
  })
})
