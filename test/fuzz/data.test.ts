import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../src/data/config-node.js'
import { openDataset } from '../../src/data/open-node.js'
import { readTokenizer } from '../../src/data/tokenizer/tokenizer-node.js'
import { preprocessingOf } from '../../src/data/transforms/preprocessor-config.js'
import { isLetheError } from '../../src/errors.js'
import { hashIds, readStore, type Store, writeStore } from '../../src/importance/store.js'
import { readSafetensors } from '../../src/safetensors/safetensors.js'
import { random } from '../cases/check-op.js'
import { npyBytes } from '../data/npy-bytes.js'
import { below, oneOf, type Random, rawMutations } from './mutate.js'

const fixtures = join(import.meta.dirname, '../fixtures')
const folder = mkdtempSync(join(tmpdir(), 'lethe-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** LETHE_FUZZ=20 makes twenty times as many mutations; LETHE_FUZZ_SEED begins elsewhere. */
const scale = Number(process.env.LETHE_FUZZ ?? 1)
const from = Number(process.env.LETHE_FUZZ_SEED ?? 0)
/** Guards against a hang. */
const hangMs = 5000

const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(join(fixtures, path)))
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const big = (values: readonly number[]): number[] =>
  values.flatMap((v) => [v >>> 24, v >>> 16, v >>> 8, v]).map((v) => v & 255)

/** The header of an IDX file and as many bytes as it says. */
function idx(dims: readonly number[]): Uint8Array {
  const size = dims.reduce((a, b) => a * b, 1)
  return Uint8Array.from([0, 0, 8, dims.length, ...big(dims), ...Array.from({ length: size }, (_, i) => i % 10)])
}

const store: Store = {
  importance: {
    sums: new Map([['w', Float64Array.of(1, 2, 3, 4)]]),
    dims: new Map([['w', [2, 2]]]),
    count: 3,
    units: 3,
    classCounts: [1, 2],
    settings: { estimator: 'exact' },
    lossSum: 1.5,
  },
  facts: { model: 'ab', loss: 'cross-entropy', output: 'y', preprocessing: {}, software: {} },
  ids: hashIds(['a', 'b', 'c']),
}

/** Opens a data set and reads its first, last and middle record. */
async function readSome(path: string): Promise<void> {
  const data = await openDataset(path)
  for (const i of new Set([0, Math.floor(data.size / 2), data.size - 1])) {
    data.id(i)
    await data.read(i)
  }
}

/** A file form: sound files of it, and how one is read. `json` is changed by meaning, too. */
interface Form {
  readonly name: string
  readonly files: readonly Uint8Array[]
  readonly isJson?: true
  readonly count: number
  read(bytes: Uint8Array): unknown
}

function written(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** Files of a folder of their own, of which one is damaged. */
function beside(
  name: string,
  files: Readonly<Record<string, Uint8Array>>,
  damaged: string,
): (b: Uint8Array) => unknown {
  const path = join(folder, name)
  mkdirSync(path)
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(path, file), bytes)
  return (bytes) => {
    writeFileSync(join(path, damaged), bytes)
    return readSome(path)
  }
}

const labels = npyBytes('<i4', [6], Int32Array.of(0, 1, 2, 0, 1, 2))
const numbers = npyBytes(
  '<f4',
  [6, 4],
  Float32Array.from({ length: 24 }, (_, i) => i / 7),
)
const cifarRows = Uint8Array.from({ length: 5 * 3073 }, (_, i) => (i % 3073 === 0 ? (i / 3073) % 10 : i % 256))
const npz = readdirSync(join(fixtures, 'npz')).map((file) => fixture(`npz/${file}`))
const parquet = readdirSync(join(fixtures, 'data'))
  .filter((file) => file.endsWith('.parquet'))
  .map((file) => fixture(`data/${file}`))
const tokenizers = ['byte-bpe', 'precompiled', 'split-bpe', 'unigram', 'wordpiece'].map((f) =>
  fixture(`data/${f}.json`),
)

const forms: readonly Form[] = [
  { name: 'safetensors', files: [fixture('zoo/text-cnn.safetensors')], count: 1000, read: readSafetensors },
  { name: 'importance store', files: [writeStore(store)], count: 1000, read: readStore },
  { name: '.npz', files: npz, count: 600, read: (b) => readSome(written('some.npz', b)) },
  { name: '.npy', files: [numbers], count: 500, read: beside('npy', { 'x.npy': numbers, 'y.npy': labels }, 'x.npy') },
  {
    name: 'IDX pictures',
    files: [idx([6, 4, 4])],
    count: 500,
    read: beside(
      'idx',
      { 'train-images-idx3-ubyte': idx([6, 4, 4]), 'train-labels-idx1-ubyte': idx([6]) },
      'train-images-idx3-ubyte',
    ),
  },
  {
    name: 'CIFAR',
    files: [cifarRows],
    count: 300,
    read: beside('cifar', { 'data_batch_1.bin': cifarRows }, 'data_batch_1.bin'),
  },
  { name: 'parquet', files: parquet, count: 300, read: (b) => readSome(written('some.parquet', b)) },
  {
    name: 'tokenizer.json',
    files: tokenizers,
    isJson: true,
    count: 200,
    read: async (b) =>
      (await readTokenizer(written('tokenizer.json', b))).encode('Some of the words, 12.', undefined, 16),
  },
  {
    name: 'preprocessor_config.json',
    files: [
      text({
        do_resize: true,
        size: { height: 8, width: 8 },
        resample: 2,
        do_center_crop: true,
        crop_size: 8,
        do_rescale: true,
        rescale_factor: 1 / 255,
        do_normalize: true,
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
      }),
    ],
    isJson: true,
    count: 600,
    async read(bytes) {
      const path = written('preprocessor_config.json', bytes)
      await readConfig(written('with.json', text({ preprocessing: 'preprocessor_config.json' })))
      preprocessingOf(JSON.parse(readFileSync(path, 'utf8')))
    },
  },
  {
    name: 'lethe.json',
    files: [
      text({
        model: 'model.onnx',
        data: 'train',
        split: 'train',
        output: 'y',
        inputs: { x: 'pixels', z: ['a', 'b'] },
        preprocessing: { resize: { height: 8, width: 8 }, mean: [0.5], std: [0.5], layout: 'nchw' },
        columns: { label: 'y' },
        maxLength: 8,
      }),
    ],
    isJson: true,
    count: 600,
    read: (b) => readConfig(written('lethe.json', b)),
  },
]

const values: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1e308,
  2 ** 53,
  '',
  '(a+)+$',
  [],
  {},
  [[]],
  'x'.repeat(999),
  [null],
  0.5,
]

