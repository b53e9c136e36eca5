import type { Emitter, Val } from '../../graph/emitter.js'
import { ints } from '../../graph/graph.js'
import { sizeOf, tensor } from '../../tensor/tensor.js'
import {
  constantNumbers,
  dy,
  floatOf,
  input,
  intOf,
  intsOf,
  output,
  positiveAxis,
  type Rule,
  type RuleContext,
  refuse,
  textOf,
} from '../rule.js'

/**
 * Resizing is linear in x, axis by axis: y = M·x along each axis that changes, so dx = Mᵀ·dy. M, [m, n], follows from the
 * attributes as ONNX Resize-11 to 19 and Upsample-9 define it, computed in float32 as the runtime does: at a tie between
 * two elements the last bit decides.
 */
export const resize: readonly Rule[] = [
  { op: 'Upsample', since: 9, until: 9, lifts: true, vjp: (c) => [() => resizeGradient(c), undefined] },
  { op: 'Resize', since: 10, lifts: true, vjp: (c) => [() => resizeGradient(c), undefined, undefined, undefined] },
]

const f32 = Math.fround

/** One axis that is sampled: n elements become m. */
interface Sampling {
  readonly axis: number
  readonly n: number
  readonly m: number
  /** m/n, or what the model gives, which is less exact where m was rounded down. */
  readonly scale: number
  /** Part of the axis that is looked at; [0, 1] is all of it. */
  readonly roi: readonly [number, number]
}

/** For each of the m places of the result, what is summed there: pairs of an element and its weight. */
type Taps = readonly (readonly (readonly [index: number, weight: number])[])[]

function resizeGradient(c: RuleContext): Val {
  const lead = c.lead.length
  const samplings = samplingsOf(c)
  const taps = samplings.map((s) => tapsOf(c, s))
  const kernel = repeats(c, samplings, taps)
  if (kernel && lead === 0) return sumOfTiles(c, kernel)
  // What shrinks most comes first: less is left to do for the others.
  const order = [...samplings.keys()].sort(
    (a, b) => samplings[a]!.n / samplings[a]!.m - samplings[b]!.n / samplings[b]!.m,
  )
  return order.reduce((g, k) => alongAxis(c.e, g, samplings[k]!.axis + lead, samplings[k]!.n, taps[k]!), dy(c))
}

/** Axes that change: those with another size or scale. A result of the input's shape is the input, whatever the region. */
function samplingsOf(c: RuleContext): Sampling[] {
  const [from, to] = [input(c, 0).dims, output(c).dims]
  if (from.every((n, i) => n === to[i])) return []
  const isNew = c.opset > 10
  const axes = (c.opset >= 18 ? intsOf(c, 'axes', undefined) : undefined)?.map((a) => positiveAxis(a, from.length)) ?? [
    ...from.keys(),
  ]
  const given = constantNumbers(c, isNew ? 2 : 1) ?? []
  const scales = given.length > 0 ? given.map(f32) : axes.map((axis) => f32(to[axis]! / from[axis]!))
  const kept = given.length > 0 ? undefined : keptRatio(c, axes)
  const crops = isNew && coordinatesOf(c) === 'tf_crop_and_resize'
  const roi = crops ? (constantNumbers(c, 1) ?? []).map(f32) : []
  return axes
    .map((axis, i) => ({
      axis,
      n: from[axis]!,
      m: to[axis]!,
      scale: kept ?? scales[i]!,
      roi: [roi[i] ?? 0, roi[axes.length + i] ?? 1] as const,
    }))
    .filter(({ scale }) => scale !== 1)
}

/** The one scale of all axes where the ratio between them is kept. */
function keptRatio(c: RuleContext, axes: readonly number[]): number | undefined {
  const policy = c.opset >= 18 ? textOf(c, 'keep_aspect_ratio_policy', 'stretch') : 'stretch'
  if (policy === 'stretch') return undefined
  const sizes = constantNumbers(c, 3) ?? []
  const scales = axes.map((axis, i) => f32(sizes[i]! / input(c, 0).dims[axis]!))
  return policy === 'not_larger' ? Math.min(...scales) : Math.max(...scales)
}

