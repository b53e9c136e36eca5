import { placeOf, type RecordFile } from './record-file.js'
import { isScalar, textOf, type Value } from './value.js'

/** A field with a value longer than this is no attribute: nobody selects by it, and it would fill the memory. */
const attributeLength = 256

/** Attributes while they are collected: each value once, and its number by record. */
export interface AttributeColumns {
  add(field: string, value: Value, file: RecordFile, row: number, record: number): void
  /** Values by attribute and record; a record that lacks one has the empty text. */
  finish(): Map<string, (record: number) => string>
}

/** New empty columns. */
export function attributeColumns(): AttributeColumns {
  const columns = new Map<string, { readonly codes: number[]; readonly values: string[]; known: Map<string, number> }>()
  const dropped = new Set<string>()
  return {
    add(field, value, file, row, record) {
      if (!isScalar(value) || dropped.has(field)) return
      const text = textOf(value, placeOf(file, row), field)
      if (text.length > attributeLength) {
        dropped.add(field)
        columns.delete(field)
        return
      }
      let column = columns.get(field)
      if (!column) {
        column = { codes: [], values: [''], known: new Map([['', 0]]) }
        columns.set(field, column)
      }
      let code = column.known.get(text)
      if (code === undefined) {
        code = column.values.length
        column.values.push(text)
        column.known.set(text, code)
      }
      while (column.codes.length < record) column.codes.push(0)
      column.codes.push(code)
    },
    finish() {
      return new Map(
        [...columns].map(([field, { codes, values }]) => [field, (record: number) => values[codes[record] ?? 0]!]),
      )
    },
  }
}
