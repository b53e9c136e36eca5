import { int, ints, text } from '../../../src/graph/graph.js'
import { data, int64s, node, type OpCase, param } from '../op-case.js'

const b2 = { blocksize: int(2) }

export const space: readonly OpCase[] = [
  { name: 'DepthToSpace', op: 'DepthToSpace', attributes: b2, inputs: [data(['N', 8, 2, 3])] },
  {
    name: 'DepthToSpace in the order CRD',
    op: 'DepthToSpace',
    attributes: { blocksize: int(3), mode: text('CRD') },
    inputs: [data(['N', 18, 2, 1])],
  },
  { name: 'DepthToSpace of opset 9', op: 'DepthToSpace', opset: 9, attributes: b2, inputs: [data(['N', 4, 3, 2])] },
  { name: 'SpaceToDepth', op: 'SpaceToDepth', attributes: b2, inputs: [data(['N', 2, 4, 6])] },
  { name: 'SpaceToDepth of opset 9', op: 'SpaceToDepth', opset: 9, attributes: b2, inputs: [data(['N', 1, 2, 4])] },
  {
    name: 'DepthToSpace and SpaceToDepth keep examples apart',
    op: 'DepthToSpace',
    inputs: [data(['N', 2, 4, 4]), param([8, 2, 3, 3]), param([8, 8, 1, 1])],
    nodes: [
      node('Conv', ['i0', 'i1'], 'h'),
      node('DepthToSpace', ['h'], 'up', b2),
      node('SpaceToDepth', ['up'], 'down', b2),
      node('Conv', ['down', 'i2'], 'o0'),
    ],
  },
  {
    name: 'DepthToSpace of a parameter',
    op: 'DepthToSpace',
    inputs: [data(['N', 2, 4, 2]), param([1, 8, 2, 1]), param([1, 1, 4, 2])],
    nodes: [
      node('DepthToSpace', ['i1'], 'up', { ...b2, mode: text('CRD') }),
      node('Mul', ['i0', 'up'], 'a'),
      node('SpaceToDepth', ['i2'], 'down', b2),
      node('DepthToSpace', ['down'], 'back', b2),
      node('Add', ['a', 'back'], 'o0'),
    ],
  },
  {
    name: 'Col2Im',
    op: 'Col2Im',
    opset: 18,
    inputs: [data(['N', 8, 9]), int64s([4, 4]), int64s([2, 2])],
  },
  {
    name: 'Col2Im with strides, dilations and pads',
    op: 'Col2Im',
    opset: 18,
    attributes: { strides: ints([2, 1]), dilations: ints([1, 2]), pads: ints([1, 0, 1, 2]) },
    inputs: [data(['N', 12, 15]), int64s([6, 5]), int64s([3, 2])],
  },
  {
    name: 'Col2Im with steps that leave a rest',
    op: 'Col2Im',
    opset: 18,
    attributes: { strides: ints([3, 3]) },
    inputs: [data(['N', 8, 4]), int64s([6, 7]), int64s([2, 2])],
  },
  {
    name: 'Col2Im in three dimensions',
    op: 'Col2Im',
    opset: 18,
    inputs: [data(['N', 8, 4]), int64s([2, 3, 3]), int64s([2, 2, 2])],
  },
]
