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
  squares: 'units',
  isAdditive: false,
  settle({ batchSize = defaultBatchSize, order = 'data' }) {
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new LetheError('usage', `--batch-size must be a whole number from 1, got ${batchSize}.`)
    }
    return { estimator: 'batch-mean', batchSize, order }
  },
  units: (_, plan) => plan.length,
  plan(examples, { batchSize = defaultBatchSize, order }) {
    const rows = Array.from({ length: examples.size }, (_, row) => row)
    if (order === 'label') rows.sort((a, b) => examples.labels[a]! - examples.labels[b]! || a - b)
    return Array.from({ length: Math.ceil(rows.length / batchSize) }, (_, i) => {
      const batch = rows.slice(i * batchSize, (i + 1) * batchSize)
      return { rows: batch, weight: 1 / batch.length }
    })
  },
}
