import { int } from '../../../src/graph/graph.js'
import { data, int64s, node, type OpCase, param } from '../op-case.js'

export const gather: readonly OpCase[] = [
  {
    name: 'Gather of one position',
    op: 'Gather',
    attributes: { axis: int(1) },
    inputs: [data(['N', 4, 3]), int64s([-1], [])],
  },
  {
    name: 'Gather of positions, one twice',
    op: 'Gather',
    attributes: { axis: int(1) },
    inputs: [data(['N', 4, 3]), int64s([2, 0, 2])],
  },
  {
    name: 'Gather with a matrix of indices',
    op: 'Gather',
    attributes: { axis: int(-1) },
    inputs: [data(['N', 2, 4]), int64s([0, 3, 1, 1], [2, 2])],
  },
  {
    name: 'Gather of a part of a weight',
    op: 'Gather',
    inputs: [data(['N', 4]), param([3, 4, 2]), int64s([1], [])],
    nodes: [node('Gather', ['i1', 'i2'], 'w', { axis: int(0) }), node('MatMul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'Gather from an embedding by indices from data',
    op: 'Gather',
    inputs: [data(['N', 3], 'positive'), param([4, 5])],
    nodes: [node('Cast', ['i0'], 'index', { to: int(7) }), node('Gather', ['i1', 'index'], 'o0', { axis: int(0) })],
  },
]
