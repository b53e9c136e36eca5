import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import type { Graph } from '../../src/graph/graph.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import { unitSize } from '../../src/importance/estimators/exact.js'
import type { Importance } from '../../src/importance/importance.js'
import { type Resumable, restore } from '../../src/importance/resume.js'
import { type Examples, pick } from '../../src/network/examples.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { tensor } from '../../src/tensor/tensor.js'
import { smallExamples } from '../small-examples.js'
import { mlpGraph, node } from '../small-graphs.js'

const one = createPool({ workers: 1 })
const two = createPool({ workers: 2 })
let network: Network
beforeAll(async () => {
  network = await openNetwork(mlpGraph(), engineOf(one))
})
afterAll(() => Promise.all([one.close(), two.close()]))

const estimate = (examples: Examples, settings = {}, pool = one): Promise<Importance> =>
  estimateImportance(network, pool, examples, { settings: { estimator: 'exact', ...settings } })

/** Largest difference over the largest entry, over all parameters. */
function distance(a: Importance, b: ReadonlyMap<string, Float64Array>): number {
  let worst = 0
  for (const [name, sum] of a.sums) {
    const other = b.get(name)!
    const scale = other.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-30)
    sum.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(v - other[i]!) / scale)
    })
  }
  return worst
}

/** Σ over examples of one-example importances, weighted: the slow and obvious way. */
async function loop(examples: Examples): Promise<Map<string, Float64Array>> {
  const total = new Map<string, Float64Array>()
  for (let row = 0; row < examples.size; row++) {
    const single = await estimate(pick(examples, [row]))
    for (const [name, sum] of single.sums) {
      const t = total.get(name) ?? new Float64Array(sum.length)
      sum.forEach((v, i) => {
        t[i]! += v
      })
      total.set(name, t)
    }
  }
  return total
}

describe('exact importances', () => {
  it('are the sum over examples of squared gradients of batches of one', async () => {
    const examples = smallExamples(41)
    expect(distance(await estimate(examples), await loop(examples))).toBeLessThan(1e-6)
  })
  it('are computed of units that are loaded in turn, so that the first is soon there', async () => {
    const plain = smallExamples(300)
    const each = unitSize(300)
    const order: number[] = []
    const result = await estimate(
      {
        ...plain,
        async load(rows) {
          const feeds = await plain.load(rows)
          for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
          order.push(Math.floor(rows[0]! / each))
          return feeds
        },
      },
      {},
      two,
    )
    expect(order.length).toBeGreaterThan(new Set(order).size)
    expect(order).toEqual([...order].sort((a, b) => a - b))
    expect(result.sums).toEqual((await estimate(plain)).sums)
  })

  it('of a Softmax model are those of its scores', async () => {
    const probabilities = await openNetwork(mlpGraph({ end: 'Softmax' }), engineOf(one))
    const a = await estimateImportance(probabilities, one, smallExamples(20))
    expect(distance(a, (await estimate(smallExamples(20))).sums)).toBeLessThan(1e-6)
  })
  it('add over disjoint sets', async () => {
    const all = smallExamples(50)
    const whole = await estimate(all)
    const a = await estimate(
      pick(
        all,
        Array.from({ length: 17 }, (_, i) => i),
      ),
    )
    const b = await estimate(
      pick(
        all,
        Array.from({ length: 33 }, (_, i) => i + 17),
      ),
    )
    const sum = new Map([...a.sums].map(([name, s]) => [name, s.map((v, i) => v + b.sums.get(name)![i]!)]))
    expect(distance(whole, sum)).toBeLessThan(1e-6)
  })
  it('have the same bytes with one worker, with two, and again', async () => {
    const examples = smallExamples(1500)
    const first = await estimate(examples)
    for (const pool of [one, two, two]) expect((await estimate(examples, {}, pool)).sums).toEqual(first.sums)
  })
})

