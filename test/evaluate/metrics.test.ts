import { describe, expect, it } from 'vitest'
import { measureModel } from '../../src/evaluate/facts.js'
import { metrics } from '../../src/evaluate/metrics/index.js'
import { makeOutputs } from '../../src/evaluate/outputs.js'
import { outputsOf, reference } from './reference.js'

// Four records of three classes: right, right, wrong, wrong; class 1 does not occur.
const sure = Math.log(8)
const four = makeOutputs(
  new Float32Array([sure, 0, 0, 0, 0, sure, sure, 0, 0, 0, sure, 0]),
  new Int32Array([0, 2, 2, 2]),
  3,
)
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
  it('has the value worked out by hand', () => {
    const rows = metric.measure(four)
    expect(rows.map((r) => r.of)).toEqual(expected[metric.name]?.map((r) => r[0]))
    expect(rows.map((r) => r.n)).toEqual(expected[metric.name]?.map((r) => r[2]))
    rows.forEach((row, i) => {
      expect(row.value).toBeCloseTo(expected[metric.name]?.[i]?.[1] ?? Number.NaN, 7)
      expect(row.low).toBeLessThanOrEqual(row.value)
      expect(row.high).toBeGreaterThanOrEqual(row.value)
    })
  })
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
