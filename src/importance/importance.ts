import type { EstimatorSettings } from './estimators/estimator.js'

/**
 * Importances of one set of examples A: per parameter the sum S with I = S / units, I the (group or batch) diagonal of
 * the empirical Fisher. For `exact`, S = Σ_{n∈A} (∂ℓ_n/∂θ)² and units = |A|: sums of disjoint sets add and subtract.
 */
export interface Importance {
  /** Sums by parameter name, in the parameter's row-major order. */
  readonly sums: ReadonlyMap<string, Float64Array>
  readonly dims: ReadonlyMap<string, readonly number[]>
  /** Number of examples |A|. */
  readonly count: number
  /** What S is divided by: examples, or batches for `batch-mean`. */
  readonly units: number
  /** Examples of each class, [K]; empty under a loss by tokens. */
  readonly classCounts: readonly number[]
  readonly settings: EstimatorSettings
  /** Sum of the losses of all examples. */
  readonly lossSum: number
  /** Median over all weights of the standard error of S as a share of it; absent where S is exact for its quantity. */
  readonly relativeError?: number
  /** The data that the examples are a sample of; absent where they are all of it. */
  readonly population?: Population
}

/** Data that only a stratified sample was taken of. */
export interface Population {
  /** Number of examples |D|. */
  readonly count: number
  /** Examples of each class in all of the data, [K]; empty under a loss by tokens. */
  readonly classCounts: readonly number[]
  /** How stable the decision was, sample by sample, where the size was found. */
  readonly stages?: readonly Stage[]
}

/** Agreement of two halves of a sample, for several labels taken as the forget set: the least over the labels. */
export interface Stage {
  /** Examples in the sample. */
  readonly count: number
  /** Share of the weights that both halves select, or neither does. */
  readonly selection: number
  /** Share of probe records that both dampened models answer alike; absent where the selection already differs. */
  readonly answers?: number
}

/** A stage as it is kept in a file; undefined for anything else. */
export function readStage(value: unknown): Stage | undefined {
  if (typeof value !== 'object' || value === null || !('count' in value) || !('selection' in value)) return undefined
  const { count, selection } = value
  const answers = 'answers' in value ? value.answers : undefined
  if (typeof count !== 'number' || typeof selection !== 'number') return undefined
  if (answers === undefined) return { count, selection }
  return typeof answers === 'number' ? { count, selection, answers } : undefined
}

/** I of one parameter: S / units. */
export function importanceOf(importance: Importance, name: string): Float64Array {
  const sum = importance.sums.get(name)
  return sum ? sum.map((s) => s / importance.units) : new Float64Array()
}