/** A JSON text with a few of its values replaced, left out or nested deeper. */
function changedJson(bytes: Uint8Array, next: Random): Uint8Array {
  const change = (value: unknown, depth: number): unknown => {
    if (depth > 1 + below(next, 6) || typeof value !== 'object' || value === null) {
      return next() < 0.7 ? oneOf(next, values) : [value]
    }
    const keys = Object.keys(value)
    if (keys.length === 0) return oneOf(next, values)
    const key = oneOf(next, keys)
    if (Array.isArray(value)) return value.with(Number(key), change(value[Number(key)], depth + 1))
    const entries = Object.entries(value).filter(([k]) => k !== key || next() < 0.9)
    return Object.fromEntries(entries.map(([k, v]) => [k, k === key ? change(v, depth + 1) : v]))
  }
  let value: unknown = JSON.parse(new TextDecoder().decode(bytes))
  for (let i = 0; i <= below(next, 3); i++) value = change(value, 0)
  return text(value)
}

function damaged(form: Form, seed: number): Uint8Array {
  const next = random(seed)
  const bytes = oneOf(next, form.files)
  if (form.isJson && next() < 0.7) return changedJson(bytes, next)
  return oneOf(next, Object.values(rawMutations))(bytes, next, oneOf(next, form.files))
}

describe('a damaged file', () => {
  it.each(forms)('of the form $name is read or refused with a code', async (form) => {
    const faults: string[] = []
    const codes = new Set<string>()
    for (let seed = from; seed < from + form.count * scale; seed++) {
      const bytes = damaged(form, seed)
      const begin = performance.now()
      try {
        await form.read(bytes)
        codes.add('read')
      } catch (error) {
        if (isLetheError(error) && error.code !== 'internal') codes.add(error.code)
        else faults.push(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`)
      }
      if (performance.now() - begin > hangMs) faults.push(`seed ${seed}: too slow`)
    }
    expect(faults.slice(0, 5)).toEqual([])
    // Some are sound all the same, most are not.
    expect(codes.size).toBeGreaterThan(1)
  })
})
