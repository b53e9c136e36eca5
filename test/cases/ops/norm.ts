import { float, int } from '../../../src/graph/graph.js'
import { data, float32s, type OpCase, param } from '../op-case.js'

const statistics = [float32s([0.3, -0.2, 0.1]), float32s([0.5, 1.5, 1])]

export const norm: readonly OpCase[] = [
  {
    name: 'BatchNormalization on running statistics',
    op: 'BatchNormalization',
    attributes: { epsilon: float(1e-3) },
    inputs: [data(['N', 3, 2, 4]), param([3]), param([3]), ...statistics],
  },
  {
    name: 'BatchNormalization of features',
    op: 'BatchNormalization',
    opset: 9,
    inputs: [data(['N', 3]), param([3]), param([3]), ...statistics],
  },
  {
    name: 'BatchNormalization on batch statistics',
    op: 'BatchNormalization',
    opset: 15,
    outputs: 1,
    mixes: true,
    attributes: { training_mode: int(1) },
    inputs: [data(['N', 3, 2, 4]), param([3]), param([3]), ...statistics],
    nodes: [
      {
        op: 'BatchNormalization',
        domain: '',
        name: 'bn',
        inputs: ['i0', 'i1', 'i2', 'i3', 'i4'],
        outputs: ['o0', 'mean', 'variance'],
        attributes: { training_mode: int(1) },
      },
    ],
  },
  { name: 'LayerNormalization', op: 'LayerNormalization', inputs: [data(['N', 3, 5]), param([5]), param([5])] },
  {
    name: 'LayerNormalization over two axes without bias',
    op: 'LayerNormalization',
    attributes: { axis: int(1), epsilon: float(1e-3) },
    inputs: [data(['N', 3, 5]), param([3, 5])],
  },
  {
    name: 'InstanceNormalization',
    op: 'InstanceNormalization',
    inputs: [data(['N', 3, 4, 2]), param([3]), param([3])],
  },
  {
    name: 'GroupNormalization with a scale for each group',
    op: 'GroupNormalization',
    opset: 18,
    attributes: { num_groups: int(2) },
    inputs: [data(['N', 4, 3, 2]), param([2]), param([2])],
  },
  {
    name: 'GroupNormalization with a scale for each channel',
    op: 'GroupNormalization',
    opset: 21,
    attributes: { num_groups: int(2) },
    inputs: [data(['N', 4, 3, 2]), param([4]), param([4])],
  },
]
