import { numberAt, sizeOf, type Tensor, toNumbers } from '../tensor/tensor.js'

/** How many places lie behind each example on an axis of P·B·Q, where the two runs agree for one Q alone. */
export function innerOf(
  runs: readonly Tensor[],
  axis: number,
  orders: readonly (readonly number[])[],
): number | undefined {
  const slope = runs[0]!.dims[axis]! / orders[0]!.length
  const partsFor = (tensors: readonly Tensor[], inner: number): ArrayLike<number>[] =>
    tensors.flatMap((t, run) => {
      const [outside, inside] = [t.dims.slice(0, axis), t.dims.slice(axis + 1)]
      const dims = [...outside, slope / inner, orders[run]!.length, inner, ...inside]
      return partsOfFirst({ ...t, dims }, axis + 1, orders[run]!)
    })
  // Most of what does not fit is seen by one number of each place, at a limit that lets pass what fits.
  const thin = runs.map((t) => thinned(t, axis))
  const limit = Math.max(same.floor, same.share * Math.max(...runs.map(largest)))
  const fits = Array.from({ length: slope }, (_, i) => i + 1).filter((inner) => {
    if (slope % inner !== 0 || spread(partsFor(thin, inner)) > limit) return false
    return agrees(partsFor(runs, inner), same)
  })
  return fits.length === 1 ? fits[0] : undefined
}

/** What counts as the same number where examples are looked for. */
const same = { share: 1e-3, floor: 1e-9 }

/** The first number behind each place of an axis. */
function thinned(t: Tensor, axis: number): Tensor {
  const dims = t.dims.slice(0, axis + 1)
  const behind = sizeOf(t.dims.slice(axis + 1))
  const data = Float64Array.from({ length: behind === 0 ? 0 : sizeOf(dims) }, (_, i) => numberAt(t, i * behind))
  return { dtype: 'float64', dims, data }
}

function largest(t: Tensor): number {
  const numbers = numbersOf(t)
  let most = 0
  for (let i = 0; i < numbers.length; i++) most = Math.max(most, Math.abs(numbers[i]!))
  return most
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
