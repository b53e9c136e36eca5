import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auc, aucInterval, aucVariance, tprAtFpr } from '../../src/evaluate/roc.js'
import { reference } from './reference.js'

const rows = [
  ['losses', reference.lossRoc],
  ['many ties', reference.tiedRoc],
] as const

describe('area and rates are those of scikit-learn', () => {
  it.each(rows)('%s', (_, { members, others, auc: area, mannWhitney, tpr }) => {
    const [m, o] = [Float64Array.from(members), Float64Array.from(others)]
    expect(auc(m, o).value).toBeCloseTo(area, 12)
    expect(auc(m, o).value).toBeCloseTo(mannWhitney, 12)
    for (const [limit, rate] of Object.entries(tpr)) {
      expect(tprAtFpr(m, o, Number(limit)).value, `rate at ${limit}`).toBeCloseTo(rate, 12)
    }
  })
})

const scores = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 12 })

it('the area is the share of won pairs, ties counted half', () => {
  fc.assert(
    fc.property(scores, scores, (members, others) => {
      let won = 0
      for (const m of members) for (const o of others) won += m > o ? 1 : m === o ? 0.5 : 0
      expect(auc(Float64Array.from(members), Float64Array.from(others)).value).toBeCloseTo(
        won / members.length / others.length,
        12,
      )
    }),
  )
})

it('exchanging the sides mirrors area and interval', () => {
  fc.assert(
    fc.property(scores, scores, (members, others) => {
      const [m, o] = [Float64Array.from(members), Float64Array.from(others)]
      const [there, back] = [auc(m, o), auc(o, m)]
      expect(there.value + back.value).toBeCloseTo(1, 12)
      expect(there.low + back.high).toBeCloseTo(1, 9)
      expect(there.high + back.low).toBeCloseTo(1, 9)
    }),
  )
})

it('the rate found at a limit is the best over all thresholds that keep to it', () => {
  fc.assert(
    fc.property(scores, scores, fc.constantFrom(0, 0.01, 0.1, 0.25, 0.5, 1), (members, others, limit) => {
      const share = (xs: readonly number[], bar: number) => xs.filter((x) => x > bar).length / xs.length
      const bars = [-Infinity, ...others, ...members].filter((bar) => share(others, bar) <= limit)
      const best = Math.max(...bars.map((bar) => share(members, bar)))
      expect(tprAtFpr(Float64Array.from(members), Float64Array.from(others), limit).value).toBeCloseTo(best, 12)
    }),
  )
})

it('at one half the variance is that of the Mann–Whitney statistic', () => {
  for (const [m, n] of [
    [1, 1],
    [30, 400],
    [1000, 7],
  ] as const) {
    expect(aucVariance(0.5, m, n)).toBeCloseTo((m + n + 1) / (12 * m * n), 15)
  }
})

it('the ends of the interval are where the distance is 1.96 standard deviations', () => {
  const { low, high } = aucInterval(0.7, 80, 120)
  expect((0.7 - low) / Math.sqrt(aucVariance(low, 80, 120))).toBeCloseTo(1.959964, 5)
  expect((high - 0.7) / Math.sqrt(aucVariance(high, 80, 120))).toBeCloseTo(1.959964, 5)
})

it('perfect separation of few records is not certain', () => {
  const { value, low, high } = auc(new Float64Array([3, 4, 5]), new Float64Array([0, 1, 2]))
  expect([value, high]).toEqual([1, 1])
  expect(low).toBeGreaterThan(0.3)
  expect(low).toBeLessThan(0.7)
})

it('the interval covers the true area about as often as it says', () => {
  // Exponential losses, the model behind the variance: P(x < y) = b/(a+b). 95 % of 400 draws is 380; 4 s.d. are 17.
  let state = 12345
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
  const draw = (n: number, mean: number) => Float64Array.from({ length: n }, () => mean * Math.log(uniform()))
  let covered = 0
  for (let i = 0; i < 400; i++) {
    const { low, high } = auc(draw(40, 1), draw(60, 2))
    if (low <= 2 / 3 && 2 / 3 <= high) covered++
  }
  expect(covered).toBeGreaterThan(363)
  expect(covered).toBeLessThan(397)
})

describe('scores that cannot be ranked are refused', () => {
  it.each([
    ['no members', [], [1], 'usage'],
    ['no others', [1], [], 'usage'],
    ['NaN', [1], [Number.NaN], 'value-not-finite'],
  ])('%s', (_, members, others, code) => {
    const [m, o] = [Float64Array.from(members), Float64Array.from(others)]
    expect(() => auc(m, o)).toThrow(expect.objectContaining({ code }))
    expect(() => tprAtFpr(m, o, 0.01)).toThrow(expect.objectContaining({ code }))
  })
})
