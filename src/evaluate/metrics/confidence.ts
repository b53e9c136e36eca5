import { meanEstimate } from '../estimate.js'
import { recordConfidences } from '../outputs.js'
import type { Metric } from './metric.js'

/** Mean of the largest probability, right or wrong: 1/K is a guess, 1 is certainty; with the normal interval of a mean. */
export const confidence = {
  name: 'confidence',
  title: 'Mean confidence',
  unit: 'share',
  better: 'neither',
  measure(outputs) {
    return [{ of: 'all', ...meanEstimate(recordConfidences(outputs)) }]
  },
} as const satisfies Metric
