import { meanEstimate } from '../estimate.js'
import { recordLosses } from '../outputs.js'
import type { Metric } from './metric.js'

/** Mean cross-entropy (1/N) Σ ℓ_n in nats, with the normal interval of a mean. */
export const meanLoss = {
  name: 'mean-loss',
  title: 'Mean loss',
  unit: 'nats',
  better: 'lower',
  measure(outputs) {
    return [{ of: 'all', ...meanEstimate(recordLosses(outputs)) }]
  },
} as const satisfies Metric
