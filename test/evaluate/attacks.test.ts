import { describe, expect, it } from 'vitest'
import { attacks } from '../../src/evaluate/attacks/index.js'
import { makeOutputs } from '../../src/evaluate/outputs.js'
import { outputsOf, reference } from './reference.js'

const input = { forget: outputsOf('forget'), retain: outputsOf('retain'), unseen: outputsOf('unseen') }
const expectedScores: Readonly<Record<string, number>> = {
  'loss-threshold': reference.lossRoc.auc,
  'entropy-logistic': reference.logistic.published.share,
}

describe.each(attacks)('attack $name', (attack) => {
  it('has the score of the reference', () => {
    const { score } = attack.measure(input)
    expect(score.value).toBeCloseTo(expectedScores[attack.name] ?? Number.NaN, 9)
    expect(score.n).toBe(40)
  })

  it('holds every estimate inside its interval', () => {
    const { score, facts } = attack.measure(input)
    for (const e of [score, ...Object.values(facts)]) {
      expect(e.low).toBeLessThanOrEqual(e.value)
      expect(e.value).toBeLessThanOrEqual(e.high)
      expect(e.low).toBeGreaterThanOrEqual(0)
      expect(e.high).toBeLessThanOrEqual(1)
    }
  })

  it('refuses an empty forget or unseen set where it needs one, and a missing set by name', () => {
    const nothing = makeOutputs(new Float32Array(0), new Int32Array(0), reference.classes)
    expect(() => attack.measure({ ...input, unseen: nothing })).toThrow(expect.objectContaining({ code: 'usage' }))
    for (const set of attack.needs) {
      expect(() => attack.measure({ ...input, [set]: undefined })).toThrow(expect.objectContaining({ code: 'usage' }))
    }
  })
})

it('the loss threshold reports the rate at 1 % false positives', () => {
  const facts = attacks.find((a) => a.name === 'loss-threshold')?.measure(input).facts
  expect(facts?.tprAtOnePercentFpr?.value).toBe(reference.lossRoc.tpr['0.01'])
})

it('the entropy attack learns from unseen records of every kind where they are given', () => {
  const attack = attacks.find((a) => a.name === 'entropy-logistic')
  const alike = attack?.measure({ ...input, anyUnseen: input.retain })
  // Members and others are the same records: nothing to learn, and by 0·x + 0 > 0 nobody is called a member.
  expect(alike?.facts.retainCalledMembers).toEqual(alike?.facts.unseenCalledMembers)
  expect(attack?.measure(input).facts.retainCalledMembers?.value).toBeGreaterThan(
    attack?.measure(input).facts.unseenCalledMembers?.value ?? 1,
  )
})
