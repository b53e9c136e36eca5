import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { makeOutputs, type Outputs } from '../../src/evaluate/outputs.js'

const numbers = z.array(z.number())
const fit = z.object({ slope: z.number(), intercept: z.number(), share: z.number() })
const roc = z.object({
  members: numbers,
  others: numbers,
  auc: z.number(),
  mannWhitney: z.number(),
  tpr: z.record(z.string(), z.number()),
})
const set = z.object({
  logits: numbers,
  labels: numbers,
  softmax: numbers.nullable(),
  losses: numbers,
  entropies: numbers,
})

/** Values of scikit-learn and SciPy, made by scripts/fixtures/attacks.py. */
export const reference = z
  .object({
    classes: z.number(),
    sets: z.object({ forget: set, retain: set, unseen: set, hard: set }),
    lossRoc: roc,
    tiedRoc: roc,
    logistic: z.object({
      binomial: fit,
      binomialBalanced: fit,
      binomialStrongPenalty: fit,
      multinomialBalanced: fit,
      published: fit,
    }),
    lopsided: z.object({
      positives: numbers,
      negatives: numbers,
      forget: numbers,
      binomialBalanced: fit,
      multinomialBalanced: fit,
    }),
    wilson: z.array(z.object({ k: z.number(), n: z.number(), low: z.number(), high: z.number() })),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/attacks/values.json', import.meta.url), 'utf8')))

export type SetName = keyof typeof reference.sets
export const setNames: readonly SetName[] = ['forget', 'retain', 'unseen', 'hard']

export function outputsOf(name: SetName): Outputs {
  const { logits, labels } = reference.sets[name]
  return makeOutputs(Float32Array.from(logits), Int32Array.from(labels), reference.classes)
}

/** Largest difference of two lists, relative to the size of the expected number where that is above 1. */
export function largestError(actual: ArrayLike<number>, expected: readonly number[]): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  return expected.reduce((worst, x, i) => Math.max(worst, Math.abs(actual[i]! - x) / Math.max(1, Math.abs(x))), 0)
}
