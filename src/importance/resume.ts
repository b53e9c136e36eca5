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
  /** Sums of the squares of the units' sums, of some weights, where a standard error is asked for; else empty. */
  readonly spread: Map<string, Float64Array>
  /** In which order numbers are kept, and of which weights: sums of another layout are not gone on with. */
  readonly layout: string
}

/** The work that partial sums must be of. */
export interface Work {
  readonly names: Iterable<string>
  readonly layout: string
  /** Units of its plan. */
  readonly units: number
}

/** Bytes of partial sums, in pieces: a JSON line with names and sizes, then the float64 numbers, which are views of the sums themselves. */
export function snapshot({ next, lossSum, sums, spread, layout }: PartialSums): Uint8Array[] {
  const sizes = (map: ReadonlyMap<string, Float64Array>): Header['names'] =>
    [...map].map(([name, sum]) => [name, sum.length])
  const described: Header = { next, lossSum, layout, names: sizes(sums), spread: sizes(spread) }
  const header = new TextEncoder().encode(`${JSON.stringify(described)}\n`)
  const numbers = [...sums.values(), ...spread.values()]
  return [header, ...numbers.map((sum) => new Uint8Array(sum.buffer, sum.byteOffset, sum.byteLength))]
}

/** Partial sums of a snapshot, or empty ones. Throws `checkpoint-mismatch` where it does not fit the work. */
export function restore(bytes: Uint8Array | undefined, { names, layout, units }: Work): PartialSums {
  if (!bytes) return { next: 0, lossSum: 0, sums: new Map(), spread: new Map(), layout }
  const end = bytes.indexOf(10)
  const header = parseHeader(new TextDecoder().decode(bytes.subarray(0, Math.max(end, 0))))
  const expected = new Set(names)
  const all = header ? [...header.names, ...header.spread] : []
  const total = all.reduce((n, [, length]) => n + length * 8, end + 1)
  const isComplete = header && header.next <= units && total === bytes.length
  if (!isComplete || header.layout !== layout || all.some(([name]) => !expected.has(name))) {
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
  const { next, lossSum } = header
  return { next, lossSum, sums: take(header.names), spread: take(header.spread), layout }
}

interface Header {
  readonly next: number
  readonly lossSum: number
  readonly names: readonly (readonly [string, number])[]
  readonly spread: Header['names']
  readonly layout: string
}

function parseHeader(line: string): Header | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return undefined
    const { next, lossSum, names, spread, layout } = value as Partial<Header>
    const isWhole = typeof next === 'number' && typeof lossSum === 'number' && typeof layout === 'string'
    return isWhole && Array.isArray(names) && Array.isArray(spread)
      ? { next, lossSum, names, spread, layout }
      : undefined
  } catch {
    return undefined
  }
}
