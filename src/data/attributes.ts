import { LetheError } from '../errors.js'
import { datasetOf } from './columns.js'
import type { Dataset } from './dataset.js'

/**
 * The data set with further attributes from a CSV text: column `id`, and one column per attribute, which takes the place
 * of an attribute of the same name. Rows of ids that the data does not have are passed over (one table may serve the
 * training and the test data). Throws `data-format` for a record without a row, a column twice, an id twice, rows of
 * unequal length. With `ifAny`, data of which the table has no row at all is given back as it is.
 */
export function withAttributes(
  dataset: Dataset,
  csv: string,
  file: string,
  options: { ifAny?: boolean } = {},
): Dataset {
  const [header = [], ...rows] = parseCsv(csv, file)
  const idColumn = header.indexOf('id')
  if (idColumn < 0 || new Set(header).size < header.length) {
    throw bad(file, `its first line must name the column id and each attribute once; it names ${header.join(', ')}`)
  }
  const byId = new Map<string, readonly string[]>()
  for (const row of rows) {
    const id = row[idColumn] ?? ''
    if (row.length !== header.length)
      throw bad(file, `the row of id "${id}" has ${row.length} of ${header.length} values`)
    if (byId.has(id)) throw bad(file, `it has two rows of id "${id}"`)
    byId.set(id, row)
  }
  const isNamed = (_: unknown, i: number): boolean => byId.has(dataset.id(i))
  if (options.ifAny && !Array.from({ length: dataset.size }).some(isNamed)) return dataset
  const table = Array.from({ length: dataset.size }, (_, i) => {
    const row = byId.get(dataset.id(i))
    if (!row) throw bad(file, `it has no row of record "${dataset.id(i)}"`)
    return row
  })
  const attributes = new Map(
    dataset.attributes.map((name) => [name, (i: number): string => dataset.attribute(name, i)] as const),
  )
  for (const [column, name] of header.entries()) {
    if (column !== idColumn) attributes.set(name, (i) => table[i]![column]!)
  }
  return datasetOf({
    name: dataset.name,
    ...(dataset.classes && { classes: dataset.classes }),
    labels: Int32Array.from({ length: dataset.size }, (_, i) => dataset.label(i)),
    id: (i) => dataset.id(i),
    attributes,
    read: (i) => dataset.read(i),
    ...(dataset.notes && { notes: () => dataset.notes?.() ?? [] }),
  })
}

function bad(file: string, what: string): LetheError {
  return new LetheError('data-format', `"${file}" is no table of attributes for this data: ${what}.`, { file })
}

/** Rows of a CSV text (RFC 4180: commas, quotes doubled inside quotes); blank lines are passed over. */
function parseCsv(text: string, file: string): string[][] {
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y
  const source = text.replace(/^\uFEFF/, '')
  const rows: string[][] = []
  let row: string[] = []
  while (field.lastIndex < source.length) {
    const at = field.lastIndex
    const match = field.exec(source)
    if (!match) throw bad(file, `its quotes are damaged after "${source.slice(Math.max(0, at - 20), at)}"`)
    const [, quoted, plain = '', end] = match
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === ',' && field.lastIndex < source.length) continue
    if (end === ',') row.push('')
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
  }
  return rows
}
