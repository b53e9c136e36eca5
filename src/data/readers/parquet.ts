import type { AsyncBuffer, Compressors, FileMetaData, SchemaTree } from 'hyparquet'
import { isLetheError, LetheError } from '../../errors.js'
import { checkFields, limits, type RecordFile } from '../records/record-file.js'
import { jsonValue, type Row, type Value } from '../records/value.js'
import type { ByteSource } from './byte-source.js'

/** The most rows and unpacked bytes of one row group, the most that one page may unpack to, and what is kept unpacked. */
const groupLimits = { rows: 1 << 24, bytes: 2 ** 30, pageBytes: 2 ** 29, keptBytes: 2 ** 28 } as const
const rowsAtOnce = 1024

/** Values of one row group, by column. */
type Group = readonly ArrayLike<unknown>[]

/**
 * Records of a parquet source. Row groups are unpacked when they are needed; as many as fit into 256 MiB stay in memory. Columns
 * of scalars and of lists are read, others (pictures, nested records) are passed over.
 * Throws `data-format` for whatever is wrong with the file.
 */
export async function parquetTable(source: ByteSource): Promise<RecordFile> {
  // Loaded with the first file: it is large, and most data needs none of it.
  const library = await import('hyparquet')
  const { compressors } = await import('hyparquet-compressors')
  const guard = <T>(work: Promise<T>): Promise<T> =>
    work.catch((cause: unknown) => Promise.reject(fault(source, cause)))
  const file = bufferOf(source)
  if (source.sizeBytes < 12) throw fault(source, new Error('it is too short'))
  const metadata = await guard(library.parquetMetadataAsync(file))
  const schema = await guard(Promise.resolve().then(() => library.parquetSchema(metadata)))
  const columns = schema.children.filter(isPlain).map((c) => c.element.name)
  checkFields(source.name, columns.length)
  const starts = startsOf(source, metadata)
  const bounded = boundedCompressors(compressors)
  const load = async (g: number): Promise<Group> => {
    const [rowStart, rowEnd] = [starts[g]!, starts[g + 1]!]
    const pieces = new Map<string, Piece[]>(columns.map((c) => [c, []]))
    await library.parquetRead({
      ...{ file, metadata, columns, rowStart, rowEnd, compressors: bounded },
      onChunk: ({ columnName, columnData, rowStart: at }) => {
        pieces.get(columnName)?.push({ at: at - rowStart, data: columnData })
      },
    })
    return columns.map((c) => joined(pieces.get(c) ?? [], rowEnd - rowStart))
  }
  const group = kept(metadata, (g) => guard(load(g)))
  const rowOf = (values: Group, at: number): Row => values.map((column) => plainValue(column[at]))
  return {
    path: source.name,
    fields: columns,
    typed: true,
    classNames: classNamesOf(metadata),
    async *blocks() {
      for (let g = 0; g + 1 < starts.length; g++) {
        const values = await group(g)
        const rows = starts[g + 1]! - starts[g]!
        for (let at = 0; at < rows; at += rowsAtOnce) {
          yield Array.from({ length: Math.min(rowsAtOnce, rows - at) }, (_, k) => rowOf(values, at + k))
        }
      }
    },
    async read(row) {
      let [low, high] = [0, starts.length - 2]
      while (low < high) {
        const middle = (low + high + 1) >> 1
        if (starts[middle]! <= row) low = middle
        else high = middle - 1
      }
      return rowOf(await group(low), row - starts[low]!)
    },
    where: (row) => `row ${row}`,
  }
}

function fault(source: ByteSource, cause: unknown): LetheError {
  if (isLetheError(cause)) return cause
  const reason = cause instanceof Error ? cause.message.replace(/^parquet /, '') : String(cause)
  return new LetheError(
    'data-format',
    `"${source.name}" is no whole parquet file: ${reason.slice(0, 200)}. Get the whole file again, or write it anew.`,
    { path: source.name },
    { cause },
  )
}

function bufferOf(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.sizeBytes,
    async slice(start, end = source.sizeBytes) {
      const bytes = await source.read(start, end - start)
      return new Uint8Array(bytes).buffer
    },
  }
}

