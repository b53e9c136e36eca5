import { LetheError } from '../errors.js'
import type { Importance } from '../importance/importance.js'

/** Forget shares s(θ) = S_Df / S_D of every parameter, and R = |D| / |D_f|, for which α = τ·R. */
export interface Shares {
  /** s by parameter name, row-major; 0 where the parameter matters to neither. */
  readonly values: ReadonlyMap<string, Float32Array>
  readonly ratio: number
  readonly total: number
}

/** Rounding room for the law S_Df ≤ S_D of sums over a subset, made in float32 and added in float64. */
const slack = 1e-3
/**
 * Squares of gradients below this share of the largest of all parameters are rounding: float32 gradients carry some 1e-7 of the
 * largest. The bias of attention keys has nothing else, for its gradient is zero.
 */
const noise = 1e-11

/**
 * Forget shares from the importances of all data and of the forget set:
 * s = |D_f|·I_Df / (|D|·I_D), so that s > τ ⇔ I_Df > τ·R·I_D. For additive estimators s lies in [0, 1].
 *
 * Throws `store-mismatch` (made in different ways), `forget-unseen` where a forget set has importance that the whole does
 * not have: it is no part of the data that the store was made from.
 */
export function forgetShares(all: Importance, forget: Importance): Shares {
  const [a, b] = [JSON.stringify(all.settings), JSON.stringify(forget.settings)]
  if (a !== b) throw new LetheError('store-mismatch', `The importances were made in different ways: ${a} and ${b}.`)
  const values = new Map<string, Float32Array>()
  const peaks = new Map([...forget.sums].map(([name, sum]) => [name, largest(sum)]))
  const rounding = noise * Math.max(0, ...peaks.values())
  let total = 0
  for (const [name, sumForget] of forget.sums) {
    const sumAll = all.sums.get(name)
    if (!sumAll || sumAll.length !== sumForget.length) {
      throw new LetheError(
        'store-mismatch',
        `The store has no importance for parameter "${name}" of this shape; make it from this model.`,
      )
    }
    const floor = Math.max(1e-6 * peaks.get(name)!, rounding)
    values.set(name, sharesOf(name, [sumAll, sumForget], [all, forget], floor))
    total += sumAll.length
  }
  return { values, ratio: all.count / forget.count, total }
}

function sharesOf(
  name: string,
  [sumAll, sumForget]: readonly [Float64Array, Float64Array],
  [all, forget]: readonly [Importance, Importance],
  floor: number,
): Float32Array {
  const scale = (forget.count / forget.units) * (all.units / all.count)
  const isExact = all.settings.estimator === 'exact'
  const out = new Float32Array(sumAll.length)
  let broken = 0
  for (let i = 0; i < out.length; i++) {
    const f = sumForget[i]! * scale
    const d = sumAll[i]!
    if (isExact && f > d * (1 + slack) + floor) broken++
    out[i] = d > 0 ? f / d : f > 0 ? Number.POSITIVE_INFINITY : 0
  }
  if (broken > 0) {
    throw new LetheError(
      'forget-unseen',
      `${broken} weights of "${name}" matter more to the forget set than to all of the data, which cannot be: the forget set is not part of the data that the store was made from.`,
      { parameter: name, weights: broken },
    )
  }
  return out
}

/** A loop: a callback an element costs seconds over all parameters of a large model. */
function largest(values: Float64Array): number {
  let most = 0
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!)
  return most
}

/** Share above which the given fraction of all parameters lies: the τ that selects about that many. */
export function shareQuantiles(shares: Shares, fractions: readonly number[]): number[] {
  return quantilesOf(shares)(fractions)
}

/** The same, asked again and again: shares are sorted once, when first asked. */
export function quantilesOf(shares: Shares): (fractions: readonly number[]) => number[] {
  let sorted: Float32Array | undefined
  return (fractions) => {
    const all = sorted ?? sortedShares(shares)
    sorted = all
    return fractions.map(
      (fraction) => all[Math.max(0, Math.min(all.length - 1, Math.floor(all.length * (1 - fraction))))]!,
    )
  }
}

function sortedShares(shares: Shares): Float32Array {
  const all = new Float32Array(shares.total)
  let at = 0
  for (const values of shares.values.values()) {
    all.set(values, at)
    at += values.length
  }
  return all.sort()
}

/** Counts of parameters by share, in equal bins over [0, 1]; the last bin takes shares above 1. */
export function shareHistogram(shares: Shares, bins = 20): number[] {
  const counts = Array<number>(bins).fill(0)
  for (const values of shares.values.values()) {
    for (const s of values) counts[Math.max(0, Math.min(bins - 1, Math.floor(s * bins)))]!++
  }
  return counts
}
