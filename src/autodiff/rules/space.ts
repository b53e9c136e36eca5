import type { Val } from '../../graph/emitter.js'
import { sizeOf } from '../../tensor/tensor.js'
import { constantNumbers, dy, input, intOf, intsOf, type Rule, type RuleContext, textOf } from '../rule.js'
import { reaching, seenThrough } from '../window.js'

/** Operators that move elements between channels and space. x [N, C, H, W], blocks of b × b. */
export const space: readonly Rule[] = [
  { op: 'DepthToSpace', since: 1, lifts: true, vjp: (c) => [() => depthFromSpace(c)] },
  { op: 'SpaceToDepth', since: 1, lifts: true, vjp: (c) => [() => spaceFromDepth(c)] },
  { op: 'Col2Im', since: 18, vjp: (c) => [() => columnsFromImage(c), undefined, undefined] },
]

/** The examples, with those of a lifted node in front of them, as one axis; then C, H, W of the input. */
function shapeOf(c: RuleContext): [N: number, C: number, H: number, W: number] {
  const [N, C, H, W] = input(c, 0).dims as [number, number, number, number]
  return [sizeOf(c.lead) * N, C, H, W]
}

/** Inverse of DepthToSpace-13: y[n, k, h·b + i, w·b + j] was at the channel (i, j, k), or (k, i, j) in the mode CRD. */
function depthFromSpace(c: RuleContext): Val {
  const [N, C, H, W] = shapeOf(c)
  const b = intOf(c, 'blocksize', 1)
  const blocks = c.e.reshape(dy(c), [N, C / (b * b), H, b, W, b])
  const order = textOf(c, 'mode', 'DCR') === 'CRD' ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]
  return c.e.reshape(c.e.transpose(blocks, order), [...c.lead, ...input(c, 0).dims])
}

/** Inverse of SpaceToDepth-13: the channel (i, j, k) of y was at [n, k, h·b + i, w·b + j]. */
function spaceFromDepth(c: RuleContext): Val {
  const [N, C, H, W] = shapeOf(c)
  const b = intOf(c, 'blocksize', 1)
  const blocks = c.e.reshape(dy(c), [N, b, b, C, H / b, W / b])
  return c.e.reshape(c.e.transpose(blocks, [0, 3, 4, 1, 5, 2]), [...c.lead, ...input(c, 0).dims])
}

/**
 * y [N, C, *S] adds up what each offset of the block put at its places, so the column of an offset is what the offset sees of
 * dy. x [N, C·∏K, ∏Q], offsets behind channels. ONNX Col2Im-18.
 */
function columnsFromImage(c: RuleContext): Val {
  const S = dy(c).dims.slice(2)
  const [N, C] = dy(c).dims as [number, number]
  const kernel = constantNumbers(c, 2) ?? S
  const ones = kernel.map(() => 1)
  const [strides, dilations] = [intsOf(c, 'strides', ones), intsOf(c, 'dilations', ones)]
  const pads = intsOf(
    c,
    'pads',
    [...kernel, ...kernel].map(() => 0),
  )
  const [begin, end] = [pads.slice(0, kernel.length), pads.slice(kernel.length)]
  const Q = S.map(
    (s, i) => Math.floor((s + begin[i]! + end[i]! - dilations[i]! * (kernel[i]! - 1) - 1) / strides[i]!) + 1,
  )
  const window = reaching({ kernel, strides, dilations, begin, end }, S, Q)
  const padded = c.e.pad(dy(c), [0, 0, ...window.begin], [0, 0, ...window.end])
  const columns = seenThrough(c.e, padded, window, Q).map((v) => c.e.reshape(v, [N, C, 1, sizeOf(Q)]))
  return c.e.reshape(c.e.concat(columns, 2), [N, C * sizeOf(kernel), sizeOf(Q)])
}
