import { type Attributes, int, ints } from '../../../src/graph/graph.js'
import { bools, data, float32s, int64s, node, type OpCase, param } from '../op-case.js'
import { toConstants, toIndex } from './indices.js'

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

/** The operator on i1 along indices made of the data i0. */
const byData = (
  op: string,
  name: string,
  inputs: OpCase['inputs'],
  attributes: Attributes = {},
  more: Partial<OpCase> = {},
): OpCase => ({
  name: `${op} ${name}`,
  op,
  inputs,
  nodes: [...toConstants, ...toIndex, node(op, ['i1', 'index'], 'o0', attributes)],
  ...more,
})

/** Indices [N, 2, 2] into an axis of at least 6. */
const pairs = data(['N', 2, 2], 'distinct')

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
  byData('GatherElements', 'along axis 1', [data(['N', 4], 'distinct'), data(['N', 6])], { axis: int(1) }),
  byData(
    'GatherElements',
    'by an index shorter on another axis',
    [pairs, data(['N', 6, 3])],
    { axis: int(-2) },
    { opset: 11 },
  ),
  byData(
    'GatherElements',
    'along the last axis of parameters before it',
    [pairs, data(['N', 3, 7]), param([7])],
    {},
    {
      nodes: [
        ...toConstants,
        ...toIndex,
        node('Mul', ['i1', 'i2'], 'h'),
        node('GatherElements', ['h', 'index'], 'o0', { axis: int(2) }),
      ],
    },
  ),
  // One-hot rows would be larger than what the rule multiplies with: ScatterND.
  byData('GatherElements', 'along a long axis', [data(['N', 2, 6], 'distinct'), data(['N', 3, 9000])], {
    axis: int(2),
  }),
  byData(
    'GatherElements',
    'along a long first axis',
    [data(['N', 2, 6], 'distinct'), param([9000, 2, 7])],
    {},
    {
      fallsBack: true,
    },
  ),
  {
    name: 'GatherElements of a weight',
    op: 'GatherElements',
    inputs: [data(['N', 2]), param([3, 4]), int64s([2, -1, 0, 2, 2, 0], [2, 3])],
    nodes: [node('GatherElements', ['i1', 'i2'], 'w', { axis: int(0) }), node('MatMul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'GatherElements of a long weight',
    op: 'GatherElements',
    inputs: [data(['N', 3]), param([60000, 2]), int64s([2, 59999, -1, 2, 70, 0], [3, 2])],
    nodes: [node('GatherElements', ['i1', 'i2'], 'w', { axis: int(0) }), node('MatMul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'GatherND of single elements',
    op: 'GatherND',
    inputs: [data(['N', 3]), param([3, 4]), int64s([0, 1, 2, -1, 0, 1], [3, 2])],
    nodes: [node('GatherND', ['i1', 'i2'], 'v'), node('Mul', ['i0', 'v'], 'o0')],
  },
  {
    name: 'GatherND of slices of a weight',
    op: 'GatherND',
    opset: 11,
    inputs: [data(['N', 2]), param([3, 4, 2]), int64s([0, 1, 2, -1, 0, 1], [3, 2])],
    nodes: [
      node('GatherND', ['i1', 'i2'], 'v'),
      node('Transpose', ['v'], 'w', { perm: ints([1, 0]) }),
      node('MatMul', ['i0', 'w'], 'o0'),
    ],
  },
  byData('GatherND', 'in each example', [pairs, data(['N', 6, 7, 2])], { batch_dims: int(1) }),
  byData('GatherND', 'of rows in each example', [data(['N', 2, 1], 'distinct'), data(['N', 4, 3])], {
    batch_dims: int(1),
  }),
  byData('GatherND', 'from a table of parameters', [data(['N', 2, 1], 'distinct'), param([5, 3])]),
  byData('GatherND', 'from a square table of parameters', [pairs, param([6, 7])], {}, { opset: 12 }),
  byData('GatherND', 'from a large table of parameters', [data(['N', 2, 1], 'distinct'), param([50000, 2])]),
  byData(
    'GatherND',
    'from a table of parameters with the batch on axis 1',
    [pairs, param([7, 6, 2])],
    {},
    {
      nodes: [
        ...toConstants,
        ...toIndex,
        node('Transpose', ['index'], 'turned', { perm: ints([1, 0, 2]) }),
        node('GatherND', ['i1', 'turned'], 'o0'),
      ],
    },
  ),
  { name: 'TopK', op: 'TopK', outputs: 2, inputs: [data(['N', 6], 'distinct'), int64s([3])] },
  {
    name: 'TopK of the smallest along axis 1, of parameters before it',
    op: 'TopK',
    opset: 11,
    inputs: [data(['N', 5, 2], 'distinct'), param([2], 'positive'), int64s([2])],
    nodes: [
      node('Exp', ['i1'], 's'),
      node('Mul', ['i0', 's'], 'h'),
      { ...node('TopK', ['h', 'i2'], 'o0', { axis: int(1), largest: int(0) }), outputs: ['o0', 'at'] },
    ],
  },
  {
    name: 'TopK of opset 9',
    op: 'TopK',
    opset: 9,
    outputs: 2,
    attributes: { k: int(2) },
    inputs: [data(['N', 5], 'distinct')],
  },
  {
    name: 'TopK of parameters',
    op: 'TopK',
    inputs: [data(['N', 3, 2]), param([3, 5], 'distinct'), int64s([2])],
    nodes: [{ ...node('TopK', ['i1', 'i2'], 't'), outputs: ['t', 'at'] }, node('Mul', ['i0', 't'], 'o0')],
  },
  {
    name: 'Compress',
    op: 'Compress',
    attributes: { axis: int(1) },
    inputs: [data(['N', 4, 3]), bools([true, false, true], [3])],
  },
  {
    name: 'Compress of a weight',
    op: 'Compress',
    opset: 9,
    inputs: [data(['N', 2]), param([3, 2]), bools([false, true, true, false, false, true], [6])],
    nodes: [node('Compress', ['i1', 'i2'], 'v'), node('ReduceSum', ['v'], 's'), node('Mul', ['i0', 's'], 'o0')],
  },
  // Values with a gradient: a parameter of two numbers.
  ...[-1, 1].map(
    (axis): OpCase => ({
      name: `OneHot of trained values along axis ${axis}`,
      op: 'OneHot',
      opset: 11,
      inputs: [data(['N', 2, 2], 'distinct'), float32s([5], []), param([2])],
      nodes: [...toConstants, ...toIndex, node('OneHot', ['index', 'i1', 'i2'], 'o0', { axis: int(axis) })],
    }),
  ),
]
