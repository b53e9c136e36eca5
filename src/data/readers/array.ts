import { LetheError } from '../../errors.js'
import { bytesPerElement, type DataType, fromBytes, sizeOf, type Tensor } from '../../tensor/tensor.js'
import { type ByteSource, memorySource } from './byte-source.js'
import { type Rows, readRows } from './rows.js'

/** Element of an array file: a number, or text of fixed length (UTF-32 code points, or single bytes). */
export type ElementType =
  | { readonly kind: 'number'; readonly dtype: DataType }
  | { readonly kind: 'text'; readonly form: 'utf-32' | 'bytes'; readonly length: number }

/** What an array file says of its elements. */
export interface ArrayHeader {
  readonly element: ElementType
  readonly dims: readonly number[]
  readonly bigEndian: boolean
  /** First axis runs fastest. */
  readonly fortranOrder: boolean
}

/** Array in a source: its header and where its elements start. */
export interface StoredArray {
  readonly name: string
  readonly header: ArrayHeader
  readonly source: ByteSource
  readonly start: number
}

/** Bytes of one element. */
export function elementBytes(element: ElementType): number {
  if (element.kind === 'number') return bytesPerElement(element.dtype)
  return element.form === 'utf-32' ? element.length * 4 : element.length
}

/** Throws `data-format` where the elements of an array do not fill its source exactly. */
export function checkExtent({ name, header, source, start }: StoredArray): void {
  const expected = sizeOf(header.dims) * elementBytes(header.element)
  if (source.sizeBytes - start === expected) return
  throw new LetheError(
    'data-format',
    `Array "${name}" of shape [${header.dims}] needs ${expected} bytes of data, got ${source.sizeBytes - start}. Write the file again.`,
    { name, dims: header.dims, expected, got: source.sizeBytes - start },
  )
}

/**
 * Rows along the first axis of an array, as little-endian row-major bytes. Row-major arrays are read row by row;
 * column-major (Fortran) ones are read whole and turned once.
 */
export async function arrayRows(array: StoredArray): Promise<Rows> {
  const { header, start } = array
  const [count = 1, ...rest] = header.dims
  const itemBytes = elementBytes(header.element)
  const rowBytes = sizeOf(rest) * itemBytes
  const turned = header.fortranOrder && rest.length > 0
  const source = turned ? await turn(array) : array.source
  const rows = readRows(source, turned ? 0 : start, rowBytes, count)
  if (!header.bigEndian) return rows
  const unit = header.element.kind === 'text' ? 4 : itemBytes
  return { count, row: async (i) => swapBytes(await rows.row(i), unit) }
}

async function turn({ name, header, source, start }: StoredArray): Promise<ByteSource> {
  const itemBytes = elementBytes(header.element)
  const bytes = await source.read(start, sizeOf(header.dims) * itemBytes)
  return memorySource(name, toRowMajor(bytes, header.dims, itemBytes))
}

/** Elements of a column-major array in row-major order. */
export function toRowMajor(bytes: Uint8Array, dims: readonly number[], itemBytes: number): Uint8Array {
  const out = new Uint8Array(bytes.length)
  const strides = dims.map((_, axis) => sizeOf(dims.slice(0, axis)))
  const index = dims.map(() => 0)
  const size = sizeOf(dims)
  let from = 0
  for (let to = 0; to < size; to++) {
    for (let b = 0; b < itemBytes; b++) out[to * itemBytes + b] = bytes[from * itemBytes + b]!
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      from += strides[axis]!
      if (++index[axis]! < dims[axis]!) break
      from -= strides[axis]! * dims[axis]!
      index[axis] = 0
    }
  }
  return out
}

function swapBytes(bytes: Uint8Array, unit: number): Uint8Array {
  const out = new Uint8Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) out[i] = bytes[i - (i % unit) + unit - 1 - (i % unit)]!
  return out
}

/** Tensor of row bytes, with memory of its own. */
export function rowTensor(dtype: DataType, dims: readonly number[], row: Uint8Array): Tensor {
  return { dtype, dims, data: fromBytes(dtype, new Uint8Array(row)) }
}

/** Whole array of numbers as a tensor in row-major order. Throws `data-format` for text. */
export async function readTensor(array: StoredArray): Promise<Tensor> {
  const { element, dims } = array.header
  if (element.kind === 'text')
    throw new LetheError('data-format', `Array "${array.name}" holds text, expected numbers.`)
  return rowTensor(element.dtype, dims, await readWhole(array))
}

/** Whole array of text in row-major order, without padding. Throws `data-format` for numbers. */
export async function readTexts(array: StoredArray): Promise<string[]> {
  const { element, dims } = array.header
  if (element.kind === 'number')
    throw new LetheError('data-format', `Array "${array.name}" holds numbers, expected text.`)
  const bytes = await readWhole(array)
  const itemBytes = elementBytes(element)
  return Array.from({ length: sizeOf(dims) }, (_, i) =>
    decodeText(bytes.subarray(i * itemBytes, (i + 1) * itemBytes), element.form, array.name),
  )
}

async function readWhole(array: StoredArray): Promise<Uint8Array> {
  const { header } = array
  const flat = { ...header, dims: [1, ...header.dims] }
  if (!header.fortranOrder) return (await arrayRows({ ...array, header: flat })).row(0)
  const rows = await arrayRows(array)
  const parts: Uint8Array[] = []
  for (let i = 0; i < rows.count; i++) parts.push(await rows.row(i))
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function decodeText(bytes: Uint8Array, form: 'utf-32' | 'bytes', name: string): string {
  let text = ''
  if (form === 'bytes') {
    for (const byte of bytes) text += String.fromCharCode(byte)
  } else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let i = 0; i < bytes.length; i += 4) {
      const code = view.getUint32(i, true)
      if (code > 0x10ffff) throw new LetheError('data-format', `Array "${name}" holds text that is no Unicode.`)
      text += String.fromCodePoint(code)
    }
  }
  return text.replace(/\0+$/, '')
}