describe('grouped importances', () => {
  it('of groups of one are the exact ones', async () => {
    const examples = smallExamples(24)
    expect(
      distance(await estimate(examples, { estimator: 'grouped', groupSize: 1 }), (await estimate(examples)).sums),
    ).toBeLessThan(1e-6)
  })
  it('do not depend on the order of the data', async () => {
    const examples = smallExamples(60)
    const reversed = pick(
      examples,
      Array.from({ length: 60 }, (_, i) => 59 - i),
    )
    const settings = { estimator: 'grouped', groupSize: 8 }
    expect((await estimate(reversed, settings)).sums).toEqual((await estimate(examples, settings)).sums)
  })
  it('of a whole class are a part of those of all data', async () => {
    const examples = smallExamples(60)
    const settings = { estimator: 'grouped', groupSize: 4 }
    const parts = await Promise.all(
      [0, 1, 2, 3].map((label) =>
        estimate(
          pick(
            examples,
            Array.from({ length: 60 }, (_, i) => i).filter((r) => r % 4 === label),
          ),
          settings,
        ),
      ),
    )
    const sum = new Map(
      [...parts[0]!.sums.keys()].map((name) => [
        name,
        parts[0]!.sums.get(name)!.map((_, i) => parts.reduce((t, p) => t + p.sums.get(name)![i]!, 0)),
      ]),
    )
    expect(distance(await estimate(examples, settings), sum)).toBeLessThan(1e-9)
  })
})

describe('batch-mean squares', () => {
  it('depend on the order of the data, and are exact for batches of one', async () => {
    const examples = smallExamples(40)
    const reordered = pick(
      examples,
      [...Array(40).keys()].sort((a, b) => (a % 4) - (b % 4) || a - b),
    )
    const settings = { estimator: 'batch-mean', batchSize: 8 }
    expect(distance(await estimate(reordered, settings), (await estimate(examples, settings)).sums)).toBeGreaterThan(
      1e-2,
    )
    expect(
      distance(await estimate(examples, { estimator: 'batch-mean', batchSize: 1 }), (await estimate(examples)).sums),
    ).toBeLessThan(1e-6)
    expect((await estimate(examples, settings)).units).toBe(5)
  })
})

describe('long work', () => {
  it('goes on after a stop and ends with the same bytes', async () => {
    const examples = smallExamples(2100)
    let kept: Uint8Array | undefined
    const checkpoint: Resumable = {
      load: async () => kept,
      save: async (...pieces) => {
        kept = new Uint8Array(Buffer.concat(pieces))
      },
      remove: async () => {
        kept = undefined
      },
    }
    const abort = new AbortController()
    const stopped = estimateImportance(network, one, examples, {
      checkpoint,
      signal: abort.signal,
      onProgress: ({ done }) => {
        if (done >= 1024) abort.abort()
      },
    })
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
    expect(kept).toBeDefined()
    const begun: number[] = []
    const resumed = await estimateImportance(network, one, examples, {
      checkpoint,
      onProgress: ({ done }) => begun.push(done),
    })
    expect(begun[0]).toBeGreaterThanOrEqual(1024)
    expect(kept).toBeUndefined()
    expect(resumed.sums).toEqual((await estimate(examples)).sums)
  })
  it('refuses a checkpoint of other work', async () => {
    const bytes = new TextEncoder().encode(
      '{"next":1,"lossSum":0,"layout":"1","names":[["other",1]],"spread":[]}\n12345678',
    )
    const checkpoint: Resumable = { load: async () => bytes, save: async () => {}, remove: async () => {} }
    await expect(estimateImportance(network, one, smallExamples(8), { checkpoint })).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
    })
  })
})