const coordinatesOf = (c: RuleContext): string =>
  c.opset > 10 ? textOf(c, 'coordinate_transformation_mode', 'half_pixel') : 'asymmetric'

/** Where in x the place j of the result lies, not yet brought inside. */
const coordinates: Readonly<Record<string, (j: number, s: Sampling) => number>> = {
  half_pixel: (j, { scale }) => f32(f32((j + 0.5) / scale) - 0.5),
  half_pixel_symmetric: (j, { scale, n, m }) => {
    const adjustment = f32(m / f32(scale * n))
    return f32(f32((n / 2) * f32(1 - adjustment)) + (j + 0.5) / scale - 0.5)
  },
  pytorch_half_pixel: (j, { scale, m }) => (m > 1 ? f32(f32((j + 0.5) / scale) - 0.5) : 0),
  align_corners: (j, { n, m }) => (m > 1 ? f32((j * (n - 1)) / (m - 1)) : 0),
  asymmetric: (j, { scale }) => f32(j / scale),
  tf_half_pixel_for_nn: (j, { scale }) => f32((j + 0.5) / scale),
  tf_crop_and_resize: (j, { n, m, roi: [start, end] }) => {
    if (m === 1) return f32(0.5 * f32(start + end) * (n - 1))
    return f32(f32(start * (n - 1)) + f32(f32(f32(j * f32(end - start)) * (n - 1)) / (m - 1)))
  },
}

const roundHalfUp = (at: number): number => Math.sign(at) * Math.floor(Math.abs(at) + 0.5)
const nearest: Readonly<Record<string, (at: number) => number>> = {
  round_prefer_floor: (at) => (at === Math.trunc(at) + 0.5 ? Math.floor(at) : roundHalfUp(at)),
  round_prefer_ceil: roundHalfUp,
  floor: Math.floor,
  ceil: Math.ceil,
}

function tapsOf(c: RuleContext, s: Sampling): Taps {
  const name = coordinatesOf(c)
  const coordinate = coordinates[name] ?? refuse(c, `coordinate_transformation_mode "${name}"`)
  const weigh = weighing(c, s)
  const last = s.n - 1
  return Array.from({ length: s.m }, (_, j) => {
    const at = coordinate(j, s)
    // Beyond the region cropped from lies a constant, extrapolation_value.
    if (name === 'tf_crop_and_resize' && (at < 0 || at > last)) return []
    return weigh(at).map(([index, weight]) => [Math.min(Math.max(index, 0), last), weight] as const)
  })
}

/** Elements around a coordinate and their weights; those beyond the ends stand for the last element there. */
function weighing(c: RuleContext, { n, scale }: Sampling): (at: number) => [number, number][] {
  const mode = textOf(c, 'mode', 'nearest')
  if (mode === 'nearest') {
    const name = textOf(c, 'nearest_mode', 'round_prefer_floor')
    const round = c.opset < 11 ? (scale < 1 ? Math.ceil : Math.trunc) : nearest[name]
    return round ? (at) => [[round(at), 1]] : refuse(c, `nearest_mode "${name}"`)
  }
  const isSmoothed = c.opset >= 18 && intOf(c, 'antialias', 0) !== 0 && scale < 1
  if (isSmoothed && (mode === 'linear' || mode === 'cubic')) return smoothed(c, n, scale, mode)
  if (mode === 'linear') {
    return (at) => {
      const inside = Math.min(Math.max(at, 0), n - 1)
      const low = Math.floor(inside)
      const part = f32(inside - low)
      return part === 0
        ? [[low, 1]]
        : [
            [low, f32(1 - part)],
            [low + 1, part],
          ]
    }
  }
  if (mode !== 'cubic') refuse(c, `mode "${mode}"`)
  const a = floatOf(c, 'cubic_coeff_a', -0.75)
  const excludes = intOf(c, 'exclude_outside', 0) !== 0
  return (at) => {
    const low = Math.floor(at)
    const weights = cubicWeights(at - low, a)
    const four = weights.map((w, i) => [low - 1 + i, w] as [number, number])
    if (!excludes) return four
    const inside = four.filter(([index]) => index >= 0 && index < n)
    const total = inside.reduce((sum, [, w]) => sum + w, 0)
    return inside.map(([index, w]) => [index, w / total])
  }
}

