import { LetheError } from '../errors.js'

/** Where unfinished work is kept: bytes under a key that belongs to this work alone. */
export interface Resumable {
  load(): Promise<Uint8Array | undefined>
  save(bytes: Uint8Array): Promise<void>
  remove(): Promise<void>
}

/** Sums over the first `next` units of a plan. */
export interface PartialSums {
  next: number
  lossSum: number
  readonly sums: Map<string, Float64Array>
}

/** Bytes of partial sums: a JSON line with names and sizes, then the float64 numbers. */
export function snapshot(state: PartialSums): Uint8Array {
  const names = [...state.sums].map(([name, sum]) => [name, sum.length] as const)
  const header = new TextEncoder().encode(`${JSON.stringify({ next: state.next, lossSum: state.lossSum, names })}\n`)
  const bytes = new Uint8Array(header.length + names.reduce((n, [, length]) => n + length * 8, 0))
  bytes.set(header)
  let at = header.length
  for (const sum of state.sums.values()) {
    bytes.set(new Uint8Array(sum.buffer, sum.byteOffset, sum.byteLength), at)
    at += sum.byteLength
  }
  return bytes
}

/** Partial sums of a snapshot, or empty ones. Throws `checkpoint-mismatch` where it does not fit the work. */
export function restore(bytes: Uint8Array | undefined, names: Iterable<string>, units: number): PartialSums {
  if (!bytes) return { next: 0, lossSum: 0, sums: new Map() }
  const end = bytes.indexOf(10)
  const header = parseHeader(new TextDecoder().decode(bytes.subarray(0, Math.max(end, 0))))
  const expected = new Set(names)
  const total = header?.names.reduce((n, [, length]) => n + length * 8, end + 1)
  if (!header || header.next > units || total !== bytes.length || header.names.some(([name]) => !expected.has(name))) {
    throw new LetheError('checkpoint-mismatch', 'The checkpoint does not belong to this work; delete it to begin anew.')
  }
  let at = end + 1
  const sums = new Map<string, Float64Array>()
  for (const [name, length] of header.names) {
    sums.set(name, new Float64Array(bytes.slice(at, at + length * 8).buffer))
    at += length * 8
  }
  return { next: header.next, lossSum: header.lossSum, sums }
}

interface Header {
  readonly next: number
  readonly lossSum: number
  readonly names: readonly (readonly [string, number])[]
}

function parseHeader(line: string): Header | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return undefined
    const { next, lossSum, names } = value as Partial<Header>
    return typeof next === 'number' && typeof lossSum === 'number' && Array.isArray(names)
      ? { next, lossSum, names }
      : undefined
  } catch {
    return undefined
  }
}