describe('bad records', () => {
  it('a label that is no class names the record', async () => {
    const examples = smallExamples(10, { label: (r) => (r === 7 ? 4 : 0) })
    await expect(estimate(examples)).rejects.toMatchObject({ code: 'label-range', data: { id: 'r7', label: 4 } })
  })
  it('NaN in the data names the record', async () => {
    const examples = smallExamples(10, { value: (r, i) => (r === 3 && i === 2 ? Number.NaN : undefined) })
    await expect(estimate(examples)).rejects.toMatchObject({ code: 'value-not-finite', data: { id: 'r3' } })
  })
  it('a gradient that is no number names where to look, and goes into no checkpoint', async () => {
    const { nodes, initializers, ...rest } = mlpGraph()
    const root = [node('Mul', ['x', 'scale'], 'scaled'), node('Relu', ['scaled'], 'cut'), node('Sqrt', ['cut'], 'root')]
    const rooted: Graph = {
      ...rest,
      initializers: new Map([...initializers, ['scale', tensor('float32', [6], new Float32Array(6).fill(0.5))]]),
      nodes: [...root, { ...nodes[0]!, inputs: ['root', ...nodes[0]!.inputs.slice(1)] }, ...nodes.slice(1)],
    }
    // The root of 0 is 0, its slope is not finite.
    const examples = smallExamples(300, { value: (r) => (r === 200 ? 0 : 1) })
    const saved: Uint8Array[] = []
    let time = 0
    const checkpoint: Resumable = {
      load: async () => undefined,
      save: async (...pieces) => void saved.push(new Uint8Array(Buffer.concat(pieces))),
      remove: async () => {},
    }
    const estimated = estimateImportance(await openNetwork(rooted, engineOf(one)), one, examples, {
      checkpoint,
      checkpointEveryMs: 0,
      now: () => time++,
    })
    const [each, bad] = [unitSize(300), Math.floor(200 / unitSize(300))]
    await expect(estimated).rejects.toMatchObject({
      code: 'value-not-finite',
      data: { parameter: 'scale', first: `r${bad * each}`, last: `r${bad * each + each - 1}` },
    })
    const names = ['scale', 'fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']
    expect(saved.length).toBeGreaterThan(1)
    for (const bytes of saved) {
      const { next, sums } = restore(bytes, { names, layout: '1', units: 100 })
      expect(next).toBeLessThanOrEqual(bad)
      expect([...sums.values()].every((sum) => sum.every(Number.isFinite))).toBe(true)
    }
  })
})

describe('a sketch', () => {
  const seeds = Array.from({ length: 60 }, (_, i) => i)

  it('is the exact sum in the mean over its signs', async () => {
    const examples = smallExamples(24)
    const exact = await estimate(examples)
    const runs = await Promise.all(seeds.map((seed) => estimate(examples, { estimator: 'sketch', seed })))
    for (const [name, sum] of exact.sums) {
      const total = sum.reduce((a, b) => a + b, 0)
      const totals = runs.map((r) => r.sums.get(name)!.reduce((a, b) => a + b, 0))
      const mean = totals.reduce((a, b) => a + b, 0) / seeds.length
      const deviation = Math.sqrt(totals.reduce((a, t) => a + (t - mean) ** 2, 0) / (seeds.length - 1))
      expect(deviation).toBeGreaterThan(0)
      expect(Math.abs(mean - total)).toBeLessThan(4 * (deviation / Math.sqrt(seeds.length)))
    }
  })
  it('of one example a run is exact', async () => {
    const examples = smallExamples(9)
    const single = await estimateImportance(network, one, examples, {
      settings: { estimator: 'sketch' },
      microBatch: 1,
    })
    expect(distance(single, (await estimate(examples)).sums)).toBeLessThan(1e-6)
  })
  it('tells its standard error, which its distance from the exact sum obeys', async () => {
    const examples = smallExamples(640)
    const exact = await estimate(examples)
    const sketched = await estimate(examples, { estimator: 'sketch' })
    const apart: number[] = []
    for (const [name, sum] of exact.sums) {
      sum.forEach((s, i) => {
        if (s > 0) apart.push(Math.abs(sketched.sums.get(name)![i]! / s - 1))
      })
    }
    const median = apart.sort((a, b) => a - b)[apart.length >> 1]!
    expect(sketched.relativeError).toBeGreaterThan(0.02)
    // Half of all normal deviations are within 0.67 standard errors; the error counts the data's own spread, too.
    expect(median).toBeLessThan(0.9 * sketched.relativeError!)
    expect(exact.relativeError).toBeUndefined()
  })
  it('gives the same bytes with any number of workers, and after an interruption', async () => {
    const examples = smallExamples(300)
    const [a, b] = await Promise.all([one, two].map((pool) => estimate(examples, { estimator: 'sketch' }, pool)))
    expect(a).toEqual(b)
  })
})
