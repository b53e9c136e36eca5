import { describe, expect, it } from 'vitest'
import {
  confidences,
  correctness,
  crossEntropyLosses,
  entropies,
  makeOutputs,
  selectOutputs,
  softmaxRows,
} from '../../src/evaluate/outputs.js'
import { largestError, outputsOf, reference, setNames } from './reference.js'

// The logits are float32 values of three digits: their rounding, 6e-8 of a score, bounds the difference.
const tolerance = 2e-7

describe('losses and entropies are those of SciPy', () => {
  it.each(setNames)('%s', (name) => {
    const { logits, labels, classes } = outputsOf(name)
    expect(largestError(crossEntropyLosses(logits, labels, classes), reference.sets[name].losses)).toBeLessThan(
      tolerance,
    )
    expect(largestError(entropies(logits, classes), reference.sets[name].entropies)).toBeLessThan(tolerance)
  })
})

it('softmax neither overflows nor loses rows', () => {
  const { logits, classes } = outputsOf('hard')
  expect(largestError(softmaxRows(logits, classes), reference.sets.hard.softmax ?? [])).toBeLessThan(1e-12)
})

it('losses far below the resolution of a probability keep their order', () => {
  const losses = crossEntropyLosses(new Float32Array([50, 0, 60, 0, 70, 0]), new Int32Array([0, 0, 0]), 2)
  expect([...losses]).toEqual([Math.exp(-50), Math.exp(-60), Math.exp(-70)])
})

it('correctness takes the first of equal scores, and confidence the largest probability', () => {
  const outputs = makeOutputs(new Float32Array([1, 1, 0, 3, 0, 0]), new Int32Array([1, 0, 1]), 2)
  expect([...correctness(outputs)]).toEqual([0, 0, 0])
  expect(confidences(outputs)[0]).toBeCloseTo(0.5, 15)
  expect(confidences(outputs)[1]).toBeCloseTo(1 / (1 + Math.exp(-3)), 15)
  expect([...correctness(makeOutputs(new Float32Array([1, 1]), new Int32Array([0]), 2))]).toEqual([1])
})

it('selecting rows keeps scores and labels together', () => {
  const all = makeOutputs(new Float32Array([1, 2, 3, 4, 5, 6]), new Int32Array([0, 1, 0]), 2)
  const some = selectOutputs(all, [2, 1])
  expect([...some.logits]).toEqual([5, 6, 3, 4])
  expect([...some.labels]).toEqual([0, 1])
})

describe('answers of the wrong form are refused', () => {
  it.each([
    ['too few scores', [1, 2, 3], [0, 1], 'shape-mismatch', '2 records of 2 classes need 4 scores, got 3.'],
    ['a label too high', [1, 2, 3, 4], [0, 2], 'label-range', 'Record 1 has label 2; the model has classes 0 to 1.'],
    ['a negative label', [1, 2], [-1], 'label-range', 'Record 0 has label -1; the model has classes 0 to 1.'],
    ['NaN', [1, 2, 3, Number.NaN], [0, 1], 'value-not-finite', "The model's score of record 1 for class 1 is NaN."],
    ['infinity', [Infinity, 2], [0], 'value-not-finite', "The model's score of record 0 for class 0 is Infinity."],
  ])('%s', (_, logits, labels, code, message) => {
    expect(() => makeOutputs(new Float32Array(logits), new Int32Array(labels), 2)).toThrow(
      expect.objectContaining({ code, message }),
    )
  })
})
