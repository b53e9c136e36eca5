import { describe, expect, it } from 'vitest'
import { isApart, meanEstimate, wilson } from '../../src/evaluate/estimate.js'
import { reference } from './reference.js'

describe("Wilson's interval is SciPy's", () => {
  it.each(reference.wilson)('$k of $n', ({ k, n, low, high }) => {
    const estimate = wilson(k, n)
    expect(estimate.value).toBe(k / n)
    expect(estimate.low).toBeCloseTo(low, 12)
    expect(estimate.high).toBeCloseTo(high, 12)
  })
})

it('a share of no records is unknown', () => {
  expect(wilson(0, 0)).toEqual({ value: Number.NaN, low: 0, high: 1, n: 0 })
})

it('a mean has the normal interval of its unbiased variance', () => {
  const { value, low, high } = meanEstimate(new Float64Array([1, 2, 3, 4]))
  expect(value).toBe(2.5)
  // s² = 5/3, s/√4 = 0.6455.
  expect((high - low) / 2).toBeCloseTo(1.959963984540054 * Math.sqrt(5 / 3 / 4), 12)
})

it('one record gives a mean without bounds', () => {
  expect(meanEstimate(new Float64Array([3]))).toEqual({ value: 3, low: -Infinity, high: Infinity, n: 1 })
})

it('intervals that touch are not apart', () => {
  const at = (low: number, high: number) => ({ value: (low + high) / 2, low, high, n: 9 })
  expect(isApart(at(0, 0.5), at(0.5, 1))).toBe(false)
  expect(isApart(at(0, 0.4), at(0.5, 1))).toBe(true)
  expect(isApart(at(0.5, 1), at(0, 0.4))).toBe(true)
})
