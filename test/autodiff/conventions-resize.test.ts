import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, float, int, text } from '../../src/graph/graph.js'
import { sizeOf, type Tensor, tensor, toNumbers } from '../../src/tensor/tensor.js'
import { type Call, gradientsOf, outputOf } from './gradient-of.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

interface Sampled {
  readonly op: 'Resize' | 'Upsample'
  readonly opset: number
  readonly attributes: Attributes
  /** Height and width. */
  readonly from: readonly [number, number]
  readonly scales: readonly [number, number]
  readonly roi?: readonly number[]
}

const floats = (dims: readonly number[], values: readonly number[]): Tensor =>
  tensor('float32', dims, Float32Array.from(values))

/** One image for each element, which is 1 where the others are 0: [∏dims, 1, *dims]. */
function units(dims: readonly number[]): Tensor {
  const size = sizeOf(dims)
  return floats(
    [size, 1, ...dims],
    Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)),
  )
}

/** The whole linear map of the runtime and the transposed one of the rule, both [inputs, outputs]. */
async function maps(row: Sampled): Promise<{ forward: number[]; back: number[] }> {
  const { roi, scales, from, ...rest } = row
  const constants = {
    scales: floats([4], [1, 1, ...scales]),
    ...(roi ? { roi: floats([8], roi) } : {}),
  }
  const inputs = row.opset < 11 ? ['x', 'scales'] : ['x', roi ? 'roi' : '', 'scales']
  const callOf = (x: Tensor): Call => ({ ...rest, inputs, constants, feeds: { x } })
  const zerosOf = (batch: number): Tensor => floats([batch, 1, ...from], Array(batch * n).fill(0))
  const n = sizeOf(from)
  const y = await outputOf(callOf(units(from)), engine)
  const to = y.dims.slice(2)
  const m = sizeOf(to)
  // What a region beyond x gives, extrapolation_value, is no part of the map.
  const offset = toNumbers(await outputOf(callOf(zerosOf(n)), engine))
  const forward = toNumbers(y).map((v, i) => v - offset[i]!)
  const { x } = await gradientsOf(callOf(zerosOf(m)), units(to), engine)
  const rows = toNumbers(x!)
  const back = Array.from({ length: n * m }, (_, i) => rows[(i % m) * n + Math.floor(i / m)]!)
  return { forward, back }
}

const modern = [
  'half_pixel',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_crop_and_resize',
  'half_pixel_symmetric',
]
/** Up, down, by whole numbers, by parts whose float32 is inexact, and with a size that is rounded down. */
const sizes: readonly Pick<Sampled, 'from' | 'scales'>[] = [
  { from: [3, 5], scales: [2, 3] },
  { from: [5, 4], scales: [1.7, 0.6] },
  { from: [7, 6], scales: [0.43, 0.5] },
  { from: [4, 3], scales: [0.3, 2.34] },
  { from: [5, 3], scales: [1.1, 1] },
]
const roi = [0, 0, 0.1, -0.2, 1, 1, 0.7, 1.3]

const rows: Sampled[] = modern.flatMap((coordinates) =>
  sizes.flatMap((size): Sampled[] => {
    const opset = coordinates === 'half_pixel_symmetric' ? 19 : 13
    const at = { coordinate_transformation_mode: text(coordinates), extrapolation_value: float(2) }
    const base = { op: 'Resize' as const, opset, ...size, ...(coordinates === 'tf_crop_and_resize' ? { roi } : {}) }
    return [
      ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map((nearest) => ({
        ...base,
        attributes: { ...at, mode: text('nearest'), nearest_mode: text(nearest) },
      })),
      { ...base, attributes: { ...at, mode: text('linear') } },
      { ...base, attributes: { ...at, mode: text('cubic') } },
      { ...base, attributes: { ...at, mode: text('cubic'), exclude_outside: int(1) } },
    ]
  }),
)
const old: Sampled[] = sizes.flatMap((size) =>
  ['nearest', 'linear'].flatMap((mode): Sampled[] => [
    { op: 'Resize', opset: 10, ...size, attributes: { mode: text(mode) } },
    ...(size.scales.every((s) => s >= 1)
      ? [{ op: 'Upsample' as const, opset: 9, ...size, attributes: { mode: text(mode) } }]
      : []),
    {
      op: 'Resize',
      opset: 11,
      ...size,
      roi,
      attributes: { mode: text(mode), coordinate_transformation_mode: text('tf_half_pixel_for_nn') },
    },
  ]),
)

const label = ({ op, opset, attributes, from, scales }: Sampled): string =>
  `${op} (opset ${opset}) ${Object.values(attributes)
    .map((a) => ('value' in a ? a.value : ''))
    .join(' ')} of ${from.join('×')} by ${scales.join(', ')}`

describe('resizing is transposed exactly: element by element the map of the runtime', () => {
  it.each([...rows, ...old].map((row) => [label(row), row] as const))('%s', async (_, row) => {
    const { forward, back } = await maps(row)
    const worst = forward.reduce((w, v, i) => Math.max(w, Math.abs(v - back[i]!)), 0)
    // Products of two float32 weights; cubic ones are sums of terms up to 6 that cancel.
    expect(worst).toBeLessThan(5e-6)
  })
})
