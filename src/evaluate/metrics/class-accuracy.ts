import { wilson } from '../estimate.js'
import { correctness } from '../outputs.js'
import type { Metric, MetricRow } from './metric.js'

/** Accuracy among the records of each class that occurs, one row a class in ascending order, with Wilson's interval. */
export const classAccuracy = {
  name: 'class-accuracy',
  title: 'Accuracy per class',
  unit: 'share',
  better: 'higher',
  measure(outputs) {
    const right = correctness(outputs)
    const successes = new Array<number>(outputs.classes).fill(0)
    const counts = new Array<number>(outputs.classes).fill(0)
    outputs.labels.forEach((y, n) => {
      counts[y]! += 1
      successes[y]! += right[n]!
    })
    return counts.flatMap((n, k): MetricRow[] => (n === 0 ? [] : [{ of: k, ...wilson(successes[k]!, n) }]))
  },
} as const satisfies Metric
