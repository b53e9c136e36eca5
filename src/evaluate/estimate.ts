/** A number measured on `n` records, with its 95 % confidence interval [low, high]. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly n: number
}

/** Standard normal quantile of a two-sided 95 % interval. */
export const z95 = 1.959963984540054

/**
 * Share of successes with Wilson's score interval, which stays honest at 0 %, at 100 % and for few records:
 * (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). Without records: value NaN, interval [0, 1].
 * Source: the interval of E. B. Wilson (1927), as in scipy.stats.binomtest(…).proportion_ci(method="wilson").
 *
 * `successes` may be a sum of shares, one a record: their variance is at most that of right and wrong answers, p(1−p), so the
 * interval is then too wide rather than too narrow.
 */
export function wilson(successes: number, n: number): Estimate {
  if (n === 0) return { value: Number.NaN, low: 0, high: 1, n }
  const p = successes / n
  const z2n = z95 ** 2 / n
  const centre = (p + z2n / 2) / (1 + z2n)
  const half = (z95 * Math.sqrt((p * (1 - p)) / n + z2n / (4 * n))) / (1 + z2n)
  return { value: p, low: successes === 0 ? 0 : centre - half, high: successes === n ? 1 : centre + half, n }
}

/**
 * Mean with the normal interval x̄ ± z s/√n, s² the unbiased variance. One record: the interval is unbounded; none: NaN.
 */
export function meanEstimate(values: Float64Array): Estimate {
  const n = values.length
  const mean = values.reduce((a, x) => a + x, 0) / n
  if (n < 2) return { value: mean, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, n }
  const variance = values.reduce((a, x) => a + (x - mean) ** 2, 0) / (n - 1)
  const half = z95 * Math.sqrt(variance / n)
  return { value: mean, low: mean - half, high: mean + half, n }
}

/** True where the intervals share no point: a difference that chance hardly explains. */
export function isApart(a: Estimate, b: Estimate): boolean {
  return a.high < b.low || b.high < a.low
}
