import type { Estimate } from '../estimate.js'
import type { Outputs } from '../outputs.js'

/** One row of a metric: its estimate over all records, or over the records of one class. */
export interface MetricRow extends Estimate {
  readonly of: 'all' | number
}

/** A number read off a model's answers on one set of records. */
export interface Metric {
  readonly name: string
  readonly title: string
  /** `share` lies in [0, 1] and is printed in per cent; `nats` is a loss. */
  readonly unit: 'share' | 'nats'
  readonly better: 'higher' | 'lower' | 'neither'
  measure(outputs: Outputs): readonly MetricRow[]
}
