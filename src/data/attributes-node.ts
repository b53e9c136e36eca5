import { readFile } from 'node:fs/promises'
import { readFault } from '../files/fault.js'
import { withAttributes } from './attributes.js'
import type { Dataset } from './dataset.js'

/** The data set with the attributes of a CSV file; see `withAttributes`. Throws `not-found`, `unreadable`, `data-format`. */
export async function addAttributes(
  dataset: Dataset,
  path: string,
  options: { ifAny?: boolean } = {},
): Promise<Dataset> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw readFault(error, path)
  })
  return withAttributes(dataset, text, path, options)
}
