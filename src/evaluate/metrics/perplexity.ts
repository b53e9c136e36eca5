import { meanEstimate } from '../estimate.js'
import type { Metric } from './metric.js'

/**
 * Perplexity of next tokens: exp of the mean loss over all labelled tokens, 1 = sure and right, K = guessing among K tokens. Its
 * interval is exp of that of the mean, as of independent tokens. No row for other models.
 */
export const perplexity = {
  name: 'perplexity',
  title: 'Perplexity',
  unit: 'choices',
  better: 'lower',
  measure({ tokens }) {
    if (tokens?.loss !== 'next-token') return []
    const { value, low, high, n } = meanEstimate(tokens.losses)
    return [{ of: 'all', value: Math.exp(value), low: Math.exp(low), high: Math.exp(high), n }]
  },
} as const satisfies Metric
