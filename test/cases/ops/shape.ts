import { ints } from '../../../src/graph/graph.js'
import { data, node, type OpCase, param } from '../op-case.js'

export const shape: readonly OpCase[] = [
  { name: 'Transpose of data', op: 'Transpose', attributes: { perm: ints([0, 2, 1]) }, inputs: [data(['N', 3, 4])] },
  { name: 'Transpose reverses the axes without perm', op: 'Transpose', inputs: [data(['N', 3, 4])] },
  {
    name: 'Transpose of a weight',
    op: 'Transpose',
    inputs: [data(['N', 4]), param([3, 4])],
    nodes: [node('Transpose', ['i1'], 'wt', { perm: ints([1, 0]) }), node('MatMul', ['i0', 'wt'], 'o0')],
  },
]
