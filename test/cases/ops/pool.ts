import { int, ints, text } from '../../../src/graph/graph.js'
import { data, type OpCase } from '../op-case.js'

const k2 = { kernel_shape: ints([2, 2]) }

export const pool: readonly OpCase[] = [
  {
    name: 'MaxPool in tiles',
    op: 'MaxPool',
    attributes: { ...k2, strides: ints([2, 2]) },
    inputs: [data(['N', 2, 4, 6], 'distinct')],
  },
  {
    name: 'MaxPool with overlap and padding',
    op: 'MaxPool',
    attributes: { kernel_shape: ints([3, 3]), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) },
    inputs: [data(['N', 2, 7, 6], 'distinct')],
  },
  {
    name: 'MaxPool with dilations',
    op: 'MaxPool',
    attributes: { ...k2, dilations: ints([2, 1]) },
    inputs: [data(['N', 1, 5, 4], 'distinct')],
  },
  {
    name: 'MaxPool with ceil_mode',
    op: 'MaxPool',
    attributes: { ...k2, strides: ints([2, 2]), ceil_mode: int(1) },
    inputs: [data(['N', 2, 5, 5], 'distinct')],
  },
  {
    name: 'MaxPool SAME_UPPER',
    op: 'MaxPool',
    attributes: { kernel_shape: ints([3, 2]), auto_pad: text('SAME_UPPER'), strides: ints([2, 1]) },
    inputs: [data(['N', 1, 6, 5], 'distinct')],
  },
  {
    name: 'MaxPool 1-D',
    op: 'MaxPool',
    attributes: { kernel_shape: ints([3]), strides: ints([2]) },
    inputs: [data(['N', 2, 9], 'distinct')],
  },
  {
    name: 'AveragePool in tiles',
    op: 'AveragePool',
    attributes: { ...k2, strides: ints([2, 2]) },
    inputs: [data(['N', 2, 4, 6])],
  },
  {
    name: 'AveragePool over all',
    op: 'AveragePool',
    attributes: { kernel_shape: ints([4, 3]) },
    inputs: [data(['N', 2, 4, 3])],
  },
  {
    name: 'AveragePool with padding left out of the mean',
    op: 'AveragePool',
    attributes: { kernel_shape: ints([3, 3]), strides: ints([2, 1]), pads: ints([1, 1, 1, 1]) },
    inputs: [data(['N', 2, 6, 5])],
  },
  {
    name: 'AveragePool with padding in the mean',
    op: 'AveragePool',
    attributes: {
      kernel_shape: ints([3, 3]),
      strides: ints([2, 2]),
      pads: ints([1, 1, 1, 1]),
      count_include_pad: int(1),
    },
    inputs: [data(['N', 2, 6, 5])],
  },
  {
    name: 'AveragePool with ceil_mode',
    op: 'AveragePool',
    attributes: { ...k2, strides: ints([2, 2]), ceil_mode: int(1) },
    inputs: [data(['N', 2, 5, 5])],
  },
  {
    name: 'AveragePool 1-D',
    op: 'AveragePool',
    attributes: { kernel_shape: ints([3]), pads: ints([1, 0]) },
    inputs: [data(['N', 2, 6])],
  },
  { name: 'GlobalAveragePool', op: 'GlobalAveragePool', inputs: [data(['N', 2, 3, 4])] },
  { name: 'GlobalMaxPool', op: 'GlobalMaxPool', inputs: [data(['N', 2, 3, 4], 'distinct')] },
]
