import { LetheError } from '../../errors.js'
import type { Estimator } from './estimator.js'

const defaultBatchSize = 64

/**
 * Batch-mean square of the published code: I = (1/#batches) Σ_b (∂ mean loss of batch b/∂θ)², over consecutive batches in the
 * order of the data. It depends on batch size and order; it is here to reproduce published results.
 *
 * Source: the authors' code, github.com/if-loops/selective-synaptic-dampening, `ssd.py`, `calc_importance`.
 */
export const batchMean: Estimator = {
  name: 'batch-mean',
  summary:
    "the published code's quantity: squared mean gradient of consecutive batches, dependent on order and batch size",
  form: 'sum',
  isAdditive: false,
  settle({ batchSize = defaultBatchSize }) {
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new LetheError('usage', `--batch-size must be a whole number from 1, got ${batchSize}.`)
    }
    return { estimator: 'batch-mean', batchSize }
  },
  units: (_, plan) => plan.length,
  plan: (examples, { batchSize = defaultBatchSize }) =>
    Array.from({ length: Math.ceil(examples.size / batchSize) }, (_, i) => {
      const size = Math.min(batchSize, examples.size - i * batchSize)
      return { rows: Array.from({ length: size }, (_, j) => i * batchSize + j), weight: 1 / size }
    }),
}
