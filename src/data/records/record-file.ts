import { LetheError } from '../../errors.js'
import type { ByteSource } from '../readers/byte-source.js'
import type { Row } from './value.js'

/** A file of records with named fields, whatever its format: read once from front to back, then by index. */
export interface RecordFile {
  /** Path, for messages. */
  readonly path: string
  /** Names of the fields, in order; of JSON Lines those met so far. */
  readonly fields: readonly string[]
  /** True where values have a type of their own; false where all are text (CSV). */
  readonly typed: boolean
  /** Names of classes by field, where the file tells them. */
  readonly classNames: ReadonlyMap<string, readonly string[]>
  /** All records in order, some at a time. To be walked through once, before any `read`. Throws `data-format`. */
  blocks(): AsyncIterable<readonly Row[]>
  /** Record of an index. */
  read(row: number): Promise<Row>
  /** Where a record stands, for messages: "line 7". */
  where(row: number): string
}

/** Most fields of a file, and most records of a data set. */
export const limits = { fields: 16384, records: 100_000_000 } as const

/** File and place of a record, for messages. */
export function placeOf(file: RecordFile, row: number): string {
  return `"${file.path}" ${file.where(row)}`
}

/** Throws `data-format` where a file has more fields than the limit. */
export function checkFields(path: string, count: number): void {
  if (count <= limits.fields) return
  throw new LetheError('data-format', `"${path}" has more than ${limits.fields} fields; is it a table of records?`, {
    path,
  })
}

/** Byte ranges of records in a file: start, length and line of each, 20 bytes a record. */
export interface ByteIndex {
  readonly starts: number[]
  readonly lengths: number[]
  readonly lines: number[]
}

/** Rows that one read fetches when they are asked for in order, and the most bytes that read may take. */
const blockRows = 256
const blockBytes = 4 << 20

/**
 * Reader of records by their byte ranges, with memory that does not grow with the file: rows asked for in ascending order come
 * in blocks; a row out of order costs one read of it alone. `parse` makes rows `first` to `end` of the bytes they lie in.
 */
export function indexedRows(
  source: ByteSource,
  { starts, lengths }: ByteIndex,
  parse: (bytes: Uint8Array, first: number, end: number) => readonly Row[],
): (row: number) => Promise<Row> {
  let block: { readonly first: number; readonly end: number; readonly rows: Promise<readonly Row[]> } | undefined
  let last = Number.NaN
  const endOf = (first: number): number => {
    let end = first + 1
    while (end < starts.length && end - first < blockRows && stopOf(end) - starts[first]! <= blockBytes) end++
    return end
  }
  const stopOf = (row: number): number => starts[row]! + lengths[row]!
  const load = async (first: number, end: number): Promise<readonly Row[]> =>
    parse(await source.read(starts[first]!, stopOf(end - 1) - starts[first]!), first, end)
  return async (row) => {
    const inOrder = row === last + 1
    last = row
    if (!(block && row >= block.first && row < block.end)) {
      if (!inOrder) return (await load(row, row + 1))[0] ?? []
      const end = endOf(row)
      block = { first: row, end, rows: load(row, end) }
      // A failed read is told to whoever asked, and tried again by the next one.
      block.rows.catch(() => {
        block = undefined
      })
    }
    const { first, rows } = block
    return (await rows)[row - first] ?? []
  }
}
