import { int, text } from '../../../src/graph/graph.js'
import { data, float32s, node, type OpCase, param } from '../op-case.js'

/**
 * The grid of some places, given in units of elements, innermost axis first; x has the sizes `S`, outermost first. The rows
 * below move each by 0.23 elements at most, so that numeric gradients see no edge between the elements.
 */
const grid = (places: readonly (readonly number[])[], S: readonly number[], isAligned: boolean): number[] =>
  places.flatMap((place) =>
    place.map((u, i) => {
      const size = S[S.length - 1 - i]!
      return isAligned ? (2 * u) / (size - 1) - 1 : (2 * u + 1) / size - 1
    }),
  )

const flat = [
  [0.5, 1.5],
  [2.5, 0.5],
  [3.5, 2.5],
  [-0.6, 1.5],
  [1.5, 3.6],
  [5.5, -1.7],
]
const deep = [
  [0.5, 1.5, 0.5],
  [1.5, -0.7, 0.5],
  [2.6, 0.5, 1.6],
  [0.5, 0.5, -0.6],
]

export const gridSample: readonly OpCase[] = [
  ...(['zeros', 'border', 'reflection'] as const).flatMap((padding) =>
    [0, 1].map(
      (aligned): OpCase => ({
        name: `GridSample with padding by ${padding}, align_corners ${aligned}`,
        op: 'GridSample',
        opset: aligned === 1 ? 20 : 16,
        inputs: [
          data(['N', 2, 4, 5]),
          data(['N', 2, 3, 2], 'unit'),
          float32s([0.1]),
          float32s(grid(flat, [4, 5], aligned === 1), [1, 2, 3, 2]),
        ],
        nodes: [
          node('Mul', ['i1', 'i2'], 'moved'),
          node('Add', ['moved', 'i3'], 'grid'),
          node('GridSample', ['i0', 'grid'], 'o0', { align_corners: int(aligned), padding_mode: text(padding) }),
        ],
      }),
    ),
  ),
  ...(['zeros', 'border', 'reflection'] as const).flatMap((padding) =>
    [0, 1].map(
      (aligned): OpCase => ({
        name: `GridSample cubic with padding by ${padding}, align_corners ${aligned}`,
        op: 'GridSample',
        opset: aligned === 1 ? 20 : 16,
        inputs: [
          data(['N', 2, 4, 5]),
          data(['N', 2, 3, 2], 'unit'),
          float32s([0.1]),
          float32s(grid(flat, [4, 5], aligned === 1), [1, 2, 3, 2]),
        ],
        nodes: [
          node('Mul', ['i1', 'i2'], 'moved'),
          node('Add', ['moved', 'i3'], 'grid'),
          node('GridSample', ['i0', 'grid'], 'o0', {
            mode: text(aligned === 1 ? 'cubic' : 'bicubic'),
            align_corners: int(aligned),
            padding_mode: text(padding),
          }),
        ],
      }),
    ),
  ),
  ...(['zeros', 'border', 'reflection'] as const).map(
    (padding): OpCase => ({
      name: `GridSample nearest with padding by ${padding}`,
      op: 'GridSample',
      opset: 16,
      // Near an element, far from where the nearest changes: the slope of a place is 0.
      inputs: [
        data(['N', 2, 4, 5]),
        data(['N', 2, 3, 2], 'unit'),
        float32s([0.1]),
        float32s(
          grid(
            flat.map((place) => place.map((u) => u + 0.4)),
            [4, 5],
            false,
          ),
          [1, 2, 3, 2],
        ),
      ],
      nodes: [
        node('Mul', ['i1', 'i2'], 'moved'),
        node('Add', ['moved', 'i3'], 'grid'),
        node('GridSample', ['i0', 'grid'], 'o0', { mode: text('nearest'), padding_mode: text(padding) }),
      ],
    }),
  ),
  ...(['zeros', 'border', 'reflection'] as const).map(
    (padding): OpCase => ({
      name: `GridSample 3-D with padding by ${padding}`,
      op: 'GridSample',
      opset: 20,
      inputs: [
        data(['N', 2, 2, 3, 3]),
        data(['N', 1, 2, 2, 3], 'unit'),
        float32s([0.1]),
        float32s(grid(deep, [2, 3, 3], false), [1, 1, 2, 2, 3]),
      ],
      nodes: [
        node('Mul', ['i1', 'i2'], 'moved'),
        node('Add', ['moved', 'i3'], 'grid'),
        node('GridSample', ['i0', 'grid'], 'o0', { padding_mode: text(padding) }),
      ],
    }),
  ),
  {
    name: 'GridSample of a place that parameters move (spatial transformer)',
    op: 'GridSample',
    opset: 16,
    inputs: [
      data(['N', 1, 4, 5]),
      param([2], 'unit'),
      float32s([0.1]),
      float32s(grid(flat, [4, 5], false), [1, 2, 3, 2]),
      data(['N', 1, 1, 1]),
      param([3, 1, 2, 2]),
    ],
    nodes: [
      node('Mul', ['i1', 'i2'], 'shift'),
      node('Tanh', ['i4'], 'share'),
      node('Mul', ['shift', 'share'], 'moved'),
      node('Add', ['moved', 'i3'], 'grid'),
      node('GridSample', ['i0', 'grid'], 'y'),
      node('Conv', ['y', 'i5'], 'o0'),
    ],
  },
  ...[0, 1].map(
    (aligned): OpCase => ({
      name: `AffineGrid, align_corners ${aligned}`,
      op: 'AffineGrid',
      opset: 20,
      inputs: [data(['N', 1, 3, 4]), data(['N', 2, 3]), param([2, 3])],
      nodes: [
        node('Shape', ['i0'], 'size'),
        node('Mul', ['i1', 'i2'], 'theta'),
        node('AffineGrid', ['theta', 'size'], 'o0', { align_corners: int(aligned) }),
      ],
    }),
  ),
  {
    name: 'AffineGrid in space',
    op: 'AffineGrid',
    opset: 20,
    inputs: [data(['N', 1, 2, 3, 4]), data(['N', 3, 4])],
    nodes: [node('Shape', ['i0'], 'size'), node('AffineGrid', ['i1', 'size'], 'o0')],
  },
]
