import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Importance } from '../../src/importance/importance.js'
import { dampen, dampeningFactor, type Strength } from '../../src/unlearn/dampen.js'
import { checkStrength } from '../../src/unlearn/forget.js'
import { forgetShares, shareQuantiles } from '../../src/unlearn/shares.js'
import { findStrength } from '../../src/unlearn/strength.js'
import { targetOf } from '../../src/unlearn/target.js'
import { fallBetween, type Trial } from '../../src/unlearn/trial.js'

const importance = (sum: readonly number[], count: number): Importance => ({
  sums: new Map([['w', Float64Array.from(sum)]]),
  dims: new Map([['w', [sum.length]]]),
  count,
  units: count,
  classCounts: [count],
  settings: { estimator: 'exact' },
  lossSum: 0,
})

describe('dampening', () => {
  it('is the published rule: select I_Df > α·I_D, factor min(λ·I_D/I_Df, 1)', () => {
    const number = fc.double({ min: 1e-6, max: 1, noNaN: true })
    fc.assert(
      fc.property(
        number,
        number,
        fc.double({ min: 0.5, max: 20, noNaN: true }),
        fc.double({ min: 0.05, max: 2, noNaN: true }),
        (a, b, alpha, lambda) => {
          const [sumAll, sumForget] = [a + b, b]
          const shares = forgetShares(importance([sumAll], 100), importance([sumForget], 10))
          const [iAll, iForget] = [sumAll / 100, sumForget / 10]
          const factor = dampeningFactor(shares.values.get('w')![0]!, shares.ratio, {
            share: alpha / shares.ratio,
            lambda,
          })
          // Near the threshold float32 shares may round to either side.
          if (Math.abs(iForget / (alpha * iAll) - 1) < 1e-5) return
          const expected = iForget > alpha * iAll ? Math.min((lambda * iAll) / iForget, 1) : 1
          expect(factor).toBeCloseTo(expected, 5)
        },
      ),
      { seed: 3 },
    )
  })
  it('leaves the given weights alone and changes only selected ones', () => {
    const weights = new Map([['w', Float32Array.of(1, 1, 1)]])
    const shares = forgetShares(importance([1, 1, 1], 10), importance([0.9, 0.5, 0], 1))
    const { changed, layers } = dampen(weights, shares, { share: 0.4, lambda: 1 })
    expect([...changed.get('w')!]).toEqual([1 / 9, 0.2, 1].map((v) => expect.closeTo(v, 6)))
    expect(layers[0]).toMatchObject({ count: 3, selected: 2 })
    expect([...weights.get('w')!]).toEqual([1, 1, 1])
  })
  it('with α ≥ R selects nothing, and says so with R before it starts', () => {
    expect(() => checkStrength({ share: 1, lambda: 1 }, { ratio: 10 })).toThrow(/α = 10 selects nothing.*R = 10/)
    expect(() => checkStrength({ share: 0.99, lambda: 1 }, { ratio: 10 })).not.toThrow()
  })
})

describe('forget shares', () => {
  it('refuse a forget set that the store has not seen', () => {
    expect(() => forgetShares(importance([0, 1], 10), importance([0.5, 0.5], 1))).toThrow(
      expect.objectContaining({ code: 'forget-unseen' }),
    )
  })
  it('take what is rounding beside the largest importance for rounding, whatever it is beside its own tensor', () => {
    const both = (quiet: number) => ({
      ...importance([], 10),
      sums: new Map([
        ['loud', Float64Array.of(1)],
        ['quiet', Float64Array.of(quiet)],
      ]),
    })
    expect(() => forgetShares(both(1e-13), both(3e-13))).not.toThrow()
    expect(() => forgetShares(both(1e-9), both(3e-9))).toThrow(expect.objectContaining({ code: 'forget-unseen' }))
  })
  it('refuse importances made in different ways', () => {
    const other = { ...importance([1], 10), settings: { estimator: 'grouped', groupSize: 8 } }
    expect(() => forgetShares(other, importance([1], 1))).toThrow(expect.objectContaining({ code: 'store-mismatch' }))
  })
  it('have quantiles that select the wanted fraction', () => {
    const shares = forgetShares(
      importance(Array(1000).fill(1000), 10),
      importance(
        Array.from({ length: 1000 }, (_, i) => i),
        1,
      ),
    )
    const [threshold] = shareQuantiles(shares, [0.1])
    expect([...shares.values.get('w')!].filter((s) => s > threshold!).length).toBeCloseTo(100, -1)
  })
})

describe('the interval of a fall', () => {
  it('is zero where no answer changed and covers the change otherwise', () => {
    const right = new Uint8Array(1000).fill(1)
    expect(fallBetween(right, right)).toEqual({ value: 0, low: 0, high: 0 })
    const some = right.slice().fill(0, 0, 10)
    const { value, low, high } = fallBetween(right, some)
    expect(value).toBe(0.01)
    expect(high - value).toBeCloseTo(1.96 * Math.sqrt((0.01 * 0.99) / 1000), 10)
    expect(value - low).toBeCloseTo(high - value, 10)
  })
})

