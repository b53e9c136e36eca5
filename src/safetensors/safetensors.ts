import { LetheError } from '../errors.js'
import { joined } from '../tensor/pieces.js'
import { bytesPerElement, type DataType, fromBytes, sizeOf, type Tensor, toBytes } from '../tensor/tensor.js'

/** Tensors and text metadata of a safetensors file. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly metadata: Readonly<Record<string, string>>
}

const codes = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
} as const satisfies Record<DataType, string>

const typeOf = new Map<string, DataType>(Object.entries(codes).map(([dtype, code]) => [code, dtype as DataType]))
/** A header longer than this is no honest file. */
const headerLimitBytes = 100_000_000

const bad = (what: string): LetheError => new LetheError('data-format', `The safetensors file ${what}.`)

/**
 * Tensors and metadata of the bytes of a safetensors file; data shares the bytes' memory where it is aligned.
 * Throws `data-format` for a header, type, shape or offset that does not hold together. Format: 8 bytes of header length
 * (little-endian), a JSON header of name → {dtype, shape, data_offsets}, then the data, which the tensors fill without gaps.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const length = headerLength(bytes, bytes.length)
  const { layout, metadata } = readSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length - 8 - length)
  const tensors = new Map<string, Tensor>()
  for (const [name, { dtype, dims, start, end }] of layout) {
    tensors.set(name, { dtype, dims, data: fromBytes(dtype, bytes.subarray(8 + length + start, 8 + length + end)) })
  }
  return { tensors, metadata }
}

/** Where a tensor lies in the data of a file: bytes `start` to `end` after the header. */
export interface SafetensorsEntry {
  readonly dtype: DataType
  readonly dims: readonly number[]
  readonly start: number
  readonly end: number
}

/** Length of the JSON header, of the first eight bytes of a file and the size of all. Throws `data-format` where it is longer. */
export function headerLength(bytes: Uint8Array, sizeBytes: number): number {
  if (bytes.length < 8) throw bad('is shorter than its header length')
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true))
  if (length > headerLimitBytes || length + 8 > sizeBytes) throw bad('ends before its header does')
  return length
}

/**
 * Layout of the bytes of a JSON header and the size of the data after it, for files that are read a tensor at a time.
 * Throws `data-format` as `readSafetensors` does.
 */
export function readSafetensorsHeader(
  json: Uint8Array,
  dataBytes: number,
): { layout: Map<string, SafetensorsEntry>; metadata: Record<string, string> } {
  const layout = new Map<string, SafetensorsEntry>()
  let metadata: Record<string, string> = {}
  for (const [name, entry] of Object.entries(parseHeader(json))) {
    if (name === '__metadata__') metadata = readMetadata(entry)
    else layout.set(name, readEntry(name, entry, dataBytes))
  }
  checkSpans(
    [...layout.values()].map(({ start, end }) => [start, end]),
    dataBytes,
  )
  return { layout, metadata }
}

/** The data is filled from its first to its last byte, each byte by one tensor. */
function checkSpans(spans: [number, number][], sizeBytes: number): void {
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  let filled = 0
  for (const [start, end] of spans) {
    if (start < filled) throw bad('has tensors that overlap')
    if (start > filled) throw bad(`has ${start - filled} bytes that belong to no tensor`)
    filled = end
  }
  if (filled < sizeBytes) throw bad(`has ${sizeBytes - filled} bytes that belong to no tensor`)
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Falls through to the one message for every damaged header.
  }
  throw bad('has a header that is no JSON object')
}

function readMetadata(entry: unknown): Record<string, string> {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw bad('has metadata that is no object')
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => {
      if (typeof value !== 'string') throw bad(`has metadata "${key}" that is no text`)
      return [key, value]
    }),
  )
}

function readEntry(name: string, entry: unknown, dataBytes: number): SafetensorsEntry {
  if (typeof entry !== 'object' || entry === null) throw bad(`has tensor "${name}" with a damaged entry`)
  const {
    dtype: code,
    shape,
    data_offsets: offsets,
  }: { dtype?: unknown; shape?: unknown; data_offsets?: unknown } = entry
  const dtype = typeof code === 'string' ? typeOf.get(code) : undefined
  if (!dtype) throw bad(`has tensor "${name}" of the unknown type ${String(code)}`)
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
    throw bad(`has tensor "${name}" with a damaged entry`)
  const [start, end] = [offsets[0]!, offsets[1]!]
  if (start > end || end > dataBytes || end - start !== sizeOf(shape) * bytesPerElement(dtype)) {
    throw bad(`has tensor "${name}" of shape [${shape}] outside its data`)
  }
  return { dtype, dims: shape, start, end }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0)
}

/**
 * Bytes of a safetensors file. The same tensors and metadata give the same bytes, in whatever order they come: widest
 * elements first, then by name, so that every tensor is aligned without the gaps that the format forbids.
 * Throws `data-format` where two tensors have one name, or one is called `__metadata__`.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return joined(safetensorsPieces(tensors, metadata))
}

/** What `writeSafetensors` gives in consecutive pieces: the header, and the data, which shares the tensors' memory. Throws as it does. */
export function safetensorsPieces(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const sorted = [...tensors].sort(
    ([a, t], [b, u]) => bytesPerElement(u.dtype) - bytesPerElement(t.dtype) || byName(a, b),
  )
  const entries: [string, unknown][] = []
  if (Object.keys(metadata).length > 0) {
    entries.push(['__metadata__', Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => byName(a, b)))])
  }
  let at = 0
  for (const [name, t] of sorted) {
    entries.push([name, { dtype: codes[t.dtype], shape: t.dims, data_offsets: [at, at + t.data.byteLength] }])
    at += t.data.byteLength
  }
  if (new Set(entries.map(([name]) => name)).size < entries.length) throw bad('would have two entries of one name')
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const start = 8 + Math.ceil(json.length / 8) * 8
  const header = new Uint8Array(start).fill(32)
  new DataView(header.buffer).setBigUint64(0, BigInt(start - 8), true)
  header.set(json, 8)
  return [header, ...sorted.map(([, t]) => toBytes(t.data))]
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
