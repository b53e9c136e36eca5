import { wilson } from '../estimate.js'
import { correctness } from '../outputs.js'
import type { Metric } from './metric.js'

/** Share of records whose largest score is their label's, with Wilson's interval. */
export const accuracy = {
  name: 'accuracy',
  title: 'Accuracy',
  unit: 'share',
  better: 'higher',
  measure(outputs) {
    const right = correctness(outputs)
    const successes = right.reduce((a, x) => a + x, 0)
    return [{ of: 'all', ...wilson(successes, right.length) }]
  },
} as const satisfies Metric
