import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { makeTokenOutputs, recordLosses } from '../../src/evaluate/outputs.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import { type Examples, pick } from '../../src/network/examples.js'
import { openForward } from '../../src/network/forward.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { readModel } from '../../src/onnx/model.js'
import { readSafetensors } from '../../src/safetensors/safetensors.js'
import type { Tensor } from '../../src/tensor/tensor.js'
import { takeExamples } from '../../src/trace/trace.js'

const folder = join(import.meta.dirname, '../fixtures/tokens')
const bytes = (file: string): Uint8Array => readFileSync(join(folder, file))
const place = z.object({ initializer: z.string(), transpose: z.boolean(), first: z.number().optional() })
const index = z
  .array(z.object({ file: z.string(), reference: z.string(), parameters: z.record(z.string(), place) }))
  .parse(JSON.parse(new TextDecoder().decode(bytes('index.json'))))

/** Share of the tensor's largest entry: references are float64, and float32 gradients of these networks stay within 2e-6. */
const tolerance = 1e-5

const pool = createPool({ workers: 2 })
afterAll(() => pool.close())

describe.each(index)('$file', ({ file, reference, parameters }) => {
  const { tensors } = readSafetensors(bytes(reference))
  const loss = file.startsWith('gpt2') ? 'next-token' : 'token-classification'
  const examples = examplesOf(tensors, loss === 'next-token')
  let network: Network
  beforeAll(async () => {
    network = await openNetwork(readModel(bytes(file)).graph, engineOf(pool), {
      sample: inputs(tensors, [0, 1, 2]),
      labels: { hasTokenLabels: loss === 'token-classification' },
    })
  })

  it('has the loss that its scores and its data call for', () => {
    expect(network.loss.loss).toBe(loss)
    expect([network.tokens, network.classes]).toEqual([7, loss === 'next-token' ? 64 : 5])
  })

  it('loses what PyTorch loses in float64, record by record', async () => {
    const forward = await openForward(network, pool, { batch: 2 })
    const { tokens, classes } = await forward.run(examples)
    await forward.release()
    const losses = recordLosses(makeTokenOutputs(tokens!, examples.labels, classes))
    expect(worst(losses, floats(tensors.get('losses')!))).toBeLessThan(1e-5)
  })

  it('has the importances of autograd, where padding and ignored labels count for nothing', async () => {
    const { sums, lossSum } = await estimateImportance(network, pool, examples)
    const differences = Object.entries(parameters).map(([name, at]) => {
      const all = floats(tensors.get(`S.${name}`)!)
      const expected = at.transpose ? transposed(tensors.get(`S.${name}`)!) : all.subarray(0, at.first ?? all.length)
      const got = sums.get(at.initializer)
      return [name, got ? worst(got, expected) : Number.NaN] as const
    })
    expect(differences.filter(([, d]) => !(d < tolerance))).toEqual([])
    expect(lossSum).toBeCloseTo(
      floats(tensors.get('losses')!).reduce((a, b) => a + b, 0),
      4,
    )
  })

  it('has the same importances one example at a time', async () => {
    const all = await estimateImportance(network, pool, examples)
    const sums = new Map<string, Float64Array>()
    for (let row = 0; row < examples.size; row++) {
      const one = await estimateImportance(network, pool, pick(examples, [row]), {
        settings: { estimator: 'grouped', groupSize: 1 },
      })
      for (const [name, s] of one.sums) sums.set(name, sums.get(name)?.map((v, i) => v + s[i]!) ?? s)
    }
    const biggest = Math.max(...[...all.sums.values()].map((s) => s.reduce((a, b) => Math.max(a, b), 0)))
    for (const [name, s] of all.sums) {
      const scale = s.reduce((a, b) => Math.max(a, b), 1e-9 * biggest)
      expect(Math.max(...s.map((v, i) => Math.abs(v - sums.get(name)![i]!))) / scale, name).toBeLessThan(tolerance)
    }
  })
})

function inputs(tensors: ReadonlyMap<string, Tensor>, rows: readonly number[]): Record<string, Tensor> {
  const [input_ids, attention_mask] = [tensors.get('input.input_ids')!, tensors.get('input.attention_mask')!]
  return takeExamples({ input_ids, attention_mask }, rows)
}

/** Labels are those of the reference; of next-token prediction the next one's, as Hugging Face shifts them. */
function examplesOf(tensors: ReadonlyMap<string, Tensor>, isShifted: boolean): Examples {
  const labels = tensors.get('labels')!
  const [size, T] = [labels.dims[0]!, labels.dims[1]!]
  const all = Int32Array.from(labels.data as BigInt64Array, Number)
  const of = (row: number): number[] => {
    const own = [...all.subarray(row * T, (row + 1) * T)]
    return isShifted ? [...own.slice(1), -100] : own
  }
  return {
    size,
    labels: new Int32Array(size),
    id: (row) => String(row),
    load: async (rows) => inputs(tensors, rows),
    loadLabelled: async (rows) => ({ inputs: inputs(tensors, rows), labels: Int32Array.from(rows.flatMap(of)) }),
  }
}

function transposed(t: Tensor): Float64Array {
  const [rows, columns] = t.dims as [number, number]
  const data = floats(t)
  return Float64Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!)
}

function floats(t: Tensor): Float64Array {
  return Float64Array.from(t.data as Float64Array)
}

/** Largest difference over the largest entry. */
function worst(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, scale] = [a.length === b.length ? 0 : Number.NaN, 0]
  for (let i = 0; i < b.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!))
    scale = Math.max(scale, Math.abs(b[i]!))
  }
  return difference / scale
}