/**
 * Against aliasing the kernel is as much wider as the result is smaller, and its weights are made to sum to 1. ONNX Resize-18.
 */
function smoothed(
  c: RuleContext,
  n: number,
  scale: number,
  mode: 'linear' | 'cubic',
): (at: number) => [number, number][] {
  const a = floatOf(c, 'cubic_coeff_a', -0.75)
  const excludes = intOf(c, 'exclude_outside', 0) !== 0
  const [reach, kernel] =
    mode === 'linear' ? [1, (d: number): number => 1 - d] : [2, (d: number): number => cubicKernel(d, a)]
  return (at) => {
    const first = Math.ceil(at - reach / scale)
    const last = Math.floor(at + reach / scale)
    const indices = Array.from({ length: last - first + 1 }, (_, i) => first + i)
    const weights = indices
      .filter((index) => !excludes || (index >= 0 && index < n))
      .map((index): [number, number] => [index, kernel(Math.min(Math.abs(index - at) * scale, reach))])
    const total = weights.reduce((sum, [, w]) => sum + w, 0)
    return weights.map(([index, w]) => [index, w / total])
  }
}

/** Cubic convolution with coefficient a at a distance of up to 2. */
function cubicKernel(d: number, a: number): number {
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
}

/** Weights of the elements at −1, 0, 1 and 2 around a place t between 0 and 1: cubic convolution with coefficient a. */
function cubicWeights(t: number, a: number): number[] {
  return [t + 1, t, 1 - t, 2 - t].map((d) => cubicKernel(d, a))
}

/** Mᵀ times g along an axis of size m, which becomes n. */
function alongAxis(e: Emitter, g: Val, axis: number, n: number, taps: Taps): Val {
  const m = taps.length
  const matrix = new Float32Array(m * n)
  const isLast = axis === g.dims.length - 1
  taps.forEach((pairs, j) => {
    // [m, n] from the right; [n, m] from the left.
    for (const [index, weight] of pairs) matrix[isLast ? j * n + index : index * m + j]! += weight
  })
  const [before, after] = [g.dims.slice(0, axis), g.dims.slice(axis + 1)]
  if (isLast) {
    const rows = e.reshape(g, [sizeOf(before), m])
    return e.reshape(e.matmul(rows, e.constant(tensor('float32', [m, n], matrix), 'resize')), [...before, n])
  }
  const rows = e.reshape(g, [sizeOf(before), m, sizeOf(after)])
  const product = e.matmul(e.constant(tensor('float32', [n, m], matrix), 'resize'), rows)
  return e.reshape(product, [...before, n, ...after])
}

/** How often each element is repeated along the axes behind the first two, where resizing does nothing else. */
function repeats(c: RuleContext, samplings: readonly Sampling[], taps: readonly Taps[]): number[] | undefined {
  const rank = input(c, 0).dims.length
  if (rank < 3 || rank > 5 || samplings.length === 0) return undefined
  const kernel = Array<number>(rank - 2).fill(1)
  for (const [k, { axis, n, m }] of samplings.entries()) {
    const isRepeat = m % n === 0 && taps[k]!.every(([tap], j) => tap?.[0] === Math.floor((j * n) / m) && tap[1] === 1)
    if (axis < 2 || !isRepeat) return undefined
    kernel[axis - 2] = m / n
  }
  const isWhole = taps.every((t) => t.every((pairs) => pairs.length === 1))
  return isWhole ? kernel : undefined
}

/** Repeated elements get the sum of their copies: an average over tiles, times their size; 2.4 times as fast as the products. */
function sumOfTiles(c: RuleContext, kernel: readonly number[]): Val {
  const mean = c.e.emit('AveragePool', [dy(c)], input(c, 0).dims, {
    kernel_shape: ints(kernel),
    strides: ints(kernel),
  })
  return c.e.mul(mean, c.e.scalar(sizeOf(kernel)))
}
