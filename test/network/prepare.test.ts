import { describe, expect, it } from 'vitest'
import type { Graph, Node } from '../../src/graph/graph.js'
import { prepare } from '../../src/network/prepare.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'

const rows = Float32Array.of(1, 2, 3, 4, 5, 6)
const table = tensor('float32', [3, 2], rows)

/** Ids looked up in a table, multiplied by `head`. */
function graphOf(head: Tensor, lookup: Tensor = table): Graph {
  const node = (op: string, inputs: string[], output: string): Node => {
    return { op, domain: '', name: output, inputs, outputs: [output], attributes: {} }
  }
  return {
    name: 'g',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'ids', dtype: 'int64', dims: ['N', 4] }],
    outputs: [{ name: 'z', dtype: 'float32', dims: ['N', 4, 3] }],
    nodes: [node('Gather', ['table', 'ids'], 'x'), node('MatMul', ['x', 'head'], 'z')],
    initializers: new Map([
      ['table', lookup],
      ['head', head],
    ]),
  }
}

describe('a table of embeddings and a head', () => {
  it('that is the table turned are one parameter', () => {
    const { graph, tied } = prepare(graphOf(tensor('float32', [2, 3], Float32Array.of(1, 3, 5, 2, 4, 6))))
    expect(tied).toEqual([{ name: 'head', of: 'table', isTransposed: true }])
    expect([...graph.initializers.keys()]).toEqual(['table'])
    expect(graph.nodes[0]).toMatchObject({ op: 'Transpose', inputs: ['table'], outputs: ['head'] })
  })

  it.each([
    ['differs in one number', tensor('float32', [2, 3], Float32Array.of(1, 3, 5, 2, 4, 7)), table],
    [
      'is fresh, one number throughout',
      tensor('float32', [2, 3], new Float32Array(6)),
      tensor('float32', [3, 2], new Float32Array(6)),
    ],
  ])('that %s are two', (_, head, lookup) => {
    const { graph, tied } = prepare(graphOf(head, lookup))
    expect([tied, graph.initializers.size]).toEqual([[], 2])
  })
})
