import { describe, expect, it } from 'vitest'
import { measureModel } from '../../src/evaluate/facts.js'
import { metrics } from '../../src/evaluate/metrics/index.js'
import { makeOutputs, makeTokenOutputs, type Outputs, recordLosses, selectOutputs } from '../../src/evaluate/outputs.js'
import type { TokenLoss } from '../../src/fisher/loss.js'
import { collectAnswers } from '../../src/fisher/token-answers.js'
import { outputsOf, reference } from './reference.js'

// Four records of three classes: right, right, wrong, wrong; class 1 does not occur.
const sure = Math.log(8)
const four = makeOutputs(
  new Float32Array([sure, 0, 0, 0, 0, sure, sure, 0, 0, 0, sure, 0]),
  new Int32Array([0, 2, 2, 2]),
  3,
)
// Two records with two labelled tokens and one: of classes 0, 1 and 1; the second is wrong.
const spoken = (loss: TokenLoss): Outputs => {
  const collector = collectAnswers(loss)
  collector.add(new Float32Array([sure, 0, 0, 9, 9, 9, sure, 0, 0]), 0, new Int32Array([0, -100, 1]), 3)
  collector.add(new Float32Array([0, sure, 0]), 0, new Int32Array([1]), 3)
  return makeTokenOutputs(collector.finish(), new Int32Array(2), 3)
}
const ofTokens: typeof expected = {
  accuracy: [['all', 0.75, 2]],
  'token-accuracy': [['all', 2 / 3, 3]],
  'class-accuracy': [
    [0, 1, 1],
    [1, 0.5, 2],
  ],
  'mean-loss': [['all', ((Math.log(10 / 8) + Math.log(10)) / 2 + Math.log(10 / 8)) / 2, 2]],
  confidence: [['all', 0.8, 2]],
}
const ofNextTokens: typeof expected = {
  ...ofTokens,
  'class-accuracy': [],
  perplexity: [['all', (12.5 * 1.25) ** (1 / 3), 3]],
}
const expected: Readonly<Record<string, readonly (readonly ['all' | number, number, number])[]>> = {
  accuracy: [['all', 0.5, 4]],
  'class-accuracy': [
    [0, 1, 1],
    [2, 1 / 3, 3],
  ],
  'mean-loss': [['all', (Math.log(10 / 8) + Math.log(10 / 8) + Math.log(10) * 2) / 4, 4]],
  confidence: [['all', 0.8, 4]],
}

describe.each(metrics)('metric $name', (metric) => {
  it.each([
    ['of records', four, expected],
    ['of classes of tokens', spoken('token-classification'), ofTokens],
    ['of next tokens', spoken('next-token'), ofNextTokens],
  ] as const)('%s has the value worked out by hand, or none', (_, outputs, values) => {
    const rows = metric.measure(outputs)
    const wanted = values[metric.name] ?? []
    expect(rows.map((r) => r.of)).toEqual(wanted.map((r) => r[0]))
    expect(rows.map((r) => r.n)).toEqual(wanted.map((r) => r[2]))
    rows.forEach((row, i) => {
      expect(row.value).toBeCloseTo(wanted[i]?.[1] ?? Number.NaN, 6)
      expect(row.low).toBeLessThanOrEqual(row.value)
      expect(row.high).toBeGreaterThanOrEqual(row.value)
    })
  })
})

it('records picked out of answers for tokens keep their own tokens', () => {
  const outputs = spoken('next-token')
  const turned = selectOutputs(outputs, [1, 0])
  expect(recordLosses(turned)).toEqual(recordLosses(outputs).toReversed())
  expect(turned.tokens?.labels).toEqual(new Int32Array([1, 0, 1]))
})

it('facts of a model tell its perplexity where it predicts tokens', () => {
  expect(measureModel({ forget: spoken('next-token') }).facts.forget.perplexity).toBeCloseTo(2.5, 1)
  expect(measureModel({ forget: spoken('token-classification') }).facts.forget).not.toHaveProperty('perplexity')
})

it('facts of a model hold only the sets that are there, and membership only with unseen records', () => {
  const forget = outputsOf('forget')
  const alone = measureModel({ forget })
  expect(Object.keys(alone.facts)).toEqual(['forget'])
  expect(alone.attacks).toEqual([])
  const some = measureModel({ forget, unseen: outputsOf('unseen') })
  expect(some.attacks.map((a) => a.attack)).toEqual(['loss-threshold'])
  expect(some.facts.membership?.value).toBeCloseTo(reference.lossRoc.auc, 9)
  const all = measureModel({
    forget,
    unseen: outputsOf('unseen'),
    retain: outputsOf('retain'),
    test: outputsOf('hard'),
  })
  expect(all.attacks.map((a) => a.attack)).toEqual(['loss-threshold', 'entropy-logistic'])
  expect(all.facts.test?.accuracy.n).toBe(4)
})
