import type { Emitter, Val } from '../graph/emitter.js'

/**
 * The inverse of broadcasting for gradients: sums a value over the axes that broadcasting added or stretched, so that it has
 * the shape `dims`. Shapes that no broadcast explains come back unchanged in size, and the walk refuses them.
 * `lead` axes in front are the same on both sides and not touched.
 */
export function sumTo(e: Emitter, v: Val, dims: readonly number[], lead = 0): Val {
  const extra = v.dims.length - dims.length
  if (extra < 0) return v
  const axes: number[] = []
  for (let i = lead; i < v.dims.length; i++) {
    const target = i - extra < lead ? undefined : dims[i - extra]
    if (target === undefined || (target === 1 && v.dims[i] !== 1)) axes.push(i)
  }
  if (axes.length === 0) return v
  const summed = e.reduceSum(v, axes, true)
  const kept = summed.dims.slice(0, lead).concat(summed.dims.slice(lead + extra))
  return fits(kept, dims) ? e.reshape(summed, dims) : summed
}

/**
 * The same with the example axis kept: v over the broadcast shape with examples on `batchAxis` becomes [N, ...dims].
 */
export function sumToEach(e: Emitter, v: Val, batchAxis: number, dims: readonly number[]): Val {
  const rest = v.dims.map((_, i) => i).filter((i) => i !== batchAxis)
  const front = e.transpose(v, [batchAxis, ...rest])
  const n = front.dims[0]!
  // The batch axis took part in broadcasting: without it the parameter's axis there must be 1 or missing.
  const extra = v.dims.length - dims.length
  const target = dims.filter((_, i) => i + extra !== batchAxis)
  const summed = sumTo(e, front, [n, ...target], 1)
  return fits(summed.dims, [n, ...target]) ? e.reshape(summed, [n, ...dims]) : summed
}

function fits(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i])
}
