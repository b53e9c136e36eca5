import { int, ints, text } from '../../../src/graph/graph.js'
import { data, type OpCase, param } from '../op-case.js'

export const conv: readonly OpCase[] = [
  {
    name: 'Conv 3×3 with padding and bias',
    op: 'Conv',
    attributes: { pads: ints([1, 1, 1, 1]) },
    inputs: [data(['N', 2, 5, 6]), param([4, 2, 3, 3]), param([4])],
  },
  { name: 'Conv 1×1', op: 'Conv', inputs: [data(['N', 3, 4, 4]), param([2, 3, 1, 1])] },
  {
    name: 'Conv with stride 2',
    op: 'Conv',
    attributes: { strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) },
    inputs: [data(['N', 2, 7, 6]), param([3, 2, 3, 3])],
  },
  {
    name: 'Conv with unequal pads, strides and dilations',
    op: 'Conv',
    attributes: { strides: ints([1, 2]), dilations: ints([2, 1]), pads: ints([2, 0, 1, 1]) },
    inputs: [data(['N', 2, 8, 7]), param([3, 2, 3, 2])],
  },
  {
    name: 'Conv with dilation at stride 1',
    op: 'Conv',
    attributes: { dilations: ints([2, 2]), pads: ints([2, 2, 2, 2]) },
    inputs: [data(['N', 2, 6, 6]), param([3, 2, 3, 3])],
  },
  {
    name: 'Conv with more padding than the kernel reaches',
    op: 'Conv',
    attributes: { pads: ints([2, 2, 2, 2]) },
    inputs: [data(['N', 2, 4, 4]), param([3, 2, 2, 2])],
  },
  {
    name: 'Conv in two groups',
    op: 'Conv',
    attributes: { group: int(2), pads: ints([1, 1, 1, 1]) },
    inputs: [data(['N', 4, 5, 5]), param([6, 2, 3, 3]), param([6])],
  },
  {
    name: 'Conv depthwise',
    op: 'Conv',
    attributes: { group: int(3), pads: ints([1, 1, 1, 1]) },
    inputs: [data(['N', 3, 5, 5]), param([3, 1, 3, 3])],
  },
  {
    name: 'Conv depthwise with stride 2',
    op: 'Conv',
    attributes: { group: int(3), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) },
    inputs: [data(['N', 3, 6, 6]), param([6, 1, 3, 3])],
  },
  {
    name: 'Conv SAME_UPPER',
    op: 'Conv',
    attributes: { auto_pad: text('SAME_UPPER'), strides: ints([2, 2]) },
    inputs: [data(['N', 2, 6, 5]), param([3, 2, 3, 2])],
  },
  {
    name: 'Conv SAME_LOWER',
    op: 'Conv',
    attributes: { auto_pad: text('SAME_LOWER') },
    inputs: [data(['N', 2, 6, 5]), param([3, 2, 2, 2])],
  },
  {
    name: 'Conv VALID',
    op: 'Conv',
    attributes: { auto_pad: text('VALID') },
    inputs: [data(['N', 2, 6, 5]), param([3, 2, 3, 2])],
  },
  {
    name: 'Conv 1-D with stride',
    op: 'Conv',
    attributes: { strides: ints([2]), pads: ints([1, 1]) },
    inputs: [data(['N', 2, 9]), param([3, 2, 3]), param([3])],
  },
]
