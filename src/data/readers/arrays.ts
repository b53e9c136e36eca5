import { LetheError } from '../../errors.js'
import { isFloat, numberAt, type Tensor } from '../../tensor/tensor.js'
import { datasetOf } from '../columns.js'
import type { Dataset, Example, ImageExample } from '../dataset.js'
import { arrayRows, readTensor, readTexts, rowTensor, type StoredArray } from './array.js'
import type { Rows } from './rows.js'

/**
 * Data set of named arrays whose first axis counts the records.
 *
 * - `y` [N] or [N, 1]: labels, integers or text (classes are then the sorted names); `ids` [N]: ids, else the index;
 *   `classes` [K], text: names of the classes;
 * - text [N], and any `attr_NAME` [N]: an attribute (of its name, or NAME);
 * - every other array [N, …]: a model input of its name. One lone `uint8` input [N, H, W], [N, H, W, C] or [N, C, H, W]
 *   (C one of 1, 3, 4; where both fit, the last axis is C) is read as images, all else is fed as it is.
 *
 * `prefix` is put before every id. Throws `data-format`, `label-range` for a negative label.
 */
export async function arraysDataset(
  name: string,
  arrays: ReadonlyMap<string, StoredArray>,
  prefix = '',
): Promise<Dataset> {
  const y = arrays.get('y')
  if (!y) {
    const found = [...arrays.keys()].join(', ') || 'none'
    throw new LetheError('data-format', `"${name}" has no array "y" of labels; it has ${found}.`, { name })
  }
  const size = y.header.dims[0] ?? 0
  if (y.header.dims.length === 0 || y.header.dims.slice(1).some((d) => d !== 1)) {
    throw new LetheError(
      'data-format',
      `Array "y" of "${name}" must hold one label a record, [N]; got [${y.header.dims}].`,
    )
  }
  const ids = await readColumn(arrays.get('ids'), size)
  if (ids) checkUnique(name, ids)
  const id = (i: number): string => prefix + (ids?.[i] ?? String(i))
  const attributes = new Map<string, (i: number) => string>()
  const inputs: [string, StoredArray, Rows][] = []
  for (const [key, array] of arrays) {
    if (key === 'y' || key === 'ids' || key === 'classes') continue
    if (key.startsWith('attr_') || array.header.element.kind === 'text') {
      const column = await readColumn(array, size)
      attributes.set(key.replace(/^attr_/, ''), (i) => column?.[i] ?? '')
    } else {
      checkCount(array, size)
      inputs.push([key, array, await arrayRows(array)])
    }
  }
  if (inputs.length === 0)
    throw new LetheError('data-format', `"${name}" has labels but no array of inputs, such as x.`)
  const { labels, classes } = await readLabels(y, id, arrays.get('classes'))
  return datasetOf({ name, ...(classes && { classes }), labels, id, attributes, read: readerOf(inputs) })
}

function checkCount({ name, header }: StoredArray, size: number): void {
  if (header.dims[0] === size) return
  throw new LetheError(
    'data-format',
    `Array "${name}" of shape [${header.dims}] must have one row a record: ${size}, as many as "y" has labels.`,
    { name, dims: header.dims, size },
  )
}

function checkUnique(name: string, ids: readonly string[]): void {
  const seen = new Set<string>()
  for (const id of ids) {
    if (seen.has(id))
      throw new LetheError('data-format', `"${name}" has the id "${id}" twice; ids must be unique.`, { id })
    seen.add(id)
  }
}

/** One text a record. */
async function readColumn(array: StoredArray | undefined, size: number): Promise<readonly string[] | undefined> {
  if (!array) return undefined
  checkCount(array, size)
  if (array.header.dims.length !== 1) {
    throw new LetheError('data-format', `Array "${array.name}" must hold one value a record, [${size}].`)
  }
  return array.header.element.kind === 'text' ? readTexts(array) : texts(await readTensor(array))
}

function texts(t: Tensor): string[] {
  // 64-bit integers keep all their digits; every other number is its shortest decimal form.
  return Array.from({ length: t.data.length }, (_, i) => String(isFloat(t.dtype) ? numberAt(t, i) : t.data[i]))
}

async function readLabels(
  y: StoredArray,
  id: (i: number) => string,
  names: StoredArray | undefined,
): Promise<{ labels: Int32Array; classes: readonly string[] | undefined }> {
  const given = names && (await readTexts(names))
  if (y.header.element.kind === 'text') {
    const values = await readTexts(y)
    const classes = given ?? [...new Set(values)].sort()
    const labelOf = new Map(classes.map((name, k) => [name, k]))
    const labels = Int32Array.from(values, (value, i) => {
      const label = labelOf.get(value)
      if (label !== undefined) return label
      throw new LetheError('label-range', `Record "${id(i)}" has label "${value}", which is not among "classes".`)
    })
    return { labels, classes }
  }
  const t = await readTensor(y)
  const labels = Int32Array.from({ length: t.data.length }, (_, i) => {
    const label = numberAt(t, i)
    if (Number.isInteger(label) && label >= 0 && label < 2 ** 31) return label
    throw new LetheError(
      'label-range',
      `Record "${id(i)}" has label ${label}; a label is a class number, 0 or more. Check the array "y".`,
      { id: id(i), label },
    )
  })
  return { labels, classes: given }
}

function readerOf(inputs: readonly (readonly [string, StoredArray, Rows])[]): (i: number) => Promise<Example> {
  const [lone] = inputs
  const picture = lone && inputs.length === 1 ? pictureOf(lone[1]) : undefined
  if (lone && picture) return async (i) => picture(await lone[2].row(i))
  return async (i) => {
    const tensors: Record<string, Tensor> = {}
    for (const [key, { header }, rows] of inputs) {
      if (header.element.kind === 'number') {
        tensors[key] = rowTensor(header.element.dtype, header.dims.slice(1), await rows.row(i))
      }
    }
    return { kind: 'tensors', tensors }
  }
}

const channelCounts = [1, 3, 4] as const

/** How a row of an array is a picture, or undefined where it is none. */
function pictureOf({ header }: StoredArray): ((row: Uint8Array) => ImageExample) | undefined {
  const [, a = 0, b = 0, c = 0] = header.dims
  if (header.element.kind !== 'number' || header.element.dtype !== 'uint8') return undefined
  if (header.dims.length === 3) return (row) => image(row.slice(), b, a, 1)
  if (header.dims.length !== 4) return undefined
  const last = channelCounts.find((n) => n === c)
  if (last) return (row) => image(row.slice(), b, a, last)
  const first = channelCounts.find((n) => n === a)
  return first && ((row) => image(interleave(row, first), c, b, first))
}

function image(pixels: Uint8Array, width: number, height: number, channels: 1 | 3 | 4): ImageExample {
  return { kind: 'image', width, height, channels, pixels }
}

function interleave(planes: Uint8Array, channels: number): Uint8Array {
  const out = new Uint8Array(planes.length)
  const plane = planes.length / channels
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < plane; p++) out[p * channels + c] = planes[c * plane + p]!
  }
  return out
}
