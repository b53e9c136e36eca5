import { datasetOf } from '../data/columns.js'
import type { Dataset, Example } from '../data/dataset.js'
import { rowTensor } from '../data/readers/array.js'
import { LetheError } from '../errors.js'
import { bytesPerElement, sizeOf, type Tensor, toBytes } from '../tensor/tensor.js'

/** Records as arrays of the page. N is the number of labels. */
export interface Arrays {
  /** Class of each record, [N]: whole numbers from 0. */
  readonly labels: ArrayLike<number>
  /** Pictures of one size as 8-bit values, [N, height, width, channels]; they go through the preprocessing. */
  readonly images?: {
    readonly pixels: Uint8Array | Uint8ClampedArray
    readonly width: number
    readonly height: number
    readonly channels: 1 | 3 | 4
  }
  /** In place of pictures: tensors ready to be fed, [N, …] by model input (`x` where there is one). */
  readonly inputs?: Readonly<Record<string, Tensor>>
  /** Stable names of the records, each once; default their numbers. */
  readonly ids?: readonly string[]
  /** Names of the classes. */
  readonly classes?: readonly string[]
  /** Values of what can be forgotten beside classes (a person, a source), [N] by name. */
  readonly attributes?: Readonly<Record<string, readonly string[]>>
  readonly name?: string
}

/** Data set of arrays in memory, which are not copied. Throws `data-format` for lengths that do not fit together, `label-range`. */
export function arrayDataset(arrays: Arrays): Dataset {
  const { labels, ids, classes, attributes = {}, name = 'arrays' } = arrays
  const size = labels.length
  const id = (i: number): string => ids?.[i] ?? String(i)
  for (let i = 0; i < size; i++) {
    const label = labels[i]!
    if (Number.isInteger(label) && label >= 0 && label < 2 ** 31) continue
    throw new LetheError('label-range', `Record "${id(i)}" has label ${label}; a label is a class number, 0 or more.`, {
      id: id(i),
      label,
    })
  }
  for (const [what, column] of [['ids', ids] as const, ...Object.entries(attributes)]) {
    if (column && column.length !== size) throw misfit(what, column.length, size)
  }
  if (ids && new Set(ids).size !== size) {
    const twice = ids.find((value, i) => ids.indexOf(value) !== i)
    throw new LetheError('data-format', `The id "${twice}" is there twice; ids must be unique.`, { id: twice })
  }
  return datasetOf({
    name,
    ...(classes && { classes }),
    labels,
    id,
    attributes: new Map(Object.entries(attributes).map(([key, values]) => [key, (i) => values[i]!])),
    read: readerOf(arrays, size),
  })
}

function readerOf({ images, inputs }: Arrays, size: number): (i: number) => Example {
  if (images && !inputs) {
    const { pixels, width, height, channels } = images
    const each = width * height * channels
    if (pixels.length !== each * size) throw misfit('images', pixels.length / each, size)
    return (i) => {
      const row = pixels.subarray(i * each, (i + 1) * each)
      return { kind: 'image', width, height, channels, pixels: new Uint8Array(row) }
    }
  }
  if (inputs && !images && Object.keys(inputs).length > 0) {
    const columns = Object.entries(inputs).map(([name, { dtype, dims, data }]) => {
      const [count = 0, ...rest] = dims
      if (count !== size || data.length !== sizeOf(dims)) throw misfit(name, data.length / sizeOf(rest), size)
      return { name, dtype, dims: rest, bytes: toBytes(data), each: sizeOf(rest) * bytesPerElement(dtype) }
    })
    return (i) => ({
      kind: 'tensors',
      tensors: Object.fromEntries(
        columns.map(({ name, dtype, dims, bytes, each }) => [
          name,
          rowTensor(dtype, dims, bytes.subarray(i * each, (i + 1) * each)),
        ]),
      ),
    })
  }
  throw new LetheError('data-format', 'Records are either images or inputs: give one of the two.')
}

function misfit(what: string, got: number, expected: number): LetheError {
  return new LetheError('data-format', `"${what}" has ${got} records, but there are ${expected} labels.`, {
    what,
    got,
    expected,
  })
}
