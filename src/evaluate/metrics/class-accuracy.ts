import { wilson } from '../estimate.js'
import { correctness, type Outputs } from '../outputs.js'
import type { Metric, MetricRow } from './metric.js'

/**
 * Accuracy among the records (of a token classifier: the tokens) of each class that occurs, one row a class in ascending order, with
 * Wilson's interval. No row for next tokens, whose classes are a vocabulary. Tokens of a record are not independent: their
 * intervals are those of as many tokens of different records.
 */
export const classAccuracy = {
  name: 'class-accuracy',
  title: 'Accuracy per class',
  unit: 'share',
  better: 'higher',
  measure(outputs) {
    if (outputs.tokens?.loss === 'next-token') return []
    const { labels, right } = answersOf(outputs)
    const successes = new Array<number>(outputs.classes).fill(0)
    const counts = new Array<number>(outputs.classes).fill(0)
    labels.forEach((y, n) => {
      counts[y]! += 1
      successes[y]! += right[n]!
    })
    return counts.flatMap((n, k): MetricRow[] => (n === 0 ? [] : [{ of: k, ...wilson(successes[k]!, n) }]))
  },
} as const satisfies Metric

function answersOf(outputs: Outputs): { labels: Int32Array; right: Uint8Array } {
  return outputs.tokens ?? { labels: outputs.labels, right: correctness(outputs) }
}
