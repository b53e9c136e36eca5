import { LetheError } from '../errors.js'

/** A line through one feature: the record is called positive where slope·x + intercept > 0. */
export interface LogisticFit {
  readonly slope: number
  readonly intercept: number
}

export interface LogisticOptions {
  /** Inverse strength of the L2 penalty on the slope, as scikit-learn's C; the intercept is not penalised. */
  readonly c: number
  /** Weigh the two sides so that each counts half: weight of a side = N / (2 · its size), as class_weight="balanced". */
  readonly balanced: boolean
}

/**
 * Logistic regression of two groups on one feature: the minimum of ½ slope² + C Σ_n v_n log(1 + exp(−s_n (slope·x_n + b))),
 * s_n = +1 for positives and −1 for negatives, v_n the weight of the side, found by Newton's method with halved steps
 * where a step would not descend. Throws `usage` (a side is empty), `internal` (no convergence).
 *
 * Source: objective and weights of scikit-learn's LogisticRegression and compute_class_weight, version 1.5.
 */
export function fitLogistic(
  positives: Float64Array,
  negatives: Float64Array,
  { c, balanced }: LogisticOptions,
): LogisticFit {
  if (positives.length === 0 || negatives.length === 0) {
    throw new LetheError('usage', 'A logistic regression needs records of both groups.')
  }
  const total = positives.length + negatives.length
  const sides = [
    { xs: positives, sign: 1, weight: balanced ? total / (2 * positives.length) : 1 },
    { xs: negatives, sign: -1, weight: balanced ? total / (2 * negatives.length) : 1 },
  ]
  let fit: LogisticFit = { slope: 0, intercept: 0 }
  let at = terms(sides, fit, c)
  for (let i = 0; i < 100; i++) {
    if (Math.hypot(at.g0, at.g1) <= 1e-10 * total) return fit
    const determinant = at.h00 * at.h11 - at.h01 ** 2
    const step0 = (at.h11 * at.g0 - at.h01 * at.g1) / determinant
    const step1 = (at.h00 * at.g1 - at.h01 * at.g0) / determinant
    let size = 1
    let next = fit
    for (; size > 1e-12; size /= 2) {
      next = { slope: fit.slope - size * step0, intercept: fit.intercept - size * step1 }
      const there = terms(sides, next, c)
      if (there.value < at.value) {
        at = there
        break
      }
    }
    // No step descends any more: the minimum, to the resolution of the sum. A step to an equal value would go on for ever.
    if (size <= 1e-12) return fit
    fit = next
  }
  throw new LetheError('internal', 'The logistic regression of the membership attack did not converge.')
}

interface Side {
  readonly xs: Float64Array
  readonly sign: number
  readonly weight: number
}

/** Objective divided by C, with gradient g and Hessian h over (slope, intercept). */
function terms(sides: readonly Side[], { slope, intercept }: LogisticFit, c: number) {
  let value = slope ** 2 / (2 * c)
  let g0 = slope / c
  let h00 = 1 / c
  let [g1, h01, h11] = [0, 0, 0]
  for (const { xs, sign, weight } of sides) {
    for (const x of xs) {
      const margin = sign * (slope * x + intercept)
      const small = Math.exp(-Math.abs(margin))
      value += weight * (Math.log1p(small) + Math.max(-margin, 0))
      const miss = (margin >= 0 ? small : 1) / (1 + small)
      const pull = -weight * sign * miss
      const curve = weight * miss * (1 - miss)
      g0 += pull * x
      g1 += pull
      h00 += curve * x * x
      h01 += curve * x
      h11 += curve
    }
  }
  return { value, g0, g1, h00, h01, h11 }
}
