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
  /** `share` lies in [0, 1] and is printed in per cent; `nats` is a loss; `choices` a number of equally likely tokens. */
  readonly unit: 'share' | 'nats' | 'choices'
  readonly better: 'higher' | 'lower' | 'neither'
  /** No row where the number means nothing for such outputs. */
  measure(outputs: Outputs): readonly MetricRow[]
}
