import type { Emitter, Val } from '../graph/emitter.js'
import { ints } from '../graph/graph.js'
import { type Tensor, tensor } from '../tensor/tensor.js'
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

/**
 * Window of a ConvTranspose node, of input sizes `S` and output sizes `Q`, over its *output*: the one of the convolution that
 * is transposed. `end` is negative where `output_padding` or `output_shape` reach beyond the last window. With an
 * `output_shape` or SAME padding `pads` follow from the output's size (ONNX ConvTranspose-11).
 */
export function transposedWindowOf(
  c: RuleContext,
  kernel: readonly number[],
  S: readonly number[],
  Q: readonly number[],
): Window {
  const ones = kernel.map(() => 1)
  const strides = intsOf(c, 'strides', ones)
  const dilations = intsOf(c, 'dilations', ones)
  const added = intsOf(
    c,
    'output_padding',
    kernel.map(() => 0),
  )
  const mode = textOf(c, 'auto_pad', 'NOTSET')
  const pads = intsOf(
    c,
    'pads',
    kernel.map(() => 0),
  )
  const full = kernel.map((k, i) => (S[i]! - 1) * strides[i]! + dilations[i]! * (k - 1) + 1)
  const begin = kernel.map((_, i) => {
    if (intsOf(c, 'output_shape', undefined) || mode.startsWith('SAME')) {
      const total = Math.max(full[i]! + added[i]! - Q[i]!, 0)
      return mode === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2)
    }
    return mode === 'VALID' ? 0 : pads[i]!
  })
  return { kernel, strides, dilations, begin, end: full.map((f, i) => f - begin[i]! - Q[i]!) }
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
 * The window without what its kernel has behind the input where it stands at one position alone: a kernel may be declared
 * far larger than what it meets. The stride, which then means nothing, is the kernel's size.
 */
export function trimmed(window: Window, S: readonly number[], Q: readonly number[]): Window {
  const { kernel, strides, dilations, begin, end } = window
  const met = kernel.map((k, i) => (Q[i] === 1 ? Math.min(k, Math.ceil((S[i]! + begin[i]!) / dilations[i]!)) : k))
  return {
    ...window,
    kernel: met,
    strides: strides.map((s, i) => (Q[i] === 1 ? met[i]! : s)),
    end: end.map((e, i) => (met[i] === kernel[i] ? e : 0)),
  }
}

/** Values of one shape side by side: element j of each along `axis`, then element j + 1 of each. */
function interleave(e: Emitter, values: readonly Val[], axis: number): Val {
  const { dims } = values[0]!
  const [before, after] = [dims.slice(0, axis + 1), dims.slice(axis + 1)]
  const single = values.map((v) => e.reshape(v, [...before, 1, ...after]))
  return e.reshape(e.concat(single, axis + 1), dims.with(axis, dims[axis]! * values.length))
}

/** Each element `times[i]` times along `axes[i]`. */
export function repeat(e: Emitter, v: Val, axes: readonly number[], times: readonly number[]): Val {
  return axes.reduce((out, axis, i) => interleave(e, Array<Val>(times[i]!).fill(out), axis), v)
}

/** Puts zeros between the elements along some axes: size n becomes (n − 1)·step + 1. */
export function spread(e: Emitter, v: Val, axes: readonly number[], steps: readonly number[]): Val {
  return axes.reduce((out, axis, i) => {
    const [step, n] = [steps[i]!, out.dims[axis]!]
    if (step === 1 || n === 1) return out
    const zeros = e.expand(e.scalar(0), out.dims)
    const stuffed = interleave(e, [out, ...Array<Val>(step - 1).fill(zeros)], axis)
    return e.slice(stuffed, [axis], [0], [(n - 1) * step + 1])
  }, v)
}

/**
 * What each kernel offset sees of v, which is padded already: the axes of the window, which begin at `first`, have the sizes Q
 * in each; in the order of `offsetsOf`. All other axes are kept whole.
 */
export function seenThrough(e: Emitter, v: Val, window: Window, Q: readonly number[], first = 2): Val[] {
  const { kernel, strides, dilations } = window
  const axes = kernel.map((_, i) => i + first)
  return offsetsOf(kernel).map((offset) => {
    const starts = offset.map((k, i) => k * dilations[i]!)
    const ends = starts.map((s, i) => s + (Q[i]! - 1) * strides[i]! + 1)
    return e.slice(v, axes, starts, ends, strides)
  })
}

