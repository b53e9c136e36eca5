import { LetheError } from '../../errors.js'
import { didYouMean } from '../near.js'
import { placeOf, type RecordFile } from './record-file.js'
import { isScalar, kindOf, numberOf, type Value } from './value.js'

/** More distinct labels than this are no classes. */
const classLimit = 100_000

/** Labels while they are collected: whole numbers, or texts. */
export interface LabelColumn {
  add(value: Value, file: RecordFile, row: number): void
  /**
   * Class ids. Texts are the positions of their names among `names`; without names, classes are the texts in sorted order.
   * Whole numbers are class ids. Throws `label-range`, `data-format`.
   */
  finish(names: readonly string[] | undefined, modelClasses: number | undefined): FinishedLabels
}

export interface FinishedLabels {
  readonly labels: Int32Array
  readonly classes: readonly string[] | undefined
}

/** New empty column of the labels of a field. */
export function labelColumn(field: string): LabelColumn {
  const codes: number[] = []
  const known = new Map<string, number>()
  const firsts: { readonly text: string; readonly isNumber: boolean; readonly place: string }[] = []
  return {
    add(value, file, row) {
      if (!isScalar(value) || value === '') {
        throw new LetheError(
          'data-format',
          `${placeOf(file, row)}: the label "${field}" is ${value === '' ? 'missing' : kindOf(value)}, expected a class number or name.`,
          { field },
        )
      }
      const number = numberOf(value, file.typed)
      const isNumber = number !== undefined && !Number.isNaN(number)
      const text = isNumber && typeof value !== 'string' ? String(number) : String(value)
      const key = `${typeof value === 'string' ? 's' : 'n'}${text}`
      let code = known.get(key)
      if (code === undefined) {
        code = known.size
        if (code >= classLimit) {
          throw new LetheError(
            'data-format',
            `"${file.path}": the label "${field}" has more than ${classLimit} values; name the column of the classes in "columns.label".`,
            { field },
          )
        }
        known.set(key, code)
        firsts.push({ text, isNumber, place: placeOf(file, row) })
      }
      codes.push(code)
    },
    finish(names, modelClasses) {
      const isNumbers = firsts.every((f) => f.isNumber)
      if (!names && !isNumbers && firsts.some((f) => f.isNumber)) {
        const [number, text] = [firsts.find((f) => f.isNumber)!, firsts.find((f) => !f.isNumber)!]
        throw new LetheError(
          'data-format',
          `${number.place} has the label ${number.text} and ${text.place} the label "${text.text}"; expected numbers or names alone. Mend it, or name all classes in "columns.labelNames".`,
        )
      }
      const sorted = names ?? (isNumbers ? undefined : [...new Set(firsts.map((f) => f.text))].sort())
      if (!names && sorted && modelClasses !== undefined && sorted.length !== modelClasses) {
        throw new LetheError(
          'label-range',
          `The label "${field}" has ${sorted.length} names (${sorted.slice(0, 5).join(', ')}${sorted.length > 5 ? ', …' : ''}), but the model has ${modelClasses} classes; list all names in the model's order in "columns.labelNames" of lethe.json.`,
          { field, classes: modelClasses },
        )
      }
      const ids = firsts.map((f) => idOf(f, field, sorted))
      return { labels: Int32Array.from(codes, (code) => ids[code]!), classes: sorted }
    },
  }
}

function idOf(
  { text, isNumber, place }: { readonly text: string; readonly isNumber: boolean; readonly place: string },
  field: string,
  names: readonly string[] | undefined,
): number {
  const named = names?.indexOf(text) ?? -1
  if (named >= 0) return named
  const number = isNumber ? Number(text) : Number.NaN
  const isId = Number.isInteger(number) && number >= 0 && number < 2 ** 31
  if (isId && (!names || number < names.length)) return number
  const expected = names
    ? `one of ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`
    : 'a class number from 0, or a name'
  const unlabelled = number === -1 ? ' Records without a class (−1 on some hubs) are to be left out.' : ''
  throw new LetheError(
    'label-range',
    `${place} has ${field} "${text}", expected ${expected}.${isNumber ? '' : didYouMean(text, names ?? [])}${unlabelled}`,
    { field, label: text },
  )
}
