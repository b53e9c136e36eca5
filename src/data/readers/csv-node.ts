import { Readable } from 'node:stream'
import { CsvError, type Options, parse as parseStream } from 'csv-parse'
import { parse as parseWhole } from 'csv-parse/sync'
import { z } from 'zod'
import { LetheError } from '../../errors.js'
import { openRecords } from '../records/open-records-node.js'
import { type ByteIndex, checkFields, indexedRows, type RecordFile } from '../records/record-file.js'
import type { Row } from '../records/value.js'
import type { ByteSource } from './byte-source.js'
import { fileSource } from './file-source-node.js'
import type { Reader } from './reader.js'
import { holdsRecords, recordParts } from './record-parts.js'

const ending = /\.(csv|tsv)$/i
const chunkBytes = 1 << 18
const rowsAtOnce = 1024
/** The most bytes that one record may have, and those that are looked at for the delimiter. */
const recordLimitBytes = 16 << 20
const headBytes = 1 << 16

/**
 * Tables as text (RFC 4180): a first line of column names, `label`, and columns of numbers, of categories, or `text`; see
 * `openRecords`. `.csv` is separated by commas (semicolons or tabs, where the first line has no comma), `.tsv` by tabs.
 */
export const csvReader: Reader = {
  name: 'csv',
  takes:
    'a .csv or .tsv table with column names, a label column and columns of numbers (or text), or a folder of train and test ones',
  matches: (place) => holdsRecords(place, ending),
  open: (place, options) =>
    openRecords(place, recordParts(place, ending, options.split), options.records, async (path) =>
      csvTable(await fileSource(path)),
    ),
}

const parsedSchema = z.object({
  record: z.array(z.string()),
  info: z.object({ bytes: z.number(), lines: z.number() }),
})

async function csvTable(source: ByteSource): Promise<RecordFile> {
  const path = source.name
  const delimiter = await delimiterOf(source)
  const options: Options = {
    delimiter,
    // Said once and for all: found out anew in a part of the file, it might be another.
    record_delimiter: ['\r\n', '\n', '\r'],
    skip_empty_lines: true,
    bom: true,
    max_record_size: recordLimitBytes,
  }
  const fields: string[] = []
  const index: ByteIndex = { starts: [], lengths: [], lines: [] }
  return {
    path,
    fields,
    typed: false,
    classNames: new Map(),
    async *blocks() {
      const parser = parseStream({ ...options, info: true })
      const bytes = Readable.from(checkedChunks(source))
      bytes.on('error', (error) => parser.destroy(error)).pipe(parser)
      let rows: Row[] = []
      let end = 0
      try {
        for await (const item of parser) {
          const { record, info } = parsedSchema.parse(item)
          const start = end
          end = info.bytes
          if (fields.length === 0) {
            checkHeader(path, record)
            fields.push(...record)
            continue
          }
          index.starts.push(start)
          index.lengths.push(end - start)
          index.lines.push(info.lines)
          if (rows.push(record) < rowsAtOnce) continue
          yield rows
          rows = []
        }
      } catch (error) {
        throw faultOf(error, path)
      }
      yield rows
    },
    read: indexedRows(source, index, (bytes) => parseWhole(bytes, options)),
    where: (row) => `line ${index.lines[row] ?? row + 2}`,
  }
}

async function delimiterOf(source: ByteSource): Promise<string> {
  if (source.name.toLowerCase().endsWith('.tsv')) return '\t'
  const head = await source.read(0, Math.min(headBytes, source.sizeBytes))
  const [line = ''] = new TextDecoder().decode(head).split('\n')
  return [',', ';', '\t'].find((d) => line.includes(d)) ?? ','
}

/** Bytes of a source piece by piece. Throws `data-format` where they are no UTF-8. */
async function* checkedChunks(source: ByteSource): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (let at = 0; at < source.sizeBytes; at += chunkBytes) {
    const bytes = await source.read(at, Math.min(chunkBytes, source.sizeBytes - at))
    try {
      decoder.decode(bytes, { stream: at + bytes.length < source.sizeBytes })
    } catch (cause) {
      throw new LetheError(
        'data-format',
        `"${source.name}" is not UTF-8 (in bytes ${at} to ${at + bytes.length}); save the file as UTF-8.`,
        { path: source.name },
        { cause },
      )
    }
    yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

function checkHeader(path: string, names: readonly string[]): void {
  checkFields(path, names.length)
  // Columns without a name (the index that pandas writes) are passed over.
  const named = names.filter((name) => name !== '')
  const twice = named.find((name, i) => named.indexOf(name) !== i)
  if (twice === undefined) return
  throw new LetheError(
    'data-format',
    `"${path}" line 1 has the column "${twice}" twice; give each column its own name.`,
    {
      path,
      column: twice,
    },
  )
}

function faultOf(error: unknown, path: string): unknown {
  if (!(error instanceof CsvError)) return error
  return new LetheError(
    'data-format',
    `"${path}" is no table: ${error.message.replace(/\.$/, '')}. Write the same number of values a line, quoted where they hold a comma, a quote or a line end.`,
    { path, reason: error.code },
    { cause: error },
  )
}
