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
}

/** I of one parameter: S / units. */
export function importanceOf(importance: Importance, name: string): Float64Array {
  const sum = importance.sums.get(name)
  return sum ? sum.map((s) => s / importance.units) : new Float64Array()
}
