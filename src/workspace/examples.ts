import { type BatchInput, makeBatch } from '../data/batch.js'
import { unknownAttribute } from '../data/columns.js'
import type { Dataset } from '../data/dataset.js'
import type { Preprocessing } from '../data/transforms/preprocessing.js'
import type { Examples } from '../network/examples.js'

/**
 * A data set as examples of a model: preprocessed as declared, stacked for the model's inputs, grouped by an attribute where
 * one is named. Throws `attribute-unknown`.
 */
export function examplesOf(
  dataset: Dataset,
  inputs: readonly BatchInput[],
  preprocessing: Preprocessing,
  groupBy?: string,
): Examples {
  if (groupBy !== undefined && !dataset.attributes.includes(groupBy))
    throw unknownAttribute(dataset.name, groupBy, dataset.attributes)
  return {
    size: dataset.size,
    labels: Int32Array.from({ length: dataset.size }, (_, i) => dataset.label(i)),
    id: (row) => dataset.id(row),
    ...(groupBy !== undefined && { group: (row: number) => dataset.attribute(groupBy, row) }),
    load: (rows) => makeBatch(dataset, rows, inputs, preprocessing),
  }
}
