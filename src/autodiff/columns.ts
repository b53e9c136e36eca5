import type { Emitter, Val } from '../graph/emitter.js'
import { sizeOf } from '../tensor/tensor.js'
import { isTiling, offsetsOf, seenThrough, type Window } from './window.js'

/**
 * Fewest channels for which they are moved behind the positions: rows of fewer are copied more slowly than they are
 * multiplied.
 */
const fewestChannels = 16

/** What a window sees of an input as matrices: the weight gradient of one example is its cotangent [O, P] times each. */
export interface Columns {
  /** [N, P, W] each; the W side by side are all C·∏K columns. */
  readonly blocks: readonly Val[]
  /** Order of all columns: `CK` as the weight has them, `KC` offset by offset with the channels side by side. */
  readonly order: 'CK' | 'KC'
}

/**
 * Columns of x [N, C, *S] under a window with P = ∏Q positions.
 *
 * Windows side by side only change places. With many channels these are moved last, so that each kernel offset is a copy of
 * long runs; with few, and for 1×1, each outer offset takes all offsets of the last kernel axis side by side, channels first
 * (the exchange of the last two axes is part of the product then). Measured for 3×3 on 64 to 512 channels: 1.2 to 1.6 times
 * as fast as channels first.
 */
export function columnsOf(e: Emitter, x: Val, window: Window, Q: readonly number[]): Columns {
  const [N, C, ...S] = x.dims as [number, number, ...number[]]
  const { kernel, begin, end } = window
  const [P, K] = [sizeOf(Q), sizeOf(kernel)]
  if (K > 1 && isTiling(window, S, Q)) return { blocks: [tiled(e, x, kernel, Q)], order: 'CK' }
  if (K === 1 || C < fewestChannels) {
    const padded = e.pad(x, [0, 0, ...begin], [0, 0, ...end])
    const blocks = seenByRow(e, padded, window, Q).map((v) => e.swapLast(e.reshape(v, [N, v.dims[1]!, P])))
    return { blocks, order: 'KC' }
  }
  const spatial = kernel.map((_, i) => i + 2)
  // Moved first and padded then: rows of channels are longer runs, and ONNX Runtime moves them while it brings a convolution's result out of its own layout.
  const last = e.pad(e.transpose(x, [0, ...spatial, 1]), [0, ...begin, 0], [0, ...end, 0])
  const blocks = seenThrough(e, last, window, Q, 1).map((v) => e.reshape(v, [N, P, C]))
  return { blocks, order: 'KC' }
}

/** [N, C, Q0·K0, Q1·K1, …] → [N, P, C·∏K]. */
function tiled(e: Emitter, x: Val, kernel: readonly number[], Q: readonly number[]): Val {
  const [N, C, ...S] = x.dims as [number, number, ...number[]]
  const axes = S.map((_, i) => i + 2)
  const covered = Q.map((q, i) => q * kernel[i]!)
  const isWhole = covered.every((size, i) => size === S[i])
  const kept = isWhole
    ? x
    : e.slice(
        x,
        axes,
        S.map(() => 0),
        covered,
      )
  const split = e.reshape(kept, [N, C, ...Q.flatMap((q, i) => [q, kernel[i]!])])
  const order = [0, ...Q.map((_, i) => 2 + 2 * i), 1, ...Q.map((_, i) => 3 + 2 * i)]
  return e.reshape(e.transpose(split, order), [N, sizeOf(Q), C * sizeOf(kernel)])
}

/**
 * What each offset of the outer kernel axes sees of x, which is padded already, all offsets of the last axis side by side on
 * the channel axis: [N, K_last·C, *Q] for each outer offset.
 */
function seenByRow(e: Emitter, padded: Val, window: Window, Q: readonly number[]): Val[] {
  const { kernel, strides, dilations } = window
  const last = kernel.length - 1
  const range = (offset: number, i: number): [number, number] => {
    const start = offset * dilations[i]!
    return [start, start + (Q[i]! - 1) * strides[i]! + 1]
  }
  const columns = Array.from({ length: kernel[last]! }, (_, k) => {
    const [start, stop] = range(k, last)
    return e.slice(padded, [last + 2], [start], [stop], [strides[last]!])
  })
  const wide = e.concat(columns, 1)
  const axes = Array.from({ length: last }, (_, i) => i + 2)
  return offsetsOf(kernel.slice(0, -1)).map((offset) => {
    const ranges = offset.map((k, i) => range(k, i))
    return e.slice(
      wide,
      axes,
      ranges.map(([start]) => start),
      ranges.map(([, stop]) => stop),
      strides.slice(0, last),
    )
  })
}