/** True for windows side by side, none beyond the input: each element is seen once at most. */
export function isTiling(window: Window, S: readonly number[], Q: readonly number[]): boolean {
  const { kernel, strides, dilations, begin } = window
  return S.every((s, i) => kernel[i] === strides[i] && dilations[i] === 1 && begin[i] === 0 && Q[i]! * kernel[i]! <= s)
}

/** Zeros behind [N, C, ...], so that it becomes [N, C, *S]. */
export function padTo(e: Emitter, v: Val, S: readonly number[]): Val {
  return e.pad(v, [0, 0, ...S.map(() => 0)], [0, 0, ...S.map((s, i) => s - v.dims[i + 2]!)])
}

/**
 * The inverse of looking through a window: adds what each kernel offset contributes, [N, C, *Q] in the order of
 * `offsetsOf`, at the places of x that the offset has seen. Result [N, C, *S].
 */
export function scatterWindow(e: Emitter, parts: readonly Val[], window: Window, S: readonly number[]): Val {
  const { kernel, strides, dilations } = window
  const [n, c, ...Q] = parts[0]!.dims as [number, number, ...number[]]
  if (isTiling(window, S, Q)) return tiles(e, parts, kernel, S)
  if (dilations.some((d) => d !== 1) || strides.every((s) => s === 1)) return placed(e, parts, window, S)
  // With strides at least ten times as fast as zeros between the elements (3×3, stride 2, on 112×112).
  const stacked = e.concat(
    parts.map((p) => e.reshape(p, [n * c, 1, ...Q])),
    1,
  )
  const K = parts.length
  const oneHot = Float32Array.from({ length: K * K }, (_, i) => (i % (K + 1) === 0 ? 1 : 0))
  return e.reshape(transposed(e, stacked, tensor('float32', [K, 1, ...kernel], oneHot), window, S), [n, c, ...S])
}

/** Windows side by side: contributions only change places, and what no window reached gets zeros. */
function tiles(e: Emitter, parts: readonly Val[], kernel: readonly number[], S: readonly number[]): Val {
  let rows = parts
  kernel.toReversed().forEach((k, back) => {
    const axis = 2 + kernel.length - 1 - back
    rows = Array.from({ length: rows.length / k }, (_, i) => interleave(e, rows.slice(i * k, (i + 1) * k), axis))
  })
  return padTo(e, rows[0]!, S)
}

/** Every contribution padded to the whole size, and all added. */
function placed(e: Emitter, parts: readonly Val[], window: Window, S: readonly number[]): Val {
  const { kernel, strides, dilations, begin, end } = window
  const axes = S.map((_, i) => i + 2)
  const sizes = S.map((s, i) => s + begin[i]! + end[i]!)
  const whole = offsetsOf(kernel).map((offset, k) => {
    const stuffed = spread(e, parts[k]!, axes, strides)
    const before = offset.map((o, i) => o * dilations[i]!)
    const after = sizes.map((size, i) => size - before[i]! - stuffed.dims[i + 2]!)
    return e.pad(stuffed, [0, 0, ...before], [0, 0, ...after])
  })
  const sum = whole.reduce((a, b) => e.add(a, b))
  return e.slice(
    sum,
    axes,
    begin,
    S.map((s, i) => begin[i]! + s),
  )
}

/**
 * Transposed convolution of [M, R, *Q] with the weight [R, 1, *K] over an undilated window that reaches its last position:
 * [M, 1, *S]. What no window reached gets zeros.
 */
export function transposed(e: Emitter, v: Val, weight: Tensor, window: Window, S: readonly number[]): Val {
  const { kernel, strides, begin } = window
  const Q = v.dims.slice(2)
  const covered = Q.map((q, i) => (q - 1) * strides[i]! + kernel[i]! - begin[i]!)
  const end = S.map((s, i) => Math.max(covered[i]! - s, 0))
  const extra = S.map((s, i) => Math.min(Math.max(s - covered[i]!, 0), strides[i]! - 1))
  const sizes = S.map((_, i) => covered[i]! - end[i]! + extra[i]!)
  const out = e.emit('ConvTranspose', [v, e.constant(weight, 'window')], [v.dims[0]!, 1, ...sizes], {
    kernel_shape: ints(kernel),
    strides: ints(strides),
    pads: ints([...begin, ...end]),
    output_padding: ints(extra),
  })
  return padTo(e, out, S)
}
