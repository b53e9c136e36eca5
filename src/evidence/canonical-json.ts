import { LetheError } from '../errors.js'

/** What JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/**
 * JSON text that is the same for equal values: keys in the order of their UTF-16 code units at every depth, numbers and
 * strings as JSON.stringify writes them, members that are undefined left out. `indent` 0 (default) gives no whitespace at
 * all; more gives lines for people, without a final line break. The approach is RFC 8785's: ECMAScript's own
 * primitives and sorted properties.
 * Throws `value-not-finite` for NaN and infinities, which JSON cannot hold.
 */
export function canonicalJson(value: Json, indent = 0): string {
  return write(value, indent, '', '$')
}

function write(value: Json, indent: number, margin: string, where: string): string {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new LetheError('value-not-finite', `${where} is ${value}, which JSON cannot hold.`, { where })
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const inner = margin + ' '.repeat(indent)
  if (isList(value)) {
    const items = value.map((item, i) => write(item, indent, inner, `${where}[${i}]`))
    return wrap('[', items, ']', indent, margin)
  }
  const members = Object.keys(value)
    .sort()
    .flatMap((key) => {
      const member = value[key]
      if (member === undefined) return []
      const text = write(member, indent, inner, `${where}.${key}`)
      return [`${JSON.stringify(key)}:${indent > 0 ? ' ' : ''}${text}`]
    })
  return wrap('{', members, '}', indent, margin)
}

function wrap(open: string, items: readonly string[], close: string, indent: number, margin: string): string {
  if (items.length === 0 || indent === 0) return open + items.join(',') + close
  const line = `\n${margin}${' '.repeat(indent)}`
  return `${open}${line}${items.join(`,${line}`)}\n${margin}${close}`
}

// Array.isArray does not narrow read-only lists.
function isList(value: object): value is readonly Json[] {
  return Array.isArray(value)
}
