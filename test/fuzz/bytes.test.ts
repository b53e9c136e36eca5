import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { isLetheError, LetheError } from '../../src/errors.js'
import { inspect } from '../../src/network/inspect.js'
import { readModel } from '../../src/onnx/model.js'
import { random } from '../cases/check-op.js'
import { fieldMutations, oneOf, rawMutations } from './mutate.js'
import { modelMutations, mutateModel } from './mutate-model.js'

const fixtures = join(import.meta.dirname, '../fixtures')
const files = [
  'models/mlp.torchscript.onnx',
  'models/cnn.dynamo.onnx',
  'models/text-lstm.torchscript.onnx',
  'models/merged.torchscript.onnx',
  'models/vit.dynamo.onnx',
  'zoo/bert.dynamo.onnx',
  'zoo/bag-of-words.torchscript.onnx',
  'zoo/wide-and-deep.dynamo.onnx',
  'zoo/sklearn-pipeline.skl2onnx.onnx',
].map((file) => new Uint8Array(readFileSync(join(fixtures, file))))

/** LETHE_FUZZ=20 makes twenty times as many mutations; LETHE_FUZZ_SEED begins elsewhere. */
const scale = Number(process.env.LETHE_FUZZ ?? 1)
const from = Number(process.env.LETHE_FUZZ_SEED ?? 0)
/** Guards against a hang; the slowest measured takes a twentieth of it. */
const hangMs = 5000

const bytesMutations = { ...rawMutations, ...fieldMutations }
const kinds = [...Object.keys(bytesMutations), ...modelMutations]

/** A damaged model: the file, what is done to it and all random choices follow from the seed. */
function damaged(seed: number): { what: string; bytes: Uint8Array } {
  const next = random(seed)
  const bytes = oneOf(next, files)
  const what = kinds[seed % kinds.length]!
  const change = bytesMutations[what]
  return { what, bytes: change ? change(bytes, next, oneOf(next, files)) : mutateModel(bytes, next, what) }
}

/** A machine on which no model can be run: all that is found without running remains. */
const nowhere: Engine = {
  name: 'none',
  version: '0',
  createSession: () => Promise.reject(new LetheError('engine-failed', 'There is no runtime here.')),
}

/** How reading and inspecting ends: the codes of what is wrong. */
async function codesOf(bytes: Uint8Array, engine: Engine): Promise<string[]> {
  try {
    const { problems } = await inspect(readModel(bytes).graph, engine)
    return problems.map((p) => p.code)
  } catch (error) {
    if (isLetheError(error) && error.code !== 'internal') return [error.code]
    throw error
  }
}

/** Runs seeds, and tells of those that end without a code, or not in time. */
async function faultsOf(seeds: readonly number[], engine: Engine): Promise<{ faults: string[]; codes: Set<string> }> {
  const faults: string[] = []
  const codes = new Set<string>()
  for (const seed of seeds) {
    const { what, bytes } = damaged(seed)
    const begin = performance.now()
    try {
      for (const code of await codesOf(bytes, engine)) codes.add(code)
    } catch (error) {
      faults.push(`seed ${seed} (${what}): ${error instanceof Error ? error.stack : String(error)}`)
    }
    const tookMs = performance.now() - begin
    if (tookMs > hangMs) faults.push(`seed ${seed} (${what}): ${Math.round(tookMs)} ms`)
  }
  return { faults, codes }
}

const seedsOf = (count: number, start = 0): number[] =>
  Array.from({ length: Math.ceil(count * scale) }, (_, i) => from + start + i)

describe('a damaged model file', () => {
  it('ends in an inspection or in a coded error: 10,000 of them, without running any', async () => {
    const before = process.memoryUsage().arrayBuffers
    const { faults, codes } = await faultsOf(seedsOf(10_000), nowhere)
    expect(faults).toEqual([])
    // All ways out are taken: what cannot be read, what does not fit together, and what can be run.
    expect([...codes]).toEqual(
      expect.arrayContaining(['not-onnx', 'model-truncated', 'model-unsupported', 'output-ambiguous', 'engine-failed']),
    )
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(512 * 2 ** 20)
  })
})

describe('a damaged model file that can still be read', () => {
  const pool = createPool({ workers: 1 })
  afterAll(() => pool.close())

  it('runs, or is refused by the runtime, as a coded error, and leaves the runtime alive', async () => {
    const { faults, codes } = await faultsOf(seedsOf(700, 100_000), engineOf(pool))
    expect(faults).toEqual([])
    expect([...codes]).toEqual(expect.arrayContaining(['engine-failed', 'op-unsupported']))
    expect(await codesOf(files[0]!, engineOf(pool))).toEqual([])
  })
})

describe('a model file made to take all memory or time', () => {
  const bad = (change: string, seed: number): Promise<string[]> =>
    codesOf(mutateModel(files[0]!, random(seed), change), nowhere)

  it.each(modelMutations)('%s: twenty times', async (change) => {
    const ends = await Promise.all(Array.from({ length: 20 }, (_, seed) => bad(change, seed)))
    expect(ends.flat()).not.toContain('internal')
  })
})
