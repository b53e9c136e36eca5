import { makeBatch } from '../data/batch.js'
import type { Dataset } from '../data/dataset.js'
import type { Preprocessing } from '../data/transforms/preprocessing.js'
import type { Examples } from '../network/examples.js'
import type { InputSpec } from '../network/network.js'

/** A data set as examples of a model: preprocessed as declared, stacked for the model's inputs. */
export function examplesOf(dataset: Dataset, inputs: readonly InputSpec[], preprocessing: Preprocessing): Examples {
  return {
    size: dataset.size,
    labels: Int32Array.from({ length: dataset.size }, (_, i) => dataset.label(i)),
    id: (row) => dataset.id(row),
    load: (rows) => makeBatch(dataset, rows, inputs, preprocessing),
  }
}
