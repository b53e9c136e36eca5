import { type Estimate, wilson } from '../estimate.js'
import { correctness, type Outputs } from '../outputs.js'
import type { Metric } from './metric.js'

/** Share of records whose largest score is their label's, with Wilson's interval. */
export function shareRight(outputs: Outputs): Estimate {
  const right = correctness(outputs)
  return wilson(
    right.reduce((a, x) => a + x, 0),
    right.length,
  )
}

/** Accuracy over all records, one row. */
export const accuracy = {
  name: 'accuracy',
  title: 'Accuracy',
  unit: 'share',
  better: 'higher',
  measure(outputs) {
    return [{ of: 'all', ...shareRight(outputs) }]
  },
} as const satisfies Metric