/** A scalar, or a list of scalars in the form that parquet prescribes (a group of a repeated group of one). */
function isPlain({ children, element }: SchemaTree): boolean {
  if (children.length === 0) return element.repetition_type !== 'REPEATED'
  const isNamed = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST'
  const repeated = children[0]
  const item = repeated && repeated.children.length === 1 ? repeated.children[0] : repeated
  return isNamed && children.length === 1 && item?.children.length === 0
}

/** First rows of the groups, and the number of all rows. */
function startsOf(source: ByteSource, metadata: FileMetaData): number[] {
  const starts = [0]
  for (const [g, { num_rows, total_byte_size }] of metadata.row_groups.entries()) {
    const [rows, bytes] = [Number(num_rows), Number(total_byte_size)]
    if (!(rows >= 0 && rows <= groupLimits.rows && bytes <= groupLimits.bytes)) {
      throw fault(
        source,
        new Error(
          `row group ${g} has ${rows} rows of ${bytes} bytes, at most ${groupLimits.rows} of ${groupLimits.bytes} are taken; write smaller row groups`,
        ),
      )
    }
    starts.push(starts[g]! + rows)
  }
  const all = starts.at(-1)!
  if (all !== Number(metadata.num_rows) || all > limits.records) {
    throw fault(source, new Error(`its row groups have ${all} rows, the file says ${metadata.num_rows}`))
  }
  return starts
}

/** The decompressors, refusing pages of impossible size. */
function boundedCompressors(compressors: Compressors): Compressors {
  return Object.fromEntries(
    Object.entries(compressors).map(([codec, unpack]) => [
      codec,
      (input: Uint8Array, length: number) => {
        if (length > groupLimits.pageBytes) throw new Error(`a page claims to unpack to ${length} bytes`)
        return unpack(input, length)
      },
    ]),
  )
}

interface Piece {
  readonly at: number
  readonly data: ArrayLike<unknown>
}

/** Values of a column of a row group from those of its pages. */
function joined(pieces: readonly Piece[], rows: number): ArrayLike<unknown> {
  const [only] = pieces
  if (pieces.length === 1 && only?.at === 0 && only.data.length === rows) return only.data
  const values = new Array<unknown>(rows)
  let filled = 0
  for (const { at, data } of pieces) {
    for (let i = 0; i < data.length && at + i < rows; i++) values[at + i] = data[i]
    filled += data.length
  }
  if (filled === rows) return values
  throw new Error(`a column holds ${filled} values in a group of ${rows} rows`)
}

/** Row groups, the last ones used kept while they fit. */
function kept(metadata: FileMetaData, load: (group: number) => Promise<Group>): (group: number) => Promise<Group> {
  const held = new Map<number, Promise<Group>>()
  const sizeOf = (g: number): number => Number(metadata.row_groups[g]?.total_byte_size ?? 0)
  return (g) => {
    const found = held.get(g) ?? load(g)
    held.delete(g)
    held.set(g, found)
    found.catch(() => held.delete(g))
    let total = [...held.keys()].reduce((sum, key) => sum + sizeOf(key), 0)
    for (const old of held.keys()) {
      if (total <= groupLimits.keptBytes || old === g) break
      held.delete(old)
      total -= sizeOf(old)
    }
    return found
  }
}

function plainValue(value: unknown): Value {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (ArrayBuffer.isView(value)) return { nested: 'bytes' }
  return jsonValue(value)
}

/** Class names that Hugging Face's `datasets` writes beside the schema. */
function classNamesOf(metadata: FileMetaData): Map<string, readonly string[]> {
  const names = new Map<string, readonly string[]>()
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value
  if (text === undefined) return names
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return names
  }
  const features = field(field(value, 'info'), 'features')
  if (typeof features !== 'object' || features === null) return names
  for (const [column, feature] of Object.entries(features)) {
    const given = field(feature, '_type') === 'ClassLabel' ? field(feature, 'names') : undefined
    if (Array.isArray(given) && given.every((n): n is string => typeof n === 'string')) names.set(column, given)
  }
  return names
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return Object.entries(value).find(([key]) => key === name)?.[1]
}
