import type { Examples } from '../../network/examples.js'

/** Settings of an estimate; with the order of the data (batch-mean alone depends on it) they decide every number. */
export interface EstimatorSettings {
  readonly estimator: string
  /** Examples a group (`grouped`). */
  readonly groupSize?: number
  /** Attribute whose values are kept apart beside the label (`grouped`): a person's records are then grouped by themselves. */
  readonly groupBy?: string
  /** Examples a batch (`batch-mean`). */
  readonly batchSize?: number
  /** Order that batches are cut from (`batch-mean`): that of the data, or class after class. */
  readonly order?: 'data' | 'label'
  /** Seed of the random signs (`sketch`). */
  readonly seed?: number
}

/** Examples whose gradients are added with these weights, then taken as they are or squared. */
export interface WorkUnit {
  readonly rows: readonly number[]
  /** Of every row, or of each. */
  readonly weight: number | readonly number[]
}

/** A way to estimate importances: which gradients are squared, and what the sum of squares is divided by. */
export interface Estimator {
  readonly name: string
  /** One line for help and documentation. */
  readonly summary: string
  /** What is squared: the gradient of each example, the weighted sum of each run of the engine, or that of a whole unit. */
  readonly squares: 'examples' | 'runs' | 'units'
  /** Settings with defaults filled in. Throws `usage` for numbers out of range. */
  readonly settle: (settings: EstimatorSettings) => EstimatorSettings
  readonly plan: (examples: Examples, settings: EstimatorSettings) => WorkUnit[]
  /** What S is divided by to give I. */
  readonly units: (count: number, plan: readonly WorkUnit[]) => number
  /** Sums of disjoint sets add up to the sum of the whole, and subtract. */
  readonly isAdditive: boolean
}
