import { int, intAttribute, textAttribute } from '../../graph/graph.js'
import { tensor } from '../../tensor/tensor.js'
import { given, type Lowering, type LoweringContext, lengthOf, rankOf } from '../lowering.js'

/**
 * Keys and values written into a cache [N, *, M, *] from the place that each example names on; `circular` begins again at the
 * end. ONNX TensorScatter-24.
 */
export const cache: readonly Lowering[] = [{ op: 'TensorScatter', since: 24, expand }]

function expand(c: LoweringContext): string[] {
  const { w, node } = c
  const rank = rankOf(c, 0)
  const axis = (intAttribute(node, 'axis', -2) + rank) % rank
  const length = lengthOf(c, 1, axis)
  const steps = BigInt64Array.from({ length }, (_, i) => BigInt(i))
  const counted = w.constant(tensor('int64', [length, ...Array(rank - 1 - axis).fill(1)], steps))
  const from = c.I[2] && w.reshape(given(c, 2), [-1, ...Array(rank - 1).fill(1)])
  const places = from ? w.add(from, counted) : counted
  const isCircular = textAttribute(node, 'mode', 'linear') === 'circular'
  const within = isCircular ? w.op('Mod', [places, w.int(lengthOf(c, 0, axis))]) : places
  const index = w.op('Expand', [within, w.op('Shape', [given(c, 1)])])
  return [w.op('ScatterElements', [given(c, 0), index, given(c, 1)], { axis: int(axis) })]
}
