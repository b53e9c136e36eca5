import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Graph, int, type Node } from '../../src/graph/graph.js'
import { rewrite } from '../../src/lower/rewrite.js'
import { writeGraph } from '../../src/onnx/model.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { f32 } from '../small-graphs.js'
import { call } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

const whole = (values: readonly number[], dims = [values.length]): Tensor =>
  tensor('int64', dims, BigInt64Array.from(values, BigInt))

function graphOf(nodes: Node[], split: Tensor): Graph {
  return {
    name: 'sequences',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 5, 2] }],
    outputs: [{ name: 'y', dtype: undefined, dims: [] }],
    initializers: new Map([
      ['split', split],
      ['first', whole([0], [])],
      ['second', whole([1], [])],
      ['last', whole([-1], [])],
    ]),
    nodes,
  }
}

const element = (index: string, to: string) => call('SequenceAt', ['parts', index], [to])
const split = (inputs: string[], keepdims = 1) =>
  call('SplitToSequence', inputs, ['parts'], { axis: int(1), keepdims: int(keepdims) })
const both = (a: string, b: string) => [
  element(a, 'a'),
  element(b, 'b'),
  call('Concat', ['b', 'a'], ['y'], { axis: int(1) }),
]

const rows: readonly [string, Node[], Tensor][] = [
  ['parts of given lengths', [split(['x', 'split']), ...both('first', 'last')], whole([2, 3])],
  ['parts of one length, the last shorter', [split(['x', 'split']), ...both('first', 'second')], whole([3], [])],
  ['single elements, their axis kept', [split(['x']), ...both('first', 'second')], whole([1])],
  ['single elements, their axis dropped', [split(['x'], 0), ...both('first', 'second')], whole([1])],
  [
    'a construction joined',
    [
      call('Neg', ['x'], ['n']),
      call('SequenceConstruct', ['x', 'n'], ['parts']),
      call('ConcatFromSequence', ['parts'], ['y'], { axis: int(1) }),
    ],
    whole([1]),
  ],
  [
    'a construction stacked, and an element of it',
    [
      call('Neg', ['x'], ['n']),
      call('SequenceConstruct', ['x', 'n'], ['parts']),
      element('last', 'a'),
      call('ConcatFromSequence', ['parts'], ['s'], { axis: int(0), new_axis: int(1) }),
      call('Mul', ['s', 'a'], ['y']),
    ],
    whole([1]),
  ],
]

describe('sequences of tensors', () => {
  it.each(rows)('%s are plain tensors, with the same answer', async (_, nodes, lengths) => {
    const graph = graphOf(nodes, lengths)
    const plain = rewrite(graph)
    expect(plain.nodes.filter((n) => /Sequence/.test(n.op))).toEqual([])
    const x = f32([2, 5, 2], 4)
    const answers = []
    for (const g of [graph, plain]) {
      const session = await engineOf(pool).createSession(writeGraph(g))
      answers.push((await session.run({ x })).y)
      await session.release()
    }
    expect(answers[1]).toEqual(answers[0])
  })
})
