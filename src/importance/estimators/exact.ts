import type { Estimator } from './estimator.js'

/**
 * Examples a unit: 128 at most, as they all lie in memory at once, and few enough that a small set keeps several workers busy. It depends on the number of
 * examples alone; partial sums are added unit by unit, so it is part of what makes runs repeat to the byte.
 */
export function unitSize(count: number): number {
  const [step, most, shares] = [16, 128, 8]
  return Math.min(most, Math.max(1, Math.ceil(count / shares / step)) * step)
}

/** Diagonal of the empirical Fisher, exact per example: I = (1/N) Σ_n (∂ℓ_n/∂θ)². Independent of the data's order up to rounding. */
export const exact: Estimator = {
  name: 'exact',
  summary: 'squared gradient of every example by itself; sums add and subtract over any sets',
  squares: 'examples',
  isAdditive: true,
  settle: () => ({ estimator: 'exact' }),
  units: (count) => count,
  plan({ size }) {
    const each = unitSize(size)
    return Array.from({ length: Math.ceil(size / each) }, (_, i) => ({
      rows: Array.from({ length: Math.min(each, size - i * each) }, (_, j) => i * each + j),
      weight: 1,
    }))
  },
}
