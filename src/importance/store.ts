import { idHash } from '../data/split.js'
import { LetheError } from '../errors.js'
import { readSafetensors, safetensorsPieces } from '../safetensors/safetensors.js'
import { joined } from '../tensor/pieces.js'
import type { Tensor } from '../tensor/tensor.js'
import type { EstimatorSettings } from './estimators/estimator.js'
import { findEstimator } from './estimators/index.js'
import { type Importance, type Population, readStage } from './importance.js'

/** What a store says of its making, beside the sums. Everything a later request must fit. */
export interface StoreFacts {
  /** SHA-256 of the model file. */
  readonly model: string
  /** SHA-256 over ids, labels and contents of the data, or undefined where it was not taken. */
  readonly data?: string
  readonly loss: string
  readonly output: string
  readonly preprocessing: unknown
  /** Array of the data by model input, where the names differ. */
  readonly inputs?: Readonly<Record<string, string>>
  readonly software: Readonly<Record<string, string>>
}

/** Importances as they are kept: the sums, the facts of their making, and the hashes of the ids they were made from. */
export interface Store {
  readonly importance: Importance
  readonly facts: StoreFacts
  /** 64-bit hashes of the ids, ascending: shows whether a record is part of the store without keeping its id. */
  readonly ids: BigUint64Array
  /** The same of all data, where the store was made from a sample of it. */
  readonly population?: BigUint64Array
}

const formatVersion = '1'
/** No initializer of a model can have this name: the tensor of id hashes is told apart from the sums by it. */
const idsName = 'lethe:ids'
const populationName = 'lethe:population'

/** Bytes of a store: safetensors with one F64 tensor a parameter (the sum S), the id hashes, and the facts as metadata. */
export function writeStore(store: Store): Uint8Array {
  return joined(storePieces(store))
}

/** The same in consecutive pieces, which share the memory of the sums. */
export function storePieces({ importance, facts, ids, population }: Store): Uint8Array[] {
  const tensors = new Map<string, Tensor>()
  for (const [name, data] of importance.sums) {
    tensors.set(name, { dtype: 'float64', dims: importance.dims.get(name) ?? [data.length], data })
  }
  tensors.set(idsName, { dtype: 'uint64', dims: [ids.length], data: ids })
  if (population) tensors.set(populationName, { dtype: 'uint64', dims: [population.length], data: population })
  return safetensorsPieces(tensors, {
    format: 'lethe-importance',
    version: formatVersion,
    count: String(importance.count),
    units: String(importance.units),
    classCounts: JSON.stringify(importance.classCounts),
    settings: JSON.stringify(importance.settings),
    lossSum: String(importance.lossSum),
    ...(importance.relativeError !== undefined && { relativeError: String(importance.relativeError) }),
    ...(importance.population && { population: JSON.stringify(importance.population) }),
    facts: JSON.stringify(facts),
  })
}

/** Store of the bytes of a file. Throws `store-format`. */
export function readStore(bytes: Uint8Array): Store {
  const file = parse(bytes)
  const { metadata } = file
  if (metadata.format !== 'lethe-importance' || metadata.version !== formatVersion) {
    throw new LetheError(
      'store-format',
      `The file is no importance store of version ${formatVersion}; make it with lethe importance.`,
    )
  }
  const sums = new Map<string, Float64Array>()
  const dims = new Map<string, readonly number[]>()
  for (const [name, t] of file.tensors) {
    if (name === idsName || name === populationName || !(t.data instanceof Float64Array)) continue
    sums.set(name, t.data)
    dims.set(name, t.dims)
  }
  const ids = file.tensors.get(idsName)?.data
  const settings = record(metadata.settings, ['estimator']) as unknown as EstimatorSettings
  const facts = record(metadata.facts, ['model', 'loss', 'output']) as unknown as StoreFacts
  const classCounts = json(metadata.classCounts)
  const [count, units, lossSum] = [metadata.count, metadata.units, metadata.lossSum].map(Number)
  if (![count, units, lossSum].every(Number.isFinite) || !isNumbers(classCounts)) throw damaged()
  findEstimator(settings.estimator)
  const hashes = ids instanceof BigUint64Array ? ids : new BigUint64Array()
  const sampled = sampledFrom(metadata.population, file.tensors.get(populationName)?.data, hashes)
  if (sampled && count !== hashes.length) throw damaged()
  return {
    importance: {
      sums,
      dims,
      count: count!,
      units: units!,
      classCounts,
      settings,
      lossSum: lossSum!,
      ...(metadata.relativeError !== undefined && { relativeError: Number(metadata.relativeError) }),
      ...(sampled && { population: sampled.population }),
    },
    facts,
    ids: hashes,
    ...(sampled && { population: sampled.hashes }),
  }
}

