import { LetheError } from '../errors.js'
import type { Dataset } from './dataset.js'

/** Some records of a data set, in the given order; ids, labels and attributes stay theirs. */
export function subset(dataset: Dataset, indices: ArrayLike<number>): Dataset {
  const rows = Int32Array.from(indices)
  const at = (i: number): number => {
    const row = rows[i]
    if (row !== undefined) return row
    throw new LetheError('internal', `Record ${i} of a part of "${dataset.name}" is outside 0…${rows.length - 1}.`)
  }
  return {
    name: dataset.name,
    size: rows.length,
    classes: dataset.classes,
    attributes: dataset.attributes,
    id: (i) => dataset.id(at(i)),
    label: (i) => dataset.label(at(i)),
    attribute: (name, i) => dataset.attribute(name, at(i)),
    read: (i) => dataset.read(at(i)),
    ...(dataset.notes && { notes: () => dataset.notes?.() ?? [] }),
  }
}

/** The records that are not among the given ones, ascending. */
export function complement(size: number, indices: Iterable<number>): Int32Array {
  const taken = new Set(indices)
  return Int32Array.from({ length: size }, (_, i) => i).filter((i) => !taken.has(i))
}

/**
 * 64-bit hash of an id: FNV-1a over its UTF-8 bytes, then the finaliser of MurmurHash3, without which the last characters
 * would hardly reach the high bits and the order of hashes would follow the order of the ids.
 * Source: Fowler, Noll and Vo (FNV-1a, offset cbf29ce484222325, prime 100000001b3); Appleby (fmix64).
 */
export function idHash(id: string): bigint {
  let low = 0x84222325
  let high = 0xcbf29ce4
  for (const byte of new TextEncoder().encode(id)) {
    // The prime is 2⁴⁰ + 435; products of 32 bits by 435 are exact in float64.
    low = (low ^ byte) >>> 0
    const product = low * 435
    high = (Math.imul(high, 435) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0
    low = product >>> 0
  }
  return mix64((BigInt(high) << 32n) | BigInt(low))
}

function mix64(value: bigint): bigint {
  let h = value
  h = BigInt.asUintN(64, (h ^ (h >> 33n)) * 0xff51afd7ed558ccdn)
  h = BigInt.asUintN(64, (h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n)
  return h ^ (h >> 33n)
}

/** Records in the order of a hash of their ids and a seed (by id where hashes are equal): no trace of the data's own order. */
export function hashOrder(dataset: Dataset, rows: Iterable<number>, seed: number): number[] {
  const salt = mix64(BigInt.asUintN(64, BigInt(Math.floor(seed)) + 0x9e3779b97f4a7c15n))
  return [...rows]
    .map((row) => ({ row, id: dataset.id(row), key: mix64(idHash(dataset.id(row)) ^ salt) }))
    .sort((a, b) => (a.key === b.key ? (a.id < b.id ? -1 : 1) : a.key < b.key ? -1 : 1))
    .map(({ row }) => row)
}

export interface SampleOptions {
  /** Keep the shares of the labels (or of an attribute's values) as in the data. Default: no care for them. */
  readonly stratify?: 'label' | { readonly attribute: string }
  /** Records that must not be taken. */
  readonly exclude?: Iterable<number>
}

/**
 * Sample of `count` records (all that may be taken, where they are fewer), ascending.
 *
 * The records with the smallest hashes of id and seed are taken, so the same ids give the same sample in any order of the
 * data, and a larger sample of the same seed holds the smaller one where nothing is stratified. Stratified: each label
 * gets count·N_label/N records, rounded down, and those left over go to the largest remainders (then to the first in order).
 */
export function sampleIndices(dataset: Dataset, count: number, seed: number, options: SampleOptions = {}): Int32Array {
  const order = hashOrder(dataset, complement(dataset.size, options.exclude ?? []), seed)
  const { stratify } = options
  if (!stratify) return Int32Array.from(order.slice(0, Math.max(0, count))).sort()
  const strata = new Map<string, number[]>()
  for (const row of order) {
    const key = stratify === 'label' ? String(dataset.label(row)) : dataset.attribute(stratify.attribute, row)
    const members = strata.get(key)
    if (members) members.push(row)
    else strata.set(key, [row])
  }
  // In an order of their own, so that ties do not depend on the data's.
  const parts = [...strata].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, members]) => members)
  const quotas = share(
    Math.min(count, order.length),
    parts.map((p) => p.length),
  )
  return Int32Array.from(parts.flatMap((members, k) => members.slice(0, quotas[k]!))).sort()
}

/** Whole numbers of sum `count` in proportion to the sizes, by the largest remainders. */
function share(count: number, sizes: readonly number[]): number[] {
  const total = sizes.reduce((a, b) => a + b, 0)
  const exact = sizes.map((size) => (total === 0 ? 0 : (count * size) / total))
  const quotas = exact.map(Math.floor)
  const left = count - quotas.reduce((a, b) => a + b, 0)
  const byRemainder = exact.map((e, k) => ({ k, rest: e - Math.floor(e) })).sort((a, b) => b.rest - a.rest || a.k - b.k)
  for (const { k } of byRemainder.slice(0, left)) quotas[k]!++
  return quotas
}
