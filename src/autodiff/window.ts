import type { Emitter, Val } from '../graph/emitter.js'
import { intsOf, type RuleContext, textOf } from './rule.js'

/** Hyper-parameters of a window that slides over the axes from 2 on. */
export interface Window {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Padding at the begin and at the end of each axis, `auto_pad` resolved. */
  readonly begin: readonly number[]
  readonly end: readonly number[]
}

/** Window of a Conv or pooling node, for input sizes `S` and output sizes `Q`. */
export function windowOf(
  c: RuleContext,
  kernel: readonly number[],
  S: readonly number[],
  Q: readonly number[],
): Window {
  const ones = kernel.map(() => 1)
  const strides = intsOf(c, 'strides', ones)
  const dilations = intsOf(c, 'dilations', ones)
  const mode = textOf(c, 'auto_pad', 'NOTSET')
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const total = kernel.map((k, i) => Math.max(0, (Q[i]! - 1) * strides[i]! + dilations[i]! * (k - 1) + 1 - S[i]!))
    const small = total.map((t) => Math.floor(t / 2))
    const large = total.map((t, i) => t - small[i]!)
    return mode === 'SAME_UPPER'
      ? { kernel, strides, dilations, begin: small, end: large }
      : { kernel, strides, dilations, begin: large, end: small }
  }
  const pads =
    mode === 'VALID'
      ? kernel.flatMap(() => [0, 0])
      : intsOf(
          c,
          'pads',
          kernel.flatMap(() => [0, 0]),
        )
  return { kernel, strides, dilations, begin: pads.slice(0, kernel.length), end: pads.slice(kernel.length) }
}

/** Kernel offsets in row-major order. */
export function offsetsOf(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (heads, k) => heads.flatMap((head) => Array.from({ length: k }, (_, i) => [...head, i])),
    [[]],
  )
}

/** The window with enough padding at the end for its last position: `ceil_mode` lets windows reach beyond the padding. */
export function reaching(window: Window, S: readonly number[], Q: readonly number[]): Window {
  const { kernel, strides, dilations, begin } = window
  const needed = S.map((s, i) => (Q[i]! - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1 - s - begin[i]!)
  return { ...window, end: window.end.map((e, i) => Math.max(e, needed[i]!)) }
}

/**
 * Puts zeros between the elements along some axes: size n becomes (n − 1)·step + 1.
 */
export function spread(e: Emitter, v: Val, axes: readonly number[], steps: readonly number[]): Val {
  let out = v
  axes.forEach((axis, i) => {
    const step = steps[i]!
    const n = out.dims[axis]!
    if (step === 1 || n === 1) return
    const [before, after] = [out.dims.slice(0, axis), out.dims.slice(axis + 1)]
    const zeros = [...before, n, 1, ...after].map(() => 0)
    const end = zeros.with(axis + 1, step - 1)
    const padded = e.pad(e.reshape(out, [...before, n, 1, ...after]), zeros, end)
    const flat = e.reshape(padded, [...before, n * step, ...after])
    out = e.slice(flat, [axis], [0], [(n - 1) * step + 1])
  })
  return out
}

/**
 * The inverse of looking through a window: adds what each kernel offset contributes, [N, C, *Q] in the order of
 * `offsetsOf`, at the places of x that the offset has seen. Result [N, C, *S].
 */
export function scatterWindow(e: Emitter, parts: readonly Val[], window: Window, S: readonly number[]): Val {
  const { kernel, strides, dilations, begin, end } = window
  const [n, c, ...Q] = parts[0]!.dims as [number, number, ...number[]]
  const isTiling = S.every(
    (s, i) => kernel[i] === strides[i] && dilations[i] === 1 && s === Q[i]! * kernel[i]! && begin[i] === 0,
  )
  const rank = S.length
  if (isTiling) {
    // Windows side by side: contributions only change places.
    const stacked = e.reshape(
      e.concat(
        parts.map((p) => e.reshape(p, [n, c, 1, ...Q])),
        2,
      ),
      [n, c, ...kernel, ...Q],
    )
    const order = S.flatMap((_, i) => [2 + rank + i, 2 + i])
    return e.reshape(e.transpose(stacked, [0, 1, ...order]), [n, c, ...S])
  }
  const axes = S.map((_, i) => i + 2)
  const sizes = S.map((s, i) => s + begin[i]! + end[i]!)
  const placed = offsetsOf(kernel).map((offset, k) => {
    const stuffed = spread(e, parts[k]!, axes, strides)
    const before = offset.map((o, i) => o * dilations[i]!)
    const after = sizes.map((size, i) => size - before[i]! - stuffed.dims[i + 2]!)
    return e.pad(stuffed, [0, 0, ...before], [0, 0, ...after])
  })
  const sum = placed.reduce((a, b) => e.add(a, b))
  return e.slice(
    sum,
    axes,
    begin,
    S.map((s, i) => begin[i]! + s),
  )
}
