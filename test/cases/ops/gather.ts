import { float, int, ints } from '../../../src/graph/graph.js'
import { data, int64s, node, type OpCase, param } from '../op-case.js'

/**
 * Indices −T·N/2 … from distinct data, half a step away from where they change: the multiples of 0.17 (see 'distinct') times
 * 1/0.17, plus ½, cut to whole numbers. For an even number of them.
 */
const toIndex = [
  node('Mul', ['i0', 'step'], 'scaled'),
  node('Add', ['scaled', 'half'], 'centred'),
  node('Cast', ['centred'], 'index', { to: int(7) }),
]
const toConstants = [
  { ...node('Constant', [], 'step'), attributes: { value_float: float(1 / 0.17) } },
  { ...node('Constant', [], 'half'), attributes: { value_float: float(0.5) } },
]

/** An embedding read at indices from data, its table a parameter of the given shape. */
const embedding = (
  name: string,
  dims: readonly (number | 'N')[],
  table: readonly number[],
  more: Partial<OpCase> = {},
): OpCase => ({
  name,
  op: 'Gather',
  inputs: [data(dims, 'distinct'), param(table)],
  nodes: [...toConstants, ...toIndex, node('Gather', ['i1', 'index'], 'o0', { axis: int(0) })],
  ...more,
})

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
  {
    name: 'Gather of a run of positions',
    op: 'Gather',
    opset: 9,
    attributes: { axis: int(1) },
    inputs: [data(['N', 5, 3]), int64s([1, 2, 3])],
  },
  {
    name: 'Gather of all positions of a weight in another order',
    op: 'Gather',
    inputs: [data(['N', 4]), param([4, 3]), int64s([2, 0, 1, 2])],
    nodes: [node('Gather', ['i1', 'i2'], 'w', { axis: int(-1) }), node('MatMul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'Gather of positions from a table added to every example',
    op: 'Gather',
    inputs: [data(['N', 3, 2]), param([5, 2]), int64s([0, 1, 2], [1, 3])],
    nodes: [node('Gather', ['i1', 'i2'], 'p', { axis: int(0) }), node('Add', ['i0', 'p'], 'o0')],
  },
  {
    name: 'Gather by as many constant indices as there are examples',
    op: 'Gather',
    inputs: [data(['N', 3, 2]), param([4, 2]), int64s([1]), int64s([0, 1, 0, 2], [4]), int64s([0])],
    nodes: [
      node('Shape', ['i0'], 's'),
      node('Gather', ['s', 'i4'], 'n', { axis: int(0) }),
      node('Concat', ['n', 'i2'], 'to', { axis: int(0) }),
      node('Expand', ['i2', 'to'], 'types'),
      node('Gather', ['i1', 'types'], 't', { axis: int(0) }),
      node('Add', ['i0', 't'], 'o0'),
    ],
  },
  embedding('Gather from an embedding, few rows', ['N', 4], [6, 3]),
  embedding('Gather from an embedding, more rows than indices', ['N', 2], [7, 3]),
  embedding('Gather from an embedding of opset 12', ['N', 4], [9, 2], { opset: 12 }),
  embedding('Gather from an embedding with the batch on axis 1', ['N', 4], [8, 3], {
    nodes: [
      ...toConstants,
      ...toIndex,
      node('Transpose', ['index'], 'turned', { perm: ints([1, 0]) }),
      node('Gather', ['i1', 'turned'], 'o0', { axis: int(0) }),
    ],
  }),
  embedding('Gather from an embedding by a matrix for each example', ['N', 2, 2], [9, 2]),
  embedding('Gather from an embedding whose rows are matrices', ['N', 2], [6, 2, 2]),
  // One-hot rows of all examples would be larger than what the rule multiplies with: ScatterND.
  embedding('Gather from a large embedding', ['N', 8], [12000, 2]),
  embedding('Gather from a large embedding before ScatterND adds', ['N', 8], [12000, 2], { opset: 15 }),
  embedding('Gather from an embedding read twice', ['N', 2], [9, 3], {
    nodes: [
      ...toConstants,
      ...toIndex,
      node('Gather', ['i1', 'index'], 'a', { axis: int(0) }),
      node('Neg', ['index'], 'other'),
      node('Gather', ['i1', 'other'], 'b', { axis: int(0) }),
      node('Mul', ['a', 'b'], 'o0'),
    ],
  }),
  embedding('Gather from an embedding made of two parameters', ['N', 2], [7, 3], {
    inputs: [data(['N', 2], 'distinct'), param([7, 3]), param([7, 3])],
    nodes: [
      ...toConstants,
      ...toIndex,
      node('Mul', ['i1', 'i2'], 'table'),
      node('Gather', ['table', 'index'], 'o0', { axis: int(0) }),
    ],
  }),
  embedding('Gather from columns of a table by indices from data', ['N', 4], [3, 6, 2], {
    nodes: [
      ...toConstants,
      ...toIndex,
      node('Gather', ['i1', 'index'], 'g', { axis: int(1) }),
      node('Transpose', ['g'], 'o0', { perm: ints([1, 0, 2, 3]) }),
    ],
  }),
  embedding('Gather from an embedding by folded indices: examples one by one', ['N', 2], [7, 3], {
    inputs: [data(['N', 2], 'distinct'), param([7, 3]), int64s([-1]), int64s([-1, 2, 3])],
    nodes: [
      ...toConstants,
      ...toIndex,
      node('Reshape', ['index', 'i2'], 'flat'),
      node('Gather', ['i1', 'flat'], 'rows', { axis: int(0) }),
      node('Reshape', ['rows', 'i3'], 'o0'),
    ],
    fallsBack: true,
  }),
]
