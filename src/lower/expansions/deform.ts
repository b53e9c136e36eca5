import { int, intAttribute, intsAttribute } from '../../graph/graph.js'
import { type Tensor, tensor } from '../../tensor/tensor.js'
import { given, type Lowering, type LoweringContext, lengthOf, rankOf, refuse } from '../lowering.js'

/**
 * Convolution at places that are moved by offsets: samples of each kernel place side by side (GridSample), times the mask, then a
 * convolution of 1 × 1. x [N, C, H, W], w [O, C/G, kH, kW], offset [N, D·K·2, oH, oW] and mask [N, D·K, oH, oW] with K = kH·kW
 * places and D groups of offsets. ONNX DeformConv-19.
 */
export const deform: readonly Lowering[] = [{ op: 'DeformConv', since: 19, expand }]

function expand(c: LoweringContext): string[] {
  const { w, node } = c
  if (rankOf(c, 0) !== 4) refuse(c, `${rankOf(c, 0) - 2} axes of space`)
  const [C, O] = [lengthOf(c, 0, 1), lengthOf(c, 1, 0)]
  const perGroup = lengthOf(c, 1, 1)
  const kernel = [lengthOf(c, 1, 2), lengthOf(c, 1, 3)] as const
  const [K, oH, oW] = [kernel[0] * kernel[1], lengthOf(c, 2, 2), lengthOf(c, 2, 3)]
  const D = intAttribute(node, 'offset_group', 1)
  const apart = (name: string, size: number): string[] => w.split(name, 1, Array(D).fill(size))
  const offsets = apart(given(c, 2), 2 * K)
  const samples = apart(given(c, 0), C / D).map((x, d) =>
    w.op('GridSample', [x, gridOf(c, offsets[d]!, kernel, [oH, oW])]),
  )
  const masks = c.I[4] ? apart(given(c, 4), K) : []
  const seen = samples.map((y, d) => (masks[d] ? w.mul(y, w.reshape(masks[d], [0, 1, K * oH, oW])) : y))
  const columns = w.reshape(w.concat(seen, 1), [0, C * K, oH, oW])
  const weight = w.reshape(given(c, 1), [O, perGroup * K, 1, 1])
  const bias = c.I[3] ? [given(c, 3)] : []
  return [w.op('Conv', [columns, weight, ...bias], { group: int(intAttribute(node, 'group', 1)) })]
}

/** Offsets [N, K·2, oH, oW], (y, x) of each place, as a grid [N, K·oH, oW, 2] of (x, y) from −1 to 1. */
function gridOf(
  c: LoweringContext,
  offset: string,
  kernel: readonly [number, number],
  [oH, oW]: readonly [number, number],
): string {
  const { w } = c
  const K = kernel[0] * kernel[1]
  const moved = w.transpose(w.reshape(offset, [0, K, 2, oH, oW]), [0, 1, 3, 4, 2])
  const places = w.add(moved, w.constant(placesOf(c, kernel, [oH, oW])))
  // Edges of the outermost elements at −1 and 1: (2·place + 1)/size − 1.
  const sizes = [lengthOf(c, 0, 2), lengthOf(c, 0, 3)]
  const pair = (of: (size: number) => number): string =>
    w.constant(tensor('float32', [2], Float32Array.from(sizes, of)))
  const scaled = w.add(
    w.mul(
      places,
      pair((size) => 2 / size),
    ),
    pair((size) => 1 / size - 1),
  )
  const [y, x] = w.split(scaled, 4, [1, 1]) as [string, string]
  return w.reshape(w.concat([x, y], 4), [0, K * oH, oW, 2])
}

/** Where each kernel place lies without an offset: [K, oH, oW, 2]. */
function placesOf(
  c: LoweringContext,
  [kH, kW]: readonly [number, number],
  [oH, oW]: readonly [number, number],
): Tensor {
  const strides = intsAttribute(c.node, 'strides', [1, 1])
  const dilations = intsAttribute(c.node, 'dilations', [1, 1])
  const pads = intsAttribute(c.node, 'pads', [0, 0, 0, 0])
  const at = (axis: 0 | 1, out: number, k: number): number => out * strides[axis]! - pads[axis]! + k * dilations[axis]!
  const places = new Float32Array(kH * kW * oH * oW * 2)
  let i = 0
  for (let ky = 0; ky < kH; ky++)
    for (let kx = 0; kx < kW; kx++)
      for (let y = 0; y < oH; y++)
        for (let x = 0; x < oW; x++) {
          places[i++] = at(0, y, ky)
          places[i++] = at(1, x, kx)
        }
  return tensor('float32', [kH * kW, oH, oW, 2], places)
}
