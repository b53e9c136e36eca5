import { createHash, type Hash } from 'node:crypto'
import { toBytes } from '../tensor/tensor.js'
import type { Dataset, Example } from './dataset.js'

/** Records read at a time. */
const readAtOnce = 64

/**
 * SHA-256 over the ids, labels and contents of all records, in their order, as 64 lower-case hex digits.
 *
 * Hashed is "lethe-data-1\n", then per record a JSON line of its id, label and form (sizes of a picture; name, element type
 * and shape of each tensor, by name) and the bytes of pixels or elements. Contents are what `read` gives: of an image
 * file the decoded pixels. Memory does not grow with the data. `onProgress` hears the number of records done.
 */
export async function digestDataset(dataset: Dataset, onProgress?: (done: number) => void): Promise<string> {
  const hash = createHash('sha256').update('lethe-data-1\n')
  for (let start = 0; start < dataset.size; start += readAtOnce) {
    const rows = Array.from({ length: Math.min(readAtOnce, dataset.size - start) }, (_, k) => start + k)
    const examples = await Promise.all(rows.map((row) => dataset.read(row)))
    for (const [k, example] of examples.entries()) {
      addExample(hash, dataset.id(rows[k]!), dataset.label(rows[k]!), example)
    }
    onProgress?.(start + rows.length)
  }
  return hash.digest('hex')
}

function addExample(hash: Hash, id: string, label: number, example: Example): void {
  if (example.kind === 'image') {
    const { height, width, channels } = example
    hash.update(`${JSON.stringify([id, label, 'image', height, width, channels])}\n`).update(example.pixels)
    return
  }
  const tensors = Object.entries(example.tensors).sort(([a], [b]) => (a < b ? -1 : 1))
  const forms = tensors.map(([name, t]) => [name, t.dtype, t.dims])
  hash.update(`${JSON.stringify([id, label, 'tensors', forms])}\n`)
  for (const [, t] of tensors) hash.update(toBytes(t.data))
}
