import { LetheError } from '../../errors.js'
import { type ByteIndex, checkFields, indexedRows, type RecordFile } from '../records/record-file.js'
import { jsonValue, type Row, type Value } from '../records/value.js'
import type { ByteSource } from './byte-source.js'

/** Bytes read at a time, and the most that one line may have. */
const chunkBytes = 1 << 20
const lineLimitBytes = 64 << 20

/**
 * Records of a JSON Lines source: one object a line, UTF-8, blank lines passed over. Kept in memory are the place of each line
 * and the names of the fields. Throws `data-format` naming the line.
 */
export function jsonLines(source: ByteSource): RecordFile {
  const fields: string[] = []
  const columns = new Map<string, number>()
  const index: ByteIndex = { starts: [], lengths: [], lines: [] }
  const rowOf = (bytes: Uint8Array, line: number): Row | undefined => {
    const text = decode(bytes, source.name, line)
    if (text.trim() === '') return undefined
    const row: Value[] = []
    for (const [field, value] of Object.entries(objectOf(text, source.name, line))) {
      let column = columns.get(field)
      if (column === undefined) {
        column = fields.push(field) - 1
        columns.set(field, column)
        checkFields(source.name, fields.length)
      }
      row[column] = jsonValue(value)
    }
    return Array.from(row, (value) => value ?? null)
  }
  return {
    path: source.name,
    fields,
    typed: true,
    classNames: new Map(),
    async *blocks() {
      for await (const lines of linesOf(source)) {
        const rows: Row[] = []
        for (const { start, bytes, line } of lines) {
          const row = rowOf(bytes, line)
          if (!row) continue
          rows.push(row)
          index.starts.push(start)
          index.lengths.push(bytes.length)
          index.lines.push(line)
        }
        yield rows
      }
    },
    read: indexedRows(source, index, (bytes, first, end) =>
      Array.from({ length: end - first }, (_, k) => {
        const at = index.starts[first + k]! - index.starts[first]!
        return rowOf(bytes.subarray(at, at + index.lengths[first + k]!), index.lines[first + k]!) ?? []
      }),
    ),
    where: (row) => `line ${index.lines[row] ?? index.lines.length + 1}`,
  }
}

interface Line {
  readonly start: number
  readonly bytes: Uint8Array
  /** From 1. */
  readonly line: number
}

/** Lines of a source without their ends, those of one chunk at a time. */
async function* linesOf(source: ByteSource): AsyncGenerator<Line[]> {
  let rest = new Uint8Array(0)
  let line = 0
  for (let at = 0; at < source.sizeBytes; at += chunkBytes) {
    const chunk = await source.read(at, Math.min(chunkBytes, source.sizeBytes - at))
    const bytes = new Uint8Array(rest.length + chunk.length)
    bytes.set(rest)
    bytes.set(chunk, rest.length)
    const offset = at - rest.length
    const lines: Line[] = []
    let start = 0
    // What was carried over has no end of line in it.
    for (let end = bytes.indexOf(10, rest.length); end >= 0; end = bytes.indexOf(10, start)) {
      lines.push({ start: offset + start, bytes: bytes.subarray(start, end), line: ++line })
      start = end + 1
    }
    rest = bytes.slice(start)
    if (rest.length > lineLimitBytes) {
      throw bad(source.name, line + 1, `is longer than ${lineLimitBytes} bytes; write one record a line`)
    }
    yield lines
  }
  if (rest.length > 0) yield [{ start: source.sizeBytes - rest.length, bytes: rest, line: line + 1 }]
}

function decode(bytes: Uint8Array, path: string, line: number): string {
  try {
    // A mark of byte order at the start of the file is dropped by the decoder.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw bad(path, line, 'is not UTF-8; save the file as UTF-8', cause)
  }
}

function objectOf(text: string, path: string, line: number): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw bad(
      path,
      line,
      `is not JSON (${reason.slice(0, 120)}); write one object a line, such as {"text": "…", "label": 0}`,
      cause,
    )
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  const got = Array.isArray(value) ? 'a list' : String(value).slice(0, 40)
  throw bad(path, line, `is ${got}, expected an object such as {"text": "…", "label": 0}`)
}

function bad(path: string, line: number, what: string, cause?: unknown): LetheError {
  return new LetheError('data-format', `"${path}" line ${line} ${what}.`, { path, line }, { cause })
}
