import { numberAt, sizeOf, type Tensor, toNumbers } from '../tensor/tensor.js'

/** How many places lie behind each example on an axis of P·B·Q, where the two runs agree for one Q alone. */
export function innerOf(
  runs: readonly Tensor[],
  axis: number,
  orders: readonly (readonly number[])[],
): number | undefined {
  const slope = runs[0]!.dims[axis]! / orders[0]!.length
  const fits = Array.from({ length: slope }, (_, i) => i + 1).filter((inner) => {
    if (slope % inner !== 0) return false
    const parts = runs.flatMap((t, run) => {
      const [outside, inside] = [t.dims.slice(0, axis), t.dims.slice(axis + 1)]
      const dims = [...outside, slope / inner, orders[run]!.length, inner, ...inside]
      return partsOfFirst({ ...t, dims }, axis + 1, orders[run]!)
    })
    return agrees(parts, { share: 1e-3, floor: 1e-9 })
  })
  return fits.length === 1 ? fits[0] : undefined
}

/** What a value holds of example 0 along an axis, once for each of its places; nothing where the axis is not that long. */
export function partsOfFirst(t: Tensor, axis: number, order: readonly number[]): ArrayLike<number>[] {
  if (t.dims[axis] !== order.length) return []
  const inner = sizeOf(t.dims.slice(axis + 1))
  const outer = sizeOf(t.dims.slice(0, axis))
  return order.flatMap((example, at): ArrayLike<number>[] => {
    if (example !== 0) return []
    if (outer === 1 && t.data instanceof Float32Array) return [t.data.subarray(at * inner, (at + 1) * inner)]
    const part = new Float64Array(outer * inner)
    for (let k = 0; k < part.length; k++) {
      part[k] = numberAt(t, (Math.floor(k / inner) * order.length + at) * inner + (k % inner))
    }
    return [part]
  })
}

/** Largest difference of the others to the first. */
export function spread([reference, ...others]: readonly ArrayLike<number>[]): number {
  let worst = 0
  for (const part of others) {
    for (let i = 0; i < part.length; i++) {
      const difference = Math.abs(part[i]! - reference![i]!)
      if (difference > worst) worst = difference
    }
  }
  return worst
}

/** What counts as the same number in two runs of a value. */
export const near = { share: 1e-3, floor: 1e-5 }

export function numbersOf(t: Tensor): ArrayLike<number> {
  return t.data instanceof Float32Array ? t.data : toNumbers(t)
}

/** True where all parts are the same up to a share of the largest number, or to the floor. */
export function agrees(
  parts: readonly ArrayLike<number>[],
  { share, floor }: { share: number; floor: number },
): boolean {
  const first = parts[0] ?? []
  let scale = 0
  for (let i = 0; i < first.length; i++) scale = Math.max(scale, Math.abs(first[i]!))
  return spread(parts) <= Math.max(floor, share * scale)
}
