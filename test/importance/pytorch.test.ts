import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Tensors } from '../../src/engine/engine.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { crossEntropyLosses } from '../../src/evaluate/outputs.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import type { Importance } from '../../src/importance/importance.js'
import type { Examples } from '../../src/network/examples.js'
import { openForward } from '../../src/network/forward.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { readModel } from '../../src/onnx/model.js'
import { readSafetensors } from '../../src/safetensors/safetensors.js'
import type { Tensor } from '../../src/tensor/tensor.js'
import { takeExamples } from '../../src/trace/trace.js'

const folder = join(import.meta.dirname, '../fixtures/models')
const bytes = (file: string): Uint8Array => readFileSync(join(folder, file))

/** Where a parameter of the PyTorch network is in the model; null where the exporter folded or reshaped it away. */
const place = z
  .object({ initializer: z.string(), transpose: z.boolean(), mergedInto: z.string().optional() })
  .nullable()
const index = z
  .array(
    z.object({
      file: z.string(),
      opset: z.number(),
      reference: z.string(),
      parameters: z.record(z.string(), place),
      reasons: z.record(z.string(), z.string()),
      constants: z.array(z.string()),
    }),
  )
  .parse(JSON.parse(new TextDecoder().decode(bytes('index.json'))))

/**
 * Largest difference allowed, as a share of the tensor's largest entry. The references are float64; float32 gradients of these
 * networks stay within 5e-6 of them in PyTorch as well, which the script that makes them checks.
 */
const tolerance = 1e-5

const pool = createPool({ workers: 2 })
afterAll(() => pool.close())

describe.each(index)('$file', ({ file, reference, parameters, reasons, constants }) => {
  const { tensors } = readSafetensors(bytes(reference))
  const examples = examplesOf(tensors)
  let network: Network
  beforeAll(async () => {
    network = await openNetwork(readModel(bytes(file)).graph, engineOf(pool))
  })

  it('answers as PyTorch does in float64', async () => {
    const forward = await openForward(network, pool)
    const { logits, classes } = await forward.run(examples)
    await forward.release()
    const losses = crossEntropyLosses(logits, examples.labels, classes)
    expect(worst(losses, floats(tensors.get('losses')!))).toBeLessThan(1e-5)
  })

  it('has the importances of autograd, parameter by parameter', async () => {
    const importance = await estimateImportance(network, pool, examples)
    const differences = compare(importance, tensors, parameters)
    expect(differences.filter(([, d]) => !(d < tolerance))).toEqual([])
    expect(differences.length).toBe(Object.values(parameters).filter((p) => p !== null).length)
  })

  it('has no other parameter than those of the network', () => {
    const known = new Set(Object.values(parameters).flatMap((p) => (p ? [p.initializer] : [])))
    const others = network.parameters.map((p) => p.name).filter((n) => !known.has(n))
    // What the exporter reshaped or folded is there under another name, and the reason is on record.
    expect(others.length).toBeLessThanOrEqual(Object.keys(reasons).length + constants.length)
  })
})

/** Worst difference of each parameter that the model has, as a share of its largest reference entry. */
function compare(
  importance: Importance,
  reference: ReadonlyMap<string, Tensor>,
  parameters: Readonly<Record<string, z.infer<typeof place>>>,
): [string, number][] {
  return Object.entries(parameters).flatMap(([name, at]) => {
    if (!at) return []
    const t = reference.get(`S.${name}`)!
    const expected = at.transpose ? transposed(t) : floats(t)
    const got = importance.sums.get(at.initializer)
    return [[name, got ? worst(got, expected) : Number.NaN] as [string, number]]
  })
}

function examplesOf(tensors: ReadonlyMap<string, Tensor>): Examples {
  const input = tensors.get('input.input')!
  const labels = Int32Array.from(tensors.get('labels')!.data as BigInt64Array, Number)
  const size = input.dims[0]!
  return {
    size,
    labels,
    id: (row) => String(row),
    async load(rows): Promise<Record<string, Tensors[string]>> {
      return takeExamples({ input }, rows)
    },
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
