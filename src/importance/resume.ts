import { LetheError } from '../errors.js'

/** Where unfinished work is kept: bytes under a key that belongs to this work alone. */
export interface Resumable {
  load(): Promise<Uint8Array | undefined>
  /** Keeps these pieces, one after another, for `load`; they are as they were given until it resolves. */
  save(...pieces: readonly Uint8Array[]): Promise<void>
  remove(): Promise<void>
}

/** Sums over the first `next` units of a plan. */
export interface PartialSums {
  next: number
  lossSum: number
  readonly sums: Map<string, Float64Array>
  /** Sums of the squares of the units' sums, where a standard error is asked for; else empty. */
  readonly spread: Map<string, Float64Array>
}

/** Bytes of partial sums, in pieces: a JSON line with names and sizes, then the float64 numbers, which are views of the sums themselves. */
export function snapshot({ next, lossSum, sums, spread }: PartialSums): Uint8Array[] {
  const arrays = [sums, spread].map((map) => [...map].map(([name, sum]) => [name, sum.length] as const))
  const header = new TextEncoder().encode(`${JSON.stringify({ next, lossSum, names: arrays[0], spread: arrays[1] })}\n`)
  const numbers = [...sums.values(), ...spread.values()]
  return [header, ...numbers.map((sum) => new Uint8Array(sum.buffer, sum.byteOffset, sum.byteLength))]
}

/** Partial sums of a snapshot, or empty ones. Throws `checkpoint-mismatch` where it does not fit the work. */
export function restore(bytes: Uint8Array | undefined, names: Iterable<string>, units: number): PartialSums {
  if (!bytes) return { next: 0, lossSum: 0, sums: new Map(), spread: new Map() }
  const end = bytes.indexOf(10)
  const header = parseHeader(new TextDecoder().decode(bytes.subarray(0, Math.max(end, 0))))
  const expected = new Set(names)
  const all = header ? [...header.names, ...header.spread] : []
  const total = all.reduce((n, [, length]) => n + length * 8, end + 1)
  if (!header || header.next > units || total !== bytes.length || all.some(([name]) => !expected.has(name))) {
    throw new LetheError('checkpoint-mismatch', 'The checkpoint does not belong to this work; delete it to begin anew.')
  }
  let at = end + 1
  const take = (list: Header['names']): Map<string, Float64Array> =>
    new Map(
      list.map(([name, length]) => {
        const from = at
        at += length * 8
        return [name, new Float64Array(bytes.slice(from, at).buffer)]
      }),
    )
  return { next: header.next, lossSum: header.lossSum, sums: take(header.names), spread: take(header.spread) }
}

interface Header {
  readonly next: number
  readonly lossSum: number
  readonly names: readonly (readonly [string, number])[]
  readonly spread: Header['names']
}

function parseHeader(line: string): Header | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return undefined
    const { next, lossSum, names, spread } = value as Partial<Header>
    return typeof next === 'number' && typeof lossSum === 'number' && Array.isArray(names) && Array.isArray(spread)
      ? { next, lossSum, names, spread }
      : undefined
  } catch {
    return undefined
  }
}
