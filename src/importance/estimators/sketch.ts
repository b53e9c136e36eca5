import { uniforms } from '../../data/random.js'
import { LetheError } from '../../errors.js'
import type { Estimator } from './estimator.js'
import { unitSize } from './exact.js'

/**
 * Random-sign sketch of the exact sum: for each run of b examples with independent signs σ_n = ±1, (Σ_n σ_n ∂ℓ_n/∂θ)² has the
 * expectation Σ_n (∂ℓ_n/∂θ)², as E σ_n σ_m = 0 for n ≠ m: one batch gradient in the place of b gradients. S is unbiased; its
 * variance is at most 2 Σ_runs (Σ_n (∂ℓ_n/∂θ)²)², so that some √(2 / number of runs) of S is a typical standard error. The
 * estimate reports its own.
 *
 * Signs follow from `seed` and the place in the data.
 */
export const sketch: Estimator = {
  name: 'sketch',
  summary: 'an unbiased estimate of exact by random signs, at the price of batch gradients; reports its standard error',
  squares: 'runs',
  isAdditive: true,
  settle({ seed = 1 }) {
    if (!Number.isInteger(seed) || seed < 0)
      throw new LetheError('usage', `--seed must be a whole number from 0, got ${seed}.`)
    return { estimator: 'sketch', seed }
  },
  units: (count) => count,
  plan({ size }, { seed = 1 }) {
    const next = uniforms(seed)
    const each = unitSize(size)
    return Array.from({ length: Math.ceil(size / each) }, (_, i) => {
      const rows = Array.from({ length: Math.min(each, size - i * each) }, (_, j) => i * each + j)
      return { rows, weight: rows.map(() => (next() < 0.5 ? -1 : 1)) }
    })
  },
}
