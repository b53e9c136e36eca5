import type { Picture, Transform } from './picture.js'
import type { Filter, Resize } from './preprocessing.js'

/**
 * New size as Pillow's `Image.resize` makes it: first along the rows, then along the columns, rounded to 8 bits after each.
 *
 * out[i] = Σⱼ f((j + ½ − c)/s)·in[j] / Σⱼ f((j + ½ − c)/s), with c = (i + ½)·scale the middle of the output pixel in
 * the input, and s = max(scale, 1): wider when shrinking, so that no pixel is skipped (antialiasing).
 * `nearest` takes in[⌊c⌋]. With `shortestEdge` the longer side is ⌊edge·long/short⌋.
 * Measured against Pillow, whose weights are rounded to fixed point: results differ by at most one level. Pillow 13 takes
 * the columns first where a picture grows in width and shrinks in height; that order is not followed.
 */
export const resize: Transform = {
  name: 'resize',
  apply(picture, spec) {
    if (!spec.resize) return picture
    const { width, height } = sizeAfter(picture, spec.resize)
    const filter = spec.resize.filter ?? 'bilinear'
    if (width === picture.width && height === picture.height) return picture
    return alongColumns(alongRows(picture, width, filter), height, filter)
  },
}

function sizeAfter(picture: Picture, to: Resize): { width: number; height: number } {
  if (!('shortestEdge' in to)) return to
  const { width, height } = picture
  const long = Math.floor((to.shortestEdge * Math.max(width, height)) / Math.min(width, height))
  return width < height ? { width: to.shortestEdge, height: long } : { width: long, height: to.shortestEdge }
}

interface Kernel {
  /** Half the width of the filter. */
  readonly support: number
  readonly weight: (x: number) => number
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

function cubic(x: number): number {
  const a = -0.5
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
}

const kernels = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const satisfies Record<Exclude<Filter, 'nearest'>, Kernel>

/** Input pixels of one output pixel: the first, and the weight of each. */
interface Window {
  readonly first: number
  readonly weights: readonly number[]
}

function windows(from: number, to: number, filter: Filter): Window[] {
  const scale = from / to
  if (filter === 'nearest') {
    return Array.from({ length: to }, (_, i) => ({ first: Math.floor((i + 0.5) * scale), weights: [1] }))
  }
  const { support, weight } = kernels[filter]
  const stretch = Math.max(scale, 1)
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale
    const first = Math.max(0, Math.floor(centre - support * stretch + 0.5))
    const end = Math.min(from, Math.floor(centre + support * stretch + 0.5))
    const raw = Array.from({ length: end - first }, (_, j) => weight((first + j - centre + 0.5) / stretch))
    const sum = raw.reduce((a, w) => a + w, 0)
    return { first, weights: raw.map((w) => w / sum) }
  })
}

function alongRows(picture: Picture, width: number, filter: Filter): Picture {
  if (width === picture.width) return picture
  const { height, channels } = picture
  const values = new Uint8Array(width * height * channels)
  for (const [x, window] of windows(picture.width, width, filter).entries()) {
    for (let y = 0; y < height; y++) {
      const from = (y * picture.width + window.first) * channels
      blend(picture.values, from, channels, window.weights, values, (y * width + x) * channels, channels)
    }
  }
  return { width, height, channels, values }
}

function alongColumns(picture: Picture, height: number, filter: Filter): Picture {
  if (height === picture.height) return picture
  const { width, channels } = picture
  const stride = width * channels
  const values = new Uint8Array(height * stride)
  for (const [y, window] of windows(picture.height, height, filter).entries()) {
    blend(picture.values, window.first * stride, stride, window.weights, values, y * stride, stride)
  }
  return { width, height, channels, values }
}

/** out[at + k] = Σⱼ weights[j]·values[from + j·step + k] for k < count, rounded and cut to 0…255. */
function blend(
  values: Picture['values'],
  from: number,
  step: number,
  weights: readonly number[],
  out: Uint8Array,
  at: number,
  count: number,
): void {
  for (let k = 0; k < count; k++) {
    let sum = 0
    for (let j = 0; j < weights.length; j++) sum += weights[j]! * values[from + j * step + k]!
    out[at + k] = Math.max(0, Math.min(255, Math.floor(sum + 0.5)))
  }
}