function parse(bytes: Uint8Array): ReturnType<typeof readSafetensors> {
  try {
    return readSafetensors(bytes)
  } catch (cause) {
    throw new LetheError(
      'store-format',
      'The importance store cannot be read; make it again with lethe importance.',
      {},
      { cause },
    )
  }
}

function damaged(cause?: unknown): LetheError {
  return new LetheError('store-format', 'The importance store has damaged metadata; make it again.', {}, { cause })
}

function json(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch (cause) {
    throw damaged(cause)
  }
}

/** An object with these texts in it, and whatever else. */
function record(text: string | undefined, keys: readonly string[]): Readonly<Record<string, unknown>> {
  const value = json(text)
  if (typeof value !== 'object' || value === null) throw damaged()
  const entries: Readonly<Record<string, unknown>> = { ...value }
  if (keys.some((key) => typeof entries[key] !== 'string')) throw damaged()
  return entries
}

/** What a sample was taken of, in numbers and in ids, which a store has both of or neither: the sample's are among them. */
function sampledFrom(
  text: string | undefined,
  hashes: unknown,
  ids: BigUint64Array,
): { population: Population; hashes: BigUint64Array } | undefined {
  if (text === undefined && hashes === undefined) return undefined
  if (text === undefined || !(hashes instanceof BigUint64Array)) throw damaged()
  const population = populationOf(json(text))
  const known = new Set(hashes)
  if (population.count !== hashes.length || !ids.every((id) => known.has(id))) throw damaged()
  return { population, hashes }
}

function populationOf(value: unknown): Population {
  if (typeof value !== 'object' || value === null || !('count' in value) || !('classCounts' in value)) throw damaged()
  const { count, classCounts } = value
  const stages = 'stages' in value ? value.stages : []
  if (typeof count !== 'number' || !isNumbers(classCounts) || !Array.isArray(stages)) throw damaged()
  const read = stages.map(readStage).filter((stage) => stage !== undefined)
  if (read.length < stages.length) throw damaged()
  return { count, classCounts, ...(read.length > 0 && { stages: read }) }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => typeof v === 'number')
}

/** Sorted hashes of ids. */
export function hashIds(ids: Iterable<string>): BigUint64Array {
  return BigUint64Array.from(ids, idHash).sort()
}

/** Ids that the store was not made from; empty where the store keeps no hashes. */
export function unseenIds(store: Store, ids: Iterable<string>): string[] {
  const all = store.population ?? store.ids
  if (all.length === 0) return []
  const known = new Set(all)
  return [...ids].filter((id) => !known.has(idHash(id)))
}

/** Which of the ids are among the records that the sums were made from. */
export function isSummed(store: Store): (id: string) => boolean {
  const known = new Set(store.ids)
  return (id) => known.has(idHash(id))
}

/** Throws `store-mismatch` where the store was made from another model, for another output, or under another loss. */
export function checkStore(
  store: Store,
  model: { readonly digest: string; readonly output: string; readonly loss: string },
): void {
  if (store.facts.model !== model.digest) {
    throw new LetheError(
      'store-mismatch',
      `The store was made from another model (SHA-256 ${store.facts.model.slice(0, 12)}…, this one ${model.digest.slice(0, 12)}…). Make it from this model with lethe importance.`,
      { store: store.facts.model, model: model.digest },
    )
  }
  if (store.facts.output !== model.output) {
    throw new LetheError(
      'store-mismatch',
      `The store was made for output "${store.facts.output}", not "${model.output}".`,
    )
  }
  if (store.facts.loss !== model.loss) {
    throw new LetheError(
      'store-mismatch',
      `The store was made under the loss ${store.facts.loss}, not ${model.loss}; name it with --loss, or make the store again.`,
      { store: store.facts.loss, model: model.loss },
    )
  }
}
