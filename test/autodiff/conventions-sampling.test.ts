import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { float, int, ints, text } from '../../src/graph/graph.js'
import { type Tensor, tensor, toNumbers } from '../../src/tensor/tensor.js'
import { type Call, gradientsOf } from './gradient-of.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

const floats = (dims: readonly number[], values: readonly number[]): Tensor =>
  tensor('float32', dims, Float32Array.from(values))
const int64s = (values: readonly number[]): Tensor =>
  tensor('int64', [values.length], BigInt64Array.from(values, BigInt))
const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)

interface Row {
  readonly law: string
  readonly call: Call
  readonly dy: Tensor
  readonly gradients: Readonly<Record<string, readonly number[]>>
}

/** x = 1, 4, 9, … 81 on 3 × 3; the places are corners, the middle, the middle of an edge, and one outside. */
const sampled = (padding: string, gradients: Row['gradients']): Row => ({
  law: `GridSample at elements and beyond, padding by ${padding}`, // grid_sample(x, grid, padding_mode=…, align_corners=True)
  call: {
    op: 'GridSample',
    opset: 16,
    attributes: { padding_mode: text(padding), align_corners: int(1) },
    inputs: ['x', 'grid'],
    feeds: {
      x: floats(
        [1, 1, 3, 3],
        count(9).map((v) => v * v),
      ),
      grid: floats([1, 1, 5, 2], [-1, -1, 1, 1, 0, 0, 1, -0.5, -1.5, 1.25]),
    },
  },
  dy: floats([1, 1, 1, 5], Array(5).fill(1)),
  gradients,
})

/** interpolate(x, (3, 5), mode=…) of 2 × 2 elements, cotangent 1 … 15. */
const resized = (law: string, attributes: Call['attributes'], dx: readonly number[]): Row => ({
  law,
  call: {
    op: 'Resize',
    opset: 13,
    attributes: attributes ?? {},
    inputs: ['x', '', '', 'sizes'],
    feeds: { x: floats([1, 1, 2, 2], [0, 1, 2, 3]) },
    constants: { sizes: int64s([1, 1, 3, 5]) },
  },
  dy: floats([1, 1, 3, 5], count(15)),
  gradients: { x: dx },
})
const at = (coordinates: string, mode: string) => ({
  coordinate_transformation_mode: text(coordinates),
  mode: text(mode),
})

/** All numbers from torch.autograd (PyTorch 2.13), float32. */
const rows: readonly Row[] = [
  sampled('zeros', {
    x: [1, 0, 0.5, 0, 1, 0.5, 0.375, 0, 1],
    grid: [3, 15, -81, -81, 11, 39, -22.5, 27, 36.75, -24.5],
  }),
  sampled('border', {
    x: [1, 0, 0.5, 0, 1, 0.5, 1, 0, 1],
    grid: [0, 0, 0, 0, 11, 39, 0, 27, 0, 0],
  }),
  sampled('reflection', {
    x: [1, 0, 0.5, 0.125, 1.125, 0.5, 0.375, 0.375, 1],
    grid: [0, 0, 0, 0, 11, 39, 0, 27, -13.5, -36],
  }),
  {
    law: 'GridSample nearest: of two as near, the even one', // grid_sample(x, grid, mode='nearest', align_corners=True)
    call: {
      op: 'GridSample',
      opset: 16,
      attributes: { mode: text('nearest'), align_corners: int(1) },
      inputs: ['x', 'grid'],
      feeds: { x: floats([1, 1, 3, 3], count(9)), grid: floats([1, 1, 3, 2], [-0.5, -0.5, 0.5, 0.5, 0.5, -0.5]) },
    },
    dy: floats([1, 1, 1, 3], [1, 2, 3]),
    gradients: { x: [1, 0, 3, 0, 0, 0, 0, 0, 2] },
  },
  resized(
    'Resize as mode="nearest" is exported',
    { ...at('asymmetric', 'nearest'), nearest_mode: text('floor') },
    [27, 28, 36, 29],
  ),
  resized(
    'Resize as mode="nearest-exact" means it',
    { ...at('half_pixel', 'nearest'), nearest_mode: text('round_prefer_ceil') },
    [3, 12, 36, 69],
  ),
  resized(
    'Resize as mode="bilinear" is exported',
    at('pytorch_half_pixel', 'linear'),
    [13.299999237, 21.700000763, 38.299999237, 46.699996948],
  ),
  resized('Resize with corners aligned', at('align_corners', 'linear'), [13.75, 21.25, 38.75, 46.25]),
  resized(
    'Resize as mode="bicubic" is exported',
    { ...at('pytorch_half_pixel', 'cubic'), cubic_coeff_a: float(-0.75) },
    [10.414373398, 20.245368958, 39.754646301, 49.585624695],
  ),
  {
    law: 'LpPool has the slope 0 where all elements are 0', // lp_pool1d(x, 2, 2, 2)
    call: {
      op: 'LpPool',
      opset: 18,
      attributes: { kernel_shape: ints([2]), strides: ints([2]) },
      inputs: ['x'],
      feeds: { x: floats([1, 1, 6], [0, 0, 0, 3, -4, 0]) },
    },
    dy: floats([1, 1, 3], [1, 1, 1]),
    gradients: { x: [0, 0, 0, 1, -1, 0] },
  },
]

describe('sampling at edges and ties has the gradient that PyTorch gives it', () => {
  it.each(rows.map((row) => [row.law, row] as const))('%s', async (_, { call, dy, gradients }) => {
    // LpPool asks for its output, which the graph computes beside the gradient.
    const found = await gradientsOf(call, dy, engine)
    for (const [name, expected] of Object.entries(gradients)) {
      const got = toNumbers(found[name]!)
      expect(got.length).toBe(expected.length)
      // Float32 sums in another order.
      const tolerance = 1e-6 * Math.max(...expected.map(Math.abs))
      got.forEach((v, i) => {
        expect(Math.abs(v - expected[i]!), `${name}[${i}] = ${v}, expected ${expected[i]}`).toBeLessThanOrEqual(
          tolerance,
        )
      })
    }
  })
})

const x = floats([1, 1, 4, 4], count(16))
const refused: readonly { readonly call: Call; readonly what: string }[] = [
  {
    call: {
      op: 'MaxUnpool',
      opset: 11,
      attributes: { kernel_shape: ints([2, 2]) },
      inputs: ['x', 'at', 'shape'],
      feeds: { x },
      constants: {
        at: tensor('int64', [1, 1, 4, 4], BigInt64Array.from(count(16), BigInt)),
        shape: int64s([1, 1, 5, 5]),
      },
    },
    what: 'Node "node" (MaxUnpool, opset 11): the gradient with an output_shape has no rule; export the model without it.',
  },
  ...['MaxRoiPool', 'RoiAlign'].map((op) => ({
    call: { op, opset: 16, inputs: ['x', 'rois'], feeds: { x }, constants: { rois: floats([1, 5], [0, 0, 0, 3, 3]) } },
    what: `Node "node" needs the gradient of ${op} (opset 16), which has no rule. Freeze what lies before it, or export the model without this operator.`,
  })),
]

describe('what has no rule is refused by name', () => {
  it.each(refused.map((row) => [row.call.op, row] as const))('%s', async (_, { call, what }) => {
    await expect(gradientsOf(call, floats([1, 1, 2, 2], [1, 1, 1, 1]), engine)).rejects.toMatchObject({
      code: 'rule-missing',
      message: what,
    })
  })
})