/** A forget set that the model knows. */
const known = { accuracy: 1, loss: 0.01, size: 100 }

/** A made-up response: forgetting sets in below `needed`, damage below `broken`; λ below 1 damages less. */
function response(needed: number, broken: number): (s: Strength) => Promise<Trial> {
  return async (strength) => {
    const forget = strength.share <= needed ? 0 : Math.min(0.9, (strength.share - needed) * 8)
    const fall = strength.share <= broken ? 0.2 : strength.share < broken * 1.1 ? 0.008 : 0.001
    return {
      strength,
      selected: Math.round((1 - strength.share) * 1000),
      forget: { accuracy: forget, loss: 1, size: 100 },
      retain: { accuracy: 0.95 - fall, loss: 0.1, size: 1000 },
      unseen: undefined,
      fall: { value: fall, low: fall, high: fall },
    }
  }
}
const quantiles = (fractions: readonly number[]): number[] => fractions.map((f) => 1 - f ** 0.3)

describe('the target of records without unseen data', () => {
  it('is the least that shows, so that nothing is ruined for want of a measure', () => {
    const target = targetOf('records', 0.1, undefined, { accuracy: 1, loss: 0.01, size: 100 })
    const at = (accuracy: number): Trial => ({
      strength: { share: 0.5, lambda: 1 },
      selected: 1,
      forget: { accuracy, loss: 1, size: 100 },
      retain: undefined,
      unseen: undefined,
      fall: undefined,
    })
    // Wilson: 100 of 100 is from 96.3 %, 92 of 100 up to 95.9 %, 93 of 100 up to 96.6 %.
    expect(target.isPast(at(0.93))).toBe(false)
    expect(target.isPast(at(0.92))).toBe(true)
  })
})

describe('the target of an attribute without unseen data', () => {
  const target = targetOf('attribute', 1 / 8, undefined, known)
  const at = (right: number, size: number): Trial => ({
    strength: { share: 0.5, lambda: 1 },
    selected: 1,
    forget: { accuracy: right / size, loss: 1, size },
    retain: undefined,
    unseen: undefined,
    fall: undefined,
  })
  it.each([
    // Wilson's upper limit of 4 of 80 is 12.2 %, of 5 of 80 it is 13.8 %; chance is 12.5 %.
    [4, 80, true],
    [5, 80, false],
    [0, 5, true],
    [1, 5, false],
  ])('is reached with %d of %d right: %s', (right, size, isReached) => {
    expect(target.distance(at(right, size)) <= 0).toBe(isReached)
    expect(target.isPast(at(right, size))).toBe(isReached)
  })
})

describe('the search for a strength', () => {
  it('finds the narrow window between forgetting and damage that the coarse scan steps over', async () => {
    const result = await findStrength({
      keep: 0.01,
      target: targetOf('class', 0.1, undefined, known),
      quantiles,
      evaluate: response(0.52, 0.49),
    })
    expect(result.targetMet).toBe(true)
    expect(result.chosen.forget.accuracy).toBeLessThanOrEqual(0.002)
    expect(result.chosen.fall?.value).toBeLessThanOrEqual(0.01)
  })
  it('keeps the floor where target and floor cannot both be met, and names the nearest choices', async () => {
    const result = await findStrength({
      keep: 0.01,
      target: targetOf('class', 0.1, undefined, known),
      quantiles,
      evaluate: response(0.4, 0.6),
    })
    expect(result.targetMet).toBe(false)
    expect(result.chosen.fall?.value).toBeLessThanOrEqual(0.01)
    expect(result.alternatives.length).toBeGreaterThan(0)
    expect(result.alternatives[0]!.forget.accuracy).toBeLessThanOrEqual(0.002)
  })
  it('finds the band of a two-sided target between a trial that stops short and one that goes too far', async () => {
    const steep = response(0.5, 0.1)
    const result = await findStrength({
      keep: 0.01,
      target: targetOf('attribute', 1 / 8, { accuracy: 0.125, loss: 1 }, known),
      quantiles,
      // From 0.9 to 0 between shares 0.53 and 0.5: no point of the coarse scan lies there.
      evaluate: async (s) => {
        const trial = await steep(s)
        const accuracy = Math.min(0.9, Math.max(0, (s.share - 0.5) * 30))
        return { ...trial, forget: { ...trial.forget, accuracy } }
      },
    })
    expect(result.targetMet).toBe(true)
    expect(result.chosen.forget.accuracy).toBeGreaterThan(0.075)
    expect(result.chosen.forget.accuracy).toBeLessThan(0.175)
  })
  it('goes to a smaller λ where the larger ones cannot reach the target', async () => {
    const plain = response(0.9, 0.05)
    const result = await findStrength({
      keep: 0.01,
      target: targetOf('class', 1 / 2, undefined, known),
      quantiles,
      evaluate: async (s) => {
        const trial = await plain(s)
        const accuracy = s.lambda > 0.2 ? 0.6 : trial.forget.accuracy
        return { ...trial, forget: { ...trial.forget, accuracy } }
      },
    })
    expect(result.targetMet).toBe(true)
    expect(result.chosen.strength.lambda).toBe(0.1)
  })
})
