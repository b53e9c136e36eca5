import { wilson } from '../estimate.js'
import type { Metric } from './metric.js'

/**
 * Share of all labelled tokens that are predicted right: long records count more than in `accuracy`, which is the mean over
 * records. Wilson's interval as of independent tokens. No row for models that answer once a record.
 */
export const tokenAccuracy = {
  name: 'token-accuracy',
  title: 'Accuracy over all tokens',
  unit: 'share',
  better: 'higher',
  measure({ tokens }) {
    if (!tokens) return []
    return [
      {
        of: 'all',
        ...wilson(
          tokens.right.reduce((a, x) => a + x, 0),
          tokens.right.length,
        ),
      },
    ]
  },
} as const satisfies Metric
