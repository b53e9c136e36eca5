import { describe, expect, it } from 'vitest'
import { uniforms } from '../../src/data/random.js'
import { fitLogistic } from '../../src/evaluate/logistic.js'
import { reference } from './reference.js'

const { retain, unseen } = reference.sets
const { logistic, lopsided } = reference
const entropies = [retain.entropies, unseen.entropies] as const
const far = [lopsided.positives, lopsided.negatives] as const

// `factor`: the multinomial form reports half of the slope and intercept that its decision has, see entropy-logistic.
const rows = [
  { name: 'C = 1', groups: entropies, options: { c: 1, balanced: false }, expected: logistic.binomial, factor: 1 },
  {
    name: 'balanced',
    groups: entropies,
    options: { c: 1, balanced: true },
    expected: logistic.binomialBalanced,
    factor: 1,
  },
  {
    name: 'C = 0.01',
    groups: entropies,
    options: { c: 0.01, balanced: true },
    expected: logistic.binomialStrongPenalty,
    factor: 1,
  },
  {
    name: 'multinomial',
    groups: entropies,
    options: { c: 2, balanced: true },
    expected: logistic.multinomialBalanced,
    factor: 2,
  },
  { name: 'lopsided', groups: far, options: { c: 1, balanced: true }, expected: lopsided.binomialBalanced, factor: 1 },
  {
    name: 'lopsided multinomial',
    groups: far,
    options: { c: 2, balanced: true },
    expected: lopsided.multinomialBalanced,
    factor: 2,
  },
]

describe("slope and intercept are those of scikit-learn's LogisticRegression", () => {
  it.each(rows)('$name', ({ groups, options, expected, factor }) => {
    const fit = fitLogistic(Float64Array.from(groups[0]), Float64Array.from(groups[1]), options)
    // lbfgs at its tightest stops where its own sum no longer falls: about 1e-6 of the coefficients.
    expect(Math.abs(fit.slope - factor * expected.slope) / Math.abs(fit.slope)).toBeLessThan(1e-5)
    expect(Math.abs(fit.intercept - factor * expected.intercept) / Math.abs(fit.intercept)).toBeLessThan(1e-5)
  })
})

it('groups that a line separates have a finite slope, because of the penalty', () => {
  const fit = fitLogistic(new Float64Array([100, 101]), new Float64Array([-50, -51, -52]), { c: 1, balanced: true })
  expect(fit.slope).toBeGreaterThan(0)
  expect(fit.slope * 100 + fit.intercept).toBeGreaterThan(0)
  expect(fit.slope * -50 + fit.intercept).toBeLessThan(0)
})

it('a feature that tells nothing has slope 0, and balanced groups no preference', () => {
  const fit = fitLogistic(new Float64Array(7).fill(2), new Float64Array(3).fill(2), { c: 1, balanced: true })
  expect(fit.slope).toBeCloseTo(0, 9)
  expect(fit.intercept).toBeCloseTo(0, 9)
})

it('an empty group is refused', () => {
  expect(() => fitLogistic(new Float64Array(0), new Float64Array([1]), { c: 1, balanced: true })).toThrow(
    expect.objectContaining({ code: 'usage' }),
  )
})

it.each([5, 10, 23])(
  'ends where the sum cannot fall further, with nearly all values tiny and a few large (seed %d)',
  (seed) => {
    const random = uniforms(seed)
    const draw = (n: number, spread: number, large: number): Float64Array =>
      Float64Array.from({ length: n }, () =>
        random() < large ? random() * 2 : Math.exp(-6 * spread * random()) * 1e-2 * random(),
      )
    const groups = [
      draw(200 + Math.floor(random() * 2000), 1 + random() * 3, random() * 0.02),
      draw(200 + Math.floor(random() * 700), random() * 2, random() * 0.1),
    ] as const
    const fit = fitLogistic(...groups, { c: 2, balanced: true })
    const objective = (slope: number, intercept: number): number => {
      const total = groups[0].length + groups[1].length
      return groups.reduce(
        (sum, xs, side) =>
          sum +
          (2 *
            total *
            xs.reduce((s, x) => s + Math.log1p(Math.exp((side === 0 ? -1 : 1) * (slope * x + intercept))), 0)) /
            (2 * xs.length),
        slope ** 2 / 2,
      )
    }
    const least = objective(fit.slope, fit.intercept)
    for (const [a, b] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      expect(objective(fit.slope + a * 1e-3, fit.intercept + b * 1e-3)).toBeGreaterThan(least)
    }
  },
)
