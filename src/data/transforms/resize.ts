import { middle, type Size } from './crop.js'
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
 * Where a crop follows, only what it keeps is made.
 */
export const resize: Transform = {
  name: 'resize',
  apply(picture, spec) {
    if (!spec.resize) return picture
    const { width, height } = sizeAfter(picture, spec.resize)
    const filter = spec.resize.filter ?? 'bilinear'
    if (width === picture.width && height === picture.height) return picture
    // What the crop would take away again is not made.
    const { crop } = spec
    const kept = crop && crop.width <= width && crop.height <= height ? crop : { width, height }
    const { left, top } = middle({ width, height }, kept)
    const columns = windows(picture.width, width, filter, left, kept.width)
    const rows = windows(picture.height, height, filter, top, kept.height)
    return alongColumns(alongRows(picture, columns, rows), rows)
  },
}

function sizeAfter(picture: Size, to: Resize): Size {
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

/** Input pixels of some output pixels in a row, from the first of all on, and their weights one after another. */
interface Windows {
  /** Of output pixel i: the first input pixel … */
  readonly firsts: Int32Array
  /** … and where its weights start; the last entry is the end of all. */
  readonly starts: Int32Array
  readonly weights: Float64Array
}

/** Windows of the output pixels `start` to `start + count − 1`, when `from` pixels become `to`. */
function windows(from: number, to: number, filter: Filter, start: number, count: number): Windows {
  const firsts = new Int32Array(count)
  const starts = new Int32Array(count + 1)
  const weights: number[] = []
  for (let i = 0; i < count; i++) {
    firsts[i] = addWindow(weights, from, to, filter, start + i)
    starts[i + 1] = weights.length
  }
  return { firsts, starts, weights: Float64Array.from(weights) }
}

/** Adds the weights of output pixel i; returns its first input pixel. */
function addWindow(weights: number[], from: number, to: number, filter: Filter, i: number): number {
  const scale = from / to
  const centre = (i + 0.5) * scale
  if (filter === 'nearest' || from === to) {
    weights.push(1)
    return Math.floor(centre)
  }
  const { support, weight } = kernels[filter]
  const stretch = Math.max(scale, 1)
  const first = Math.max(0, Math.floor(centre - support * stretch + 0.5))
  const end = Math.min(from, Math.floor(centre + support * stretch + 0.5))
  const raw = Array.from({ length: end - first }, (_, j) => weight((first + j - centre + 0.5) / stretch))
  const sum = raw.reduce((a, w) => a + w, 0)
  for (const w of raw) weights.push(w / sum)
  return first
}

/** Input rows that windows reach: the first, and how many. */
function reach({ firsts, starts }: Windows): { readonly first: number; readonly count: number } {
  const last = firsts.length - 1
  return { first: firsts[0]!, count: firsts[last]! + starts[last + 1]! - starts[last]! - firsts[0]! }
}

/** Of the rows that are needed afterwards: out[y, x, c] = Σⱼ weights[x, j]·values[y, first[x] + j, c]. */
function alongRows({ width, channels, values }: Picture, columns: Windows, rows: Windows): Picture {
  const { first, count } = reach(rows)
  const { firsts, starts, weights } = columns
  const out = new Uint8Array(firsts.length * count * channels)
  let at = 0
  for (let y = first; y < first + count; y++) {
    for (let x = 0; x < firsts.length; x++) {
      const begin = (y * width + firsts[x]!) * channels
      const end = starts[x + 1]!
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (let j = starts[x]!, from = begin + c; j < end; j++, from += channels) sum += weights[j]! * values[from]!
        out[at++] = rounded(sum)
      }
    }
  }
  return { width: firsts.length, height: count, channels, values: out }
}

/** out[y, k] = Σⱼ weights[y, j]·values[first[y] + j, k]; the picture begins with the first row that is needed. */
function alongColumns({ width, channels, values }: Picture, rows: Windows): Picture {
  const { firsts, starts, weights } = rows
  const stride = width * channels
  const out = new Uint8Array(firsts.length * stride)
  const sums = new Float64Array(stride)
  for (let y = 0; y < firsts.length; y++) {
    sums.fill(0)
    let from = (firsts[y]! - firsts[0]!) * stride
    for (let j = starts[y]!; j < starts[y + 1]!; j++, from += stride) {
      const weight = weights[j]!
      for (let k = 0; k < stride; k++) sums[k]! += weight * values[from + k]!
    }
    for (let k = 0; k < stride; k++) out[y * stride + k] = rounded(sums[k]!)
  }
  return { width, height: firsts.length, channels, values: out }
}

/** To the nearest of 0…255, halves up: below 0, where cutting is not rounding down, all become 0. */
function rounded(sum: number): number {
  const level = (sum + 0.5) | 0
  return level < 0 ? 0 : level > 255 ? 255 : level
}
