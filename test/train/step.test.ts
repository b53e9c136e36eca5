import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import type { Graph } from '../../src/graph/graph.js'
import type { Examples } from '../../src/network/examples.js'
import { openNetwork } from '../../src/network/network.js'
import { readSafetensors } from '../../src/safetensors/safetensors.js'
import { type Tensor, tensor, toFloat32, toNumbers } from '../../src/tensor/tensor.js'
import { NetworkBuilder } from '../../src/train/architectures/builder.js'
import { epochRandom, shuffled } from '../../src/train/order.js'
import { train } from '../../src/train/train.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

type Tensors = ReadonlyMap<string, Tensor>
const seed = 5

/** The network of scripts/fixtures/train_step.py, with the values of `0/…`. */
function network(tensors: Tensors): Graph {
  const b = new NetworkBuilder(() => 0.5)
  const first = b.relu(b.batchNorm(b.conv('input', 'conv', [2, 4], 3), 'bn', 4))
  const second = b.batchNorm(b.conv(first, 'conv2', [4, 5], 3, 2), 'bn2', 5)
  const pooled = b.op('Flatten', [b.op('GlobalAveragePool', [second])])
  const graph = b.finish({ name: 'input', dims: [2, 6, 6] }, b.linear(pooled, 'fc', [5, 3]), 3)
  return {
    ...graph,
    initializers: new Map([...graph.initializers.keys()].map((name) => [name, tensors.get(`0/${name}`)!])),
  }
}

/** The fixture's examples, in such rows that the first epoch meets them in the fixture's order. */
function examplesOf(tensors: Tensors): Examples {
  const x = toFloat32(tensors.get('x')!)
  const labels = toNumbers(tensors.get('labels')!)
  const order = shuffled(labels.length, epochRandom(seed, 0))
  const at = (row: number): number => order.indexOf(row)
  const size = x.length / labels.length
  return {
    size: labels.length,
    labels: Int32Array.from(labels, (_, row) => labels[at(row)]!),
    id: String,
    async load(rows) {
      const data = new Float32Array(rows.length * size)
      for (const [i, row] of rows.entries()) data.set(x.subarray(at(row) * size, (at(row) + 1) * size), i * size)
      return { input: tensor('float32', [rows.length, 2, 6, 6], data) }
    },
  }
}

/** Largest difference as a share of the reference's largest entry. */
function worst(got: Tensor, reference: Tensor): number {
  const [a, b] = [toNumbers(got), toNumbers(reference)]
  const scale = Math.max(...b.map(Math.abs))
  return Math.max(...b.map((v, i) => Math.abs(v - a[i]!))) / scale
}

// Float32 against float64. Adam divides a gradient by its own size, so the rounding of small gradients weighs more.
const tolerance = 1e-5

describe.each([
  { optimiser: 'sgd', rate: 0.1 },
  { optimiser: 'adam', rate: 0.01 },
])('two steps of $optimiser are those of PyTorch in float64', ({ optimiser, rate }) => {
  const { tensors } = readSafetensors(
    readFileSync(join(import.meta.dirname, `../fixtures/train/${optimiser}.safetensors`)),
  )
  const settings = { epochs: 1, batchSize: 8, momentum: 0.9, weightDecay: 0.01, schedule: 'cosine', seed }

  it('in losses, weights and running statistics', async () => {
    const opened = await openNetwork(network(tensors), engineOf(pool))
    const losses: number[] = []
    const graph = await train(opened, pool, examplesOf(tensors), {
      ...settings,
      optimiser,
      rate,
      onStep: ({ loss }) => losses.push(loss),
    })
    const expected = toNumbers(tensors.get('losses')!)
    expect(losses.length).toBe(expected.length)
    for (const [i, loss] of losses.entries()) expect(Math.abs(loss / expected[i]! - 1)).toBeLessThan(1e-6)
    const differences = [...graph.initializers].map(([name, t]) => [name, worst(t, tensors.get(`2/${name}`)!)] as const)
    expect(differences.length).toBe(12)
    expect(differences.filter(([, d]) => !(d < tolerance))).toEqual([])
    // Both steps have moved every tensor by more than the tolerance.
    const moved = [...graph.initializers].map(([name, t]) => worst(t, tensors.get(`0/${name}`)!))
    expect(Math.min(...moved)).toBeGreaterThan(100 * tolerance)
  })
})
