import type { RecordFile } from './record-file.js'
import { isList, isWords, numberOf, type Row, type Value } from './value.js'

/** Records that tell what the fields hold; later ones are held to it. */
export const profileRows = 1000

/** What a field holds in the first records. */
export interface FieldProfile {
  readonly holds: 'numbers' | 'text' | 'lists' | 'words' | 'nothing' | 'other'
  /** Numbers of the first list. */
  readonly width: number
}

/** Value of a field of a record; `null` where the file or the record lacks it. */
export type Get = (field: string) => Value

/** Access to the fields of a file by name, also those it meets later. */
export function fieldsOf(file: RecordFile): (row: Row) => Get {
  const columns = new Map<string, number>()
  let seen = 0
  return (row) => (name) => {
    for (; seen < file.fields.length; seen++) columns.set(file.fields[seen]!, seen)
    const column = columns.get(name)
    return column === undefined ? null : (row[column] ?? null)
  }
}

/** Profiles of the fields of some records of a file. */
export function profileOf(file: RecordFile, rows: readonly Row[]): Map<string, FieldProfile> {
  return new Map(file.fields.map((field, column) => [field, fieldProfile(rows, column, file.typed)]))
}

function fieldProfile(rows: readonly Row[], column: number, typed: boolean): FieldProfile {
  const values = rows.map((row) => row[column] ?? null).filter((v) => v !== null && v !== '')
  const list = values.find(isList)
  const width = list?.length ?? 1
  if (values.length === 0) return { holds: 'nothing', width }
  if (list) return { holds: 'lists', width }
  if (values.some(isWords)) return { holds: 'words', width }
  if (values.every((v) => !Number.isNaN(numberOf(v, typed)))) return { holds: 'numbers', width }
  return { holds: values.some((v) => typeof v === 'string') ? 'text' : 'other', width }
}
