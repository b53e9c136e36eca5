import { type Estimate, wilson } from '../estimate.js'
import { type Outputs, rightShares } from '../outputs.js'
import type { Metric } from './metric.js'

/** Share of right answers, mean over the records, with Wilson's interval; of tokens each record's own share counts. */
export function shareRight(outputs: Outputs): Estimate {
  const right = rightShares(outputs)
  let sum = 0
  for (let n = 0; n < right.length; n++) sum += right[n]!
  return wilson(sum, right.length)
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
