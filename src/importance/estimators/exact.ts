import type { Estimator } from './estimator.js'

/** Examples a unit; partial sums are added unit by unit, so the number is part of what makes runs repeat to the byte. */
const unitSize = 512

/** Diagonal of the empirical Fisher, exact per example: I = (1/N) Σ_n (∂ℓ_n/∂θ)². Independent of the data's order up to rounding. */
export const exact: Estimator = {
  name: 'exact',
  summary: 'squared gradient of every example by itself; sums add and subtract over any sets',
  form: 'squares',
  isAdditive: true,
  settle: () => ({ estimator: 'exact' }),
  units: (count) => count,
  plan: (examples) =>
    Array.from({ length: Math.ceil(examples.size / unitSize) }, (_, i) => ({
      rows: Array.from({ length: Math.min(unitSize, examples.size - i * unitSize) }, (_, j) => i * unitSize + j),
      weight: 1,
    })),
}
