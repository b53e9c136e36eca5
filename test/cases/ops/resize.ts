import { float, int, ints, text } from '../../../src/graph/graph.js'
import { data, float32s, int64s, node, type OpCase, omitted, param } from '../op-case.js'

const mode = (name: string) => ({ mode: text(name) })
const at = (coordinates: string) => ({ coordinate_transformation_mode: text(coordinates) })

export const resize: readonly OpCase[] = [
  {
    name: 'Upsample nearest',
    op: 'Upsample',
    opset: 9,
    inputs: [data(['N', 2, 2, 3]), float32s([1, 1, 2, 2])],
  },
  {
    name: 'Upsample nearest by parts',
    op: 'Upsample',
    opset: 9,
    inputs: [data(['N', 1, 4, 3]), float32s([1, 1, 1.6, 2.5])],
  },
  {
    name: 'Upsample linear',
    op: 'Upsample',
    opset: 9,
    attributes: mode('linear'),
    inputs: [data(['N', 2, 2, 3]), float32s([1, 1, 2, 1.5])],
  },
  {
    name: 'Resize of opset 10 upwards',
    op: 'Resize',
    opset: 10,
    inputs: [data(['N', 2, 3, 2]), float32s([1, 1, 2, 3.5])],
  },
  {
    name: 'Resize of opset 10 downwards',
    op: 'Resize',
    opset: 10,
    inputs: [data(['N', 2, 5, 6]), float32s([1, 1, 0.6, 0.5])],
  },
  {
    name: 'Resize of opset 10 linear',
    op: 'Resize',
    opset: 10,
    attributes: mode('linear'),
    inputs: [data(['N', 2, 5, 3]), float32s([1, 1, 0.6, 2])],
  },
  {
    name: 'Resize of opset 11 as PyTorch exports nearest',
    op: 'Resize',
    opset: 11,
    attributes: { ...at('asymmetric'), nearest_mode: text('floor') },
    inputs: [data(['N', 2, 3, 2]), float32s([]), float32s([1, 1, 2, 2])],
  },
  {
    name: 'Resize of opset 11 to a size that is put together from the shape of x',
    op: 'Resize',
    opset: 11,
    inputs: [data(['N', 2, 3, 4]), float32s([]), int64s([5, 7]), int64s([0]), int64s([2])],
    nodes: [
      node('Shape', ['i0'], 'shape'),
      node('Slice', ['shape', 'i3', 'i4'], 'outer'),
      node('Concat', ['outer', 'i2'], 'sizes', { axis: int(0) }),
      node('Resize', ['i0', 'i1', 'i1', 'sizes'], 'o0', mode('linear')),
    ],
  },
  {
    name: 'Resize nearest in one dimension',
    op: 'Resize',
    opset: 18,
    attributes: { axes: ints([2]) },
    inputs: [data(['N', 2, 4]), omitted, omitted, int64s([7])],
  },
  {
    name: 'Resize linear in one dimension',
    op: 'Resize',
    opset: 18,
    attributes: { ...mode('linear'), axes: ints([2]) },
    inputs: [data(['N', 2, 4]), omitted, omitted, int64s([7])],
  },
  {
    name: 'Resize linear in one dimension, of opset 13',
    op: 'Resize',
    opset: 13,
    attributes: mode('linear'),
    inputs: [data(['N', 2, 6]), omitted, float32s([1, 1, 0.5])],
  },
  {
    name: 'Resize linear in three dimensions',
    op: 'Resize',
    attributes: { ...mode('linear'), ...at('align_corners') },
    inputs: [data(['N', 1, 2, 3, 2]), omitted, float32s([1, 1, 2, 1.7, 1.5])],
  },
  {
    name: 'Resize nearest in three dimensions',
    op: 'Resize',
    opset: 19,
    attributes: { ...at('asymmetric'), nearest_mode: text('floor') },
    inputs: [data(['N', 1, 2, 3, 2]), omitted, float32s([1, 1, 2, 3, 1])],
  },
  {
    name: 'Resize nearest downwards by a whole number',
    op: 'Resize',
    inputs: [data(['N', 2, 6, 4]), omitted, float32s([1, 1, 0.5, 0.5])],
  },
  {
    name: 'Resize linear with channels last',
    op: 'Resize',
    attributes: mode('linear'),
    inputs: [data(['N', 3, 2, 4]), omitted, float32s([1, 2, 1.5, 1])],
  },
  {
    name: 'Resize cubic',
    op: 'Resize',
    attributes: mode('cubic'),
    inputs: [data(['N', 2, 4, 5]), omitted, float32s([1, 1, 1.7, 2])],
  },
  {
    name: 'Resize cubic downwards without what lies outside',
    op: 'Resize',
    attributes: { ...mode('cubic'), cubic_coeff_a: float(-0.5), exclude_outside: int(1) },
    inputs: [data(['N', 2, 6, 5]), omitted, float32s([1, 1, 0.7, 0.6])],
  },
  {
    name: 'Resize linear of a region',
    op: 'Resize',
    attributes: { ...mode('linear'), ...at('tf_crop_and_resize'), extrapolation_value: float(3) },
    inputs: [data(['N', 1, 5, 4]), float32s([0, 0, 0.4, -0.3, 1, 1, 0.6, 1.2]), float32s([1, 1, 0.8, 1.5])],
  },
  ...(['not_larger', 'not_smaller'] as const).map(
    (policy): OpCase => ({
      name: `Resize that keeps the ratio, ${policy}`,
      op: 'Resize',
      opset: 18,
      attributes: { ...mode('linear'), axes: ints([2, 3]), keep_aspect_ratio_policy: text(policy) },
      inputs: [data(['N', 1, 3, 4]), omitted, omitted, int64s([7, 6])],
    }),
  ),
  {
    name: 'Resize to the same shape',
    op: 'Resize',
    attributes: mode('linear'),
    inputs: [data(['N', 1, 3, 4]), omitted, float32s([1, 1, 1.1, 1.2])],
  },
  {
    name: 'Resize of a parameter (position embeddings) keeps examples apart',
    op: 'Resize',
    inputs: [data(['N', 2, 5, 6]), param([1, 2, 3, 3]), omitted, float32s([1, 1, 1.7, 2])],
    nodes: [node('Resize', ['i1', '', 'i3'], 'positions', mode('cubic')), node('Mul', ['i0', 'positions'], 'o0')],
  },
  {
    name: 'Resize nearest of a parameter',
    op: 'Resize',
    inputs: [data(['N', 2, 4, 4]), param([1, 2, 2, 2]), omitted, float32s([1, 1, 2, 2])],
    nodes: [node('Resize', ['i1', '', 'i3'], 'large', at('asymmetric')), node('Mul', ['i0', 'large'], 'o0')],
  },
  {
    name: 'Resize between convolutions',
    op: 'Resize',
    inputs: [data(['N', 2, 4, 4]), param([3, 2, 2, 2]), param([2, 3, 2, 2]), float32s([1, 1, 2, 2])],
    nodes: [
      node('Conv', ['i0', 'i1'], 'h'),
      node('Resize', ['h', '', 'i3'], 'up', mode('linear')),
      node('Conv', ['up', 'i2'], 'o0'),
    ],
  },
  ...(['linear', 'cubic'] as const).flatMap((name) =>
    [0, 1].flatMap((excludes): OpCase[] => {
      const attributes = { ...mode(name), antialias: int(1), exclude_outside: int(excludes) }
      const what = `${name}, exclude_outside ${excludes}`
      return [
        {
          name: `Resize against aliasing, ${what}`,
          op: 'Resize',
          opset: 18,
          attributes,
          inputs: [data(['N', 2, 7, 6]), omitted, float32s([1, 1, 0.6, 0.45])],
        },
        {
          name: `Resize against aliasing upwards on one axis, ${what}`,
          op: 'Resize',
          opset: 19,
          attributes,
          inputs: [data(['N', 1, 7, 4]), omitted, float32s([1, 1, 0.4, 1.5])],
        },
      ]
    }),
  ),
]
