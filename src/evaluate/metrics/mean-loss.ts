import { meanEstimate } from '../estimate.js'
import { crossEntropyLosses } from '../outputs.js'
import type { Metric } from './metric.js'

/** Mean cross-entropy (1/N) Σ ℓ_n in nats, with the normal interval of a mean. */
export const meanLoss = {
  name: 'mean-loss',
  title: 'Mean loss',
  unit: 'nats',
  better: 'lower',
  measure({ logits, labels, classes }) {
    return [{ of: 'all', ...meanEstimate(crossEntropyLosses(logits, labels, classes)) }]
  },
} as const satisfies Metric
