/** Numbers in [0, 1), from a seed. */
export type Random = () => number

/** A whole number in [0, limit). */
export const below = (next: Random, limit: number): number => Math.floor(next() * limit)

/** One of a list. */
export const oneOf = <T>(next: Random, list: readonly T[]): T => list[below(next, list.length)]!

/** Changes the bytes of a file; a new array, the old one stays as it is. */
export type Mutation = (bytes: Uint8Array, next: Random, other: Uint8Array) => Uint8Array

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Places near the beginning are chosen as often as all others: that is where headers lie. */
function place(next: Random, bytes: Uint8Array): number {
  return below(next, next() < 0.5 ? Math.min(bytes.length, 256) : bytes.length)
}

const noise = (next: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => below(next, 256))

/** Changes that need no knowledge of a format. */
export const rawMutations: Readonly<Record<string, Mutation>> = {
  'flips bits'(bytes, next) {
    const copy = bytes.slice()
    for (let i = 0; i <= below(next, 8); i++) copy[place(next, copy)]! ^= 1 << below(next, 8)
    return copy
  },
  'cuts the end off': (bytes, next) => bytes.slice(0, below(next, bytes.length)),
  'leaves a piece out'(bytes, next) {
    const at = place(next, bytes)
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + below(next, 64)))
  },
  'repeats a piece'(bytes, next) {
    const at = place(next, bytes)
    const piece = bytes.subarray(at, at + 1 + below(next, 64))
    return joined(bytes.subarray(0, at), ...Array<Uint8Array>(1 + below(next, 200)).fill(piece), bytes.subarray(at))
  },
  'puts noise in'(bytes, next) {
    const at = place(next, bytes)
    return joined(bytes.subarray(0, at), noise(next, 1 + below(next, 16)), bytes.subarray(at))
  },
  'puts ones or zeros over it'(bytes, next) {
    const copy = bytes.slice()
    const at = place(next, copy)
    copy.fill(next() < 0.5 ? 0xff : 0, at, at + 1 + below(next, 12))
    return copy
  },
  'joins the front of one file and the end of another': (bytes, next, other) =>
    joined(bytes.subarray(0, place(next, bytes)), other.subarray(place(next, other))),
}

/** A field of a protobuf message: where its tag, its length and its contents lie. */
interface Field {
  readonly tag: number
  readonly body: number
  readonly end: number
}

function varint(bytes: Uint8Array, at: number): [value: number, next: number] | undefined {
  let value = 0
  for (let i = 0; i < 8 && at + i < bytes.length; i++) {
    value += (bytes[at + i]! & 0x7f) * 2 ** (7 * i)
    if (bytes[at + i]! < 0x80) return [value, at + i + 1]
  }
  return undefined
}

/** Fields with a length, also inside each other, where the bytes can be read as messages. */
function fieldsOf(bytes: Uint8Array, start: number, end: number, depth = 0): Field[] {
  const fields: Field[] = []
  for (let at = start; at < end; ) {
    const tag = varint(bytes, at)
    if (!tag || tag[0] < 8) return []
    const [value, body] = varint(bytes, tag[1]) ?? []
    if (value === undefined || body === undefined) return []
    const wire = tag[0] % 8
    const next = wire === 0 ? body : wire === 1 ? tag[1] + 8 : wire === 5 ? tag[1] + 4 : body + value
    if (next > end || ![0, 1, 2, 5].includes(wire)) return []
    if (wire === 2) {
      fields.push({ tag: at, body, end: next })
      if (depth < 8 && value > 1 && value < 20_000) fields.push(...fieldsOf(bytes, body, next, depth + 1))
    }
    at = next
  }
  return fields
}

function varintOf(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Uint8Array.from(bytes)
}

/** A change at one field of a protobuf message, the lengths around it left as they are or mended at random. */
function atField(
  change: (bytes: Uint8Array, field: Field, fields: readonly Field[], next: Random) => Uint8Array,
): Mutation {
  return (bytes, next) => {
    const fields = fieldsOf(bytes, 0, bytes.length)
    return fields.length === 0 ? bytes.slice(1) : change(bytes, oneOf(next, fields), fields, next)
  }
}

const tagEnd = (bytes: Uint8Array, field: Field): number => varint(bytes, field.tag)![1]

/** Changes to the fields of a protobuf file. */
export const fieldMutations: Readonly<Record<string, Mutation>> = {
  'gives a field another length': atField((bytes, field, _, next) => {
    const length = oneOf(next, [
      0,
      1,
      field.end - field.body - 1,
      field.end - field.body + 1,
      2 ** 31 - 1,
      2 ** 32,
      2 ** 40,
    ])
    return joined(bytes.subarray(0, tagEnd(bytes, field)), varintOf(Math.max(0, length)), bytes.subarray(field.body))
  }),
  'exchanges the lengths of two fields': atField((bytes, field, fields, next) => {
    const second = oneOf(next, fields)
    const [a, b] = field.tag < second.tag ? [field, second] : [second, field]
    if (a.end > b.tag) return bytes.slice(0, a.end)
    return joined(
      bytes.subarray(0, tagEnd(bytes, a)),
      varintOf(b.end - b.body),
      bytes.subarray(a.body, tagEnd(bytes, b)),
      varintOf(a.end - a.body),
      bytes.subarray(b.body),
    )
  }),
  'puts a field of elsewhere in': atField((bytes, field, fields, next) => {
    const { tag, end } = oneOf(next, fields)
    return joined(bytes.subarray(0, field.tag), bytes.subarray(tag, end), bytes.subarray(field.tag))
  }),
  'gives a field another number': atField((bytes, field, _, next) => {
    const copy = bytes.slice()
    copy[field.tag] = (1 + below(next, 15)) * 8 + below(next, 6)
    return copy
  }),
  'fills a text with broken UTF-8': atField((bytes, field) => {
    const copy = bytes.slice()
    copy.fill(0xc0, field.body, Math.min(field.end, field.body + 12))
    return copy
  }),
}
