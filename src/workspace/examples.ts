import { type BatchInput, makeBatch } from '../data/batch.js'
import { unknownAttribute } from '../data/columns.js'
import type { Dataset } from '../data/dataset.js'
import { tokenLabels } from '../data/token-labels.js'
import type { Preprocessing } from '../data/transforms/preprocessing.js'
import { isTokenLoss, type LossName } from '../fisher/loss.js'
import type { Examples } from '../network/examples.js'

/** How a data set becomes examples, beyond its records. */
export interface ExampleOptions {
  /** Attribute that groups are formed within. */
  readonly groupBy?: string | undefined
  /** Loss of the model: labels of tokens are given for losses by tokens alone. */
  readonly loss?: LossName
}

/**
 * A data set as examples of a model: preprocessed as declared, stacked for the model's inputs, grouped by an attribute where
 * one is named, with labels of tokens where the loss wants them. Throws `attribute-unknown`.
 */
export function examplesOf(
  dataset: Dataset,
  inputs: readonly BatchInput[],
  preprocessing: Preprocessing,
  { groupBy, loss = 'cross-entropy' }: ExampleOptions = {},
): Examples {
  if (groupBy !== undefined && !dataset.attributes.includes(groupBy))
    throw unknownAttribute(dataset.name, groupBy, dataset.attributes)
  return {
    size: dataset.size,
    labels: Int32Array.from({ length: dataset.size }, (_, i) => dataset.label(i)),
    id: (row) => dataset.id(row),
    ...(groupBy !== undefined && { group: (row: number) => dataset.attribute(groupBy, row) }),
    load: (rows, memory) => makeBatch(dataset, rows, inputs, preprocessing, memory),
    ...(isTokenLoss(loss) && {
      async loadLabelled(rows: readonly number[]) {
        const held = await read(dataset, rows)
        const which = loss === 'next-token' ? 'next' : 'own'
        const source = inputs.length === 1 ? inputs[0]!.source : undefined
        const labels: number[] = []
        for (const row of rows) {
          for (const label of tokenLabels(await held.read(row), which, dataset.id(row), source)) labels.push(label)
        }
        return { inputs: await makeBatch(held, rows, inputs, preprocessing), labels: Int32Array.from(labels) }
      },
    }),
  }
}

/** The data set with some of its records in memory: inputs and labels come of one reading. */
async function read(dataset: Dataset, rows: readonly number[]): Promise<Dataset> {
  const wanted = [...new Set(rows)]
  const records = await Promise.all(wanted.map((row) => dataset.read(row)))
  const known = new Map(wanted.map((row, i) => [row, records[i]!]))
  return { ...dataset, read: (row) => known.get(row) ?? dataset.read(row) }
}
