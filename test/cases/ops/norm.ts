import { float, int, ints } from '../../../src/graph/graph.js'
import { data, float32s, int64s, node, type OpCase, param } from '../op-case.js'

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
  {
    name: 'BatchNormalization of opset 14, 1-D',
    op: 'BatchNormalization',
    opset: 14,
    inputs: [data(['N', 3, 4]), param([3]), param([3]), ...statistics],
  },
  {
    name: 'BatchNormalization of opset 15 on batch statistics, of features and with epsilon',
    op: 'BatchNormalization',
    opset: 15,
    mixes: true,
    inputs: [data(['N', 3]), param([3]), param([3]), ...statistics],
    nodes: [
      {
        ...node('BatchNormalization', ['i0', 'i1', 'i2', 'i3', 'i4'], 'o0', {
          training_mode: int(1),
          epsilon: float(0.1),
        }),
        outputs: ['o0', 'mean', 'variance'],
      },
    ],
  },
  {
    name: 'BatchNormalization with the batch folded into axis 0: examples one by one',
    op: 'BatchNormalization',
    inputs: [data(['N', 4, 3]), param([3]), param([3]), ...statistics, int64s([-1, 3]), int64s([-1, 4, 3])],
    nodes: [node('Reshape', ['i0', 'i5'], 'rows'), node('BatchNormalization', ['rows', 'i1', 'i2', 'i3', 'i4'], 'o0')],
    fallsBack: true,
  },
  {
    name: 'BatchNormalization between convolutions',
    op: 'BatchNormalization',
    inputs: [data(['N', 2, 5, 5]), param([3, 2, 3, 3]), param([3]), param([3]), ...statistics, param([2, 3, 2, 2])],
    nodes: [
      node('Conv', ['i0', 'i1'], 'h'),
      node('BatchNormalization', ['h', 'i2', 'i3', 'i4', 'i5'], 'b'),
      node('Conv', ['b', 'i6'], 'o0'),
    ],
  },
  {
    name: 'LayerNormalization at axis −2 of parameters before it',
    op: 'LayerNormalization',
    opset: 22,
    inputs: [data(['N', 3, 5]), param([3, 5]), param([3, 5]), param([3, 5])],
    nodes: [
      node('Mul', ['i0', 'i1'], 'h'),
      node('LayerNormalization', ['h', 'i2', 'i3'], 'o0', { axis: int(-2), stash_type: int(1) }),
    ],
  },
  {
    name: 'LayerNormalization with the batch on axis 1',
    op: 'LayerNormalization',
    inputs: [data(['N', 2, 4]), param([4]), param([4])],
    nodes: [
      node('Transpose', ['i0'], 'x', { perm: ints([1, 0, 2]) }),
      node('LayerNormalization', ['x', 'i1', 'i2'], 'o0'),
    ],
  },
  {
    name: 'LayerNormalization written by an optimiser into opset 12',
    op: 'LayerNormalization',
    opset: 12,
    inputs: [data(['N', 3, 5]), param([5]), param([5])],
  },
  {
    name: 'InstanceNormalization of opset 9, 1-D, with epsilon',
    op: 'InstanceNormalization',
    opset: 9,
    attributes: { epsilon: float(0.1) },
    inputs: [data(['N', 3, 5]), param([3]), param([3])],
  },
  {
    name: 'GroupNormalization in one group, 1-D, with epsilon',
    op: 'GroupNormalization',
    opset: 21,
    attributes: { num_groups: int(1), epsilon: float(0.1) },
    inputs: [data(['N', 4, 3]), param([4]), param([4])],
  },
  {
    name: 'GroupNormalization in groups of one channel',
    op: 'GroupNormalization',
    opset: 22,
    attributes: { num_groups: int(4) },
    inputs: [data(['N', 4, 2, 3]), param([4]), param([4])],
  },
  {
    name: 'RMSNormalization',
    op: 'RMSNormalization',
    opset: 23,
    inputs: [data(['N', 3, 5]), param([5])],
  },
  {
    name: 'RMSNormalization at axis 1 with epsilon',
    op: 'RMSNormalization',
    opset: 23,
    attributes: { axis: int(1), epsilon: float(0.1) },
    inputs: [data(['N', 3, 5]), param([3, 5])],
  },
  { name: 'LpNormalization', op: 'LpNormalization', inputs: [data(['N', 3, 5])] },
  {
    name: 'LpNormalization of opset 9 by magnitudes, along axis 1',
    op: 'LpNormalization',
    opset: 9,
    attributes: { p: int(1), axis: int(1) },
    inputs: [data(['N', 3, 5], 'away-from-zero')],
  },
  {
    name: 'LayerNormalization over all axes behind the batch with a scale that is stretched',
    op: 'LayerNormalization',
    opset: 17,
    attributes: { axis: int(1) },
    inputs: [data(['N', 2, 3, 2]), param([3, 1]), param([2])],
  },
  {
    name: 'MeanVarianceNormalization over space',
    op: 'MeanVarianceNormalization',
    opset: 13,
    attributes: { axes: ints([2, -1]) },
    inputs: [data(['N', 2, 3, 4])],
  },
  {
    name: 'MeanVarianceNormalization over the batch too, which is its default',
    op: 'MeanVarianceNormalization',
    opset: 9,
    mixes: true,
    inputs: [data(['N', 2, 3, 2])],
  },
  {
    name: 'MeanVarianceNormalization of parameters before it',
    op: 'MeanVarianceNormalization',
    inputs: [data(['N', 4, 3]), param([4, 3])],
    nodes: [node('Mul', ['i0', 'i1'], 'h'), node('MeanVarianceNormalization', ['h'], 'o0', { axes: ints([1, 2]) })],
  },
  {
    name: 'LpNormalization of opset 22',
    op: 'LpNormalization',
    opset: 22,
    attributes: { p: int(2), axis: int(-2) },
    inputs: [data(['N', 3, 5])],
  },
]
