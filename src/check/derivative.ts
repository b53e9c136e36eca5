const shrink = 1.6
const columns = 6

/**
 * f′(0) from central differences at shrinking steps, extrapolated to step 0 (Richardson), the best of the tableau.
 *
 * D(h) = (f(h) − f(−h)) / 2h = f′(0) + c₂h² + c₄h⁴ + …; each column of the tableau removes one more even power. The error is
 * the distance of an entry to its two parents, and the entry with the smallest one is taken: rounding (small h) and curvature
 * (large h) are both seen in it.
 * Known as Ridders' method; see the documentation of TooN's `numerical_gradient` (codedocs.xyz/edrosten/TooN).
 */
export async function derivativeAtZero(f: (step: number) => Promise<number>, firstStep: number): Promise<number> {
  let best = 0
  let least = Number.POSITIVE_INFINITY
  let previous: number[] = []
  for (let i = 0, h = firstStep; i < columns; i++, h /= shrink) {
    const row = [((await f(h)) - (await f(-h))) / (2 * h)]
    for (let j = 1, power = shrink ** 2; j <= i; j++, power *= shrink ** 2) {
      const [left, above] = [row[j - 1]!, previous[j - 1]!]
      row.push((left * power - above) / (power - 1))
      const error = Math.max(Math.abs(row[j]! - left), Math.abs(row[j]! - above))
      if (error > least) continue
      best = row[j]!
      least = error
    }
    previous = row
  }
  return best
}
