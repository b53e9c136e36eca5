import { LetheError } from '../../errors.js'

/** What a field of a record holds; `null` where it is missing. */
export type Value = string | number | bigint | boolean | readonly (number | bigint)[] | Words | Nested | null

/** A list of texts: the words of a sentence. */
export interface Words {
  readonly words: readonly string[]
}

/** Something else: no part of Lethe looks into it. */
export interface Nested {
  /** What it is, for messages: "an object". */
  readonly nested: string
}

/** A record: its values in the order of the fields of its file; those past the end are missing. */
export type Row = readonly Value[]

/** True for a list of numbers. */
export function isList(value: Value): value is readonly (number | bigint)[] {
  return Array.isArray(value)
}

/** True for a single text, number or truth value. */
export function isScalar(value: Value): value is string | number | bigint | boolean {
  return value !== null && typeof value !== 'object'
}

/** Value of anything that JSON can hold. */
export function jsonValue(json: unknown): Value {
  if (json === null || json === undefined) return null
  if (typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean' || typeof json === 'bigint')
    return json
  if (!Array.isArray(json)) return { nested: 'an object' }
  if (json.every((v: unknown) => typeof v === 'number' || typeof v === 'bigint')) return json
  if (json.every((v: unknown) => typeof v === 'string')) return { words: json }
  return { nested: 'a list of other things than numbers' }
}

/** True for a list of texts. */
export function isWords(value: Value): value is Words {
  return value !== null && typeof value === 'object' && 'words' in value
}

/** What a value is, for messages. */
export function kindOf(value: Value): string {
  if (value === null) return 'missing'
  if (isList(value)) return 'a list'
  if (typeof value === 'object') return 'words' in value ? 'a list of texts' : value.nested
  if (typeof value === 'string') return `the text ${shown(value)}`
  return String(value)
}

/** A text in quotes, cut where it is long. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text)
}

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const absent = new Set(['', 'na', 'nan', 'null', 'none', 'n/a'])

/**
 * Number that a value is: `undefined` where it is missing, NaN where it is no number. Text counts where values have no type of
 * their own (CSV): a decimal number, or empty, NA, NaN, null, None for a missing one.
 */
export function numberOf(value: Value, typed: boolean): number | undefined {
  if (value === null) return undefined
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value)
  if (typed || typeof value !== 'string') return Number.NaN
  const text = value.trim()
  if (decimal.test(text)) return Number(text)
  return absent.has(text.toLowerCase()) ? undefined : Number.NaN
}

/**
 * A scalar as text, for ids and attributes; numbers in their shortest form. Throws `data-format` for an integer that has lost
 * digits on the way (beyond 2⁵³ in JSON): written as text it keeps them.
 */
export function textOf(value: string | number | bigint | boolean, where: string, field: string): string {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new LetheError(
      'data-format',
      `${where}: "${field}" is an integer beyond 2^53, which loses digits; write it as text.`,
      { field },
    )
  }
  return String(value)
}
