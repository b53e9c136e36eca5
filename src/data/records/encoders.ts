import { LetheError } from '../../errors.js'
import { didYouMean } from '../near.js'
import type { ColumnsDeclaration } from './options.js'
import type { FieldProfile } from './profile.js'
import { isList, isScalar, kindOf, numberOf, type Value } from './value.js'

/** How a column becomes numbers of a vector. */
export interface Encoder {
  readonly column: string
  /** Numbers that it fills. */
  readonly width: number
  /** True for codes of categories, which are whole numbers by nature. */
  readonly isCode: boolean
  /** Puts the numbers of a value into a vector. Throws `data-format` naming place and column. */
  write(value: Value, out: Float64Array, at: number, place: string): void
}

/** Encoder of a column as declared, else as its first records look. Throws `config-invalid`, `data-format`. */
export function encoderOf(
  column: string,
  profile: FieldProfile,
  declaration: ColumnsDeclaration,
  typed: boolean,
  path: string,
): Encoder {
  const category = own(declaration.categories, column)
  const fill = own(declaration.fill, column)
  if (category) {
    const { values, as } = Array.isArray(category) ? { values: category, as: 'one-hot' as const } : category
    return categories(column, values, as === 'code', fill)
  }
  if (typeof fill === 'string') {
    throw new LetheError(
      'config-invalid',
      `"columns.fill" has the text "${fill}" for "${column}", which is no column of categories; fill it with a number.`,
      { column },
    )
  }
  if (profile.holds === 'lists') return numberList(column, profile.width)
  if (profile.holds === 'numbers' || (profile.holds === 'nothing' && fill !== undefined)) {
    return numbers(column, typed, fill, own(declaration.standardise, column))
  }
  throw new LetheError(
    'data-format',
    `The column "${column}" of "${path}" holds ${profile.holds === 'nothing' ? 'no value in its first records' : 'text'}; declare its values in "columns.categories" of lethe.json, or leave it out of "columns.features".`,
    { path, column },
  )
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined
}

function missing(place: string, column: string): LetheError {
  return new LetheError(
    'data-format',
    `${place}: the column "${column}" has no value; declare one in "columns.fill" of lethe.json, or leave out the record.`,
    { column },
  )
}

function numbers(
  column: string,
  typed: boolean,
  fill: number | undefined,
  scale: { readonly mean: number; readonly std: number } | undefined,
): Encoder {
  return {
    column,
    width: 1,
    isCode: false,
    write(value, out, at, place) {
      const number = numberOf(value, typed) ?? fill
      if (number === undefined) throw missing(place, column)
      if (Number.isNaN(number)) {
        throw new LetheError(
          'data-format',
          `${place}: the column "${column}" is ${kindOf(value)}, expected a number. Mend it, or declare a column of categories in "columns.categories" of lethe.json.`,
          { column },
        )
      }
      out[at] = scale ? (number - scale.mean) / scale.std : number
    },
  }
}

function categories(
  column: string,
  values: readonly string[],
  isCode: boolean,
  fill: string | number | undefined,
): Encoder {
  const codes = new Map(values.map((value, code) => [value, code]))
  return {
    column,
    width: isCode ? 1 : values.length,
    isCode,
    write(value, out, at, place) {
      const given = isScalar(value) && value !== '' ? String(value) : undefined
      if (given === undefined && value !== null && value !== '') throw wrong(value, place)
      const text = given ?? (fill === undefined ? undefined : String(fill))
      if (text === undefined) throw missing(place, column)
      const code = codes.get(text)
      if (code === undefined) throw wrong(text, place)
      if (isCode) out[at] = code
      else out[at + code] = 1
    },
  }

  function wrong(value: Value, place: string): LetheError {
    const near = typeof value === 'string' ? didYouMean(value, values) : ''
    return new LetheError(
      'data-format',
      `${place}: the column "${column}" is ${kindOf(value)}, which is not among its declared values ${values.slice(0, 20).join(', ')}${values.length > 20 ? ', …' : ''}.${near}`,
      { column },
    )
  }
}

function numberList(column: string, width: number): Encoder {
  return {
    column,
    width,
    isCode: false,
    write(value, out, at, place) {
      if (!isList(value) || value.length !== width) {
        throw new LetheError(
          'data-format',
          `${place}: the column "${column}" is ${isList(value) ? `a list of ${value.length}` : kindOf(value)}, expected a list of ${width} numbers as in the first record.`,
          { column },
        )
      }
      for (const [i, number] of value.entries()) out[at + i] = Number(number)
    },
  }
}
