import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import type { Stage } from '../../src/importance/importance.js'
import { pick } from '../../src/network/examples.js'
import { openNetwork } from '../../src/network/network.js'
import { estimateUntilStable } from '../../src/unlearn/sequential.js'
import { stableAt } from '../../src/unlearn/stability.js'
import { smallExamples } from '../small-examples.js'
import { mlpGraph } from '../small-graphs.js'

const pool = createPool({ workers: 2 })
afterAll(() => pool.close())

/** Four classes that lie apart, `size` records. */
const clusters = (size: number, noise: number) =>
  smallExamples(size, { value: (row, i) => (row % 4 === i ? 2 : -1) + noise * Math.sin(12.9898 * row + 78.233 * i) })

describe('sampling until the decision is stable', () => {
  it('stops at a sample whose halves agree, with the sums of that sample', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    const examples = clusters(4000, 0.01)
    const stages: Stage[] = []
    const { importance, rows, isStable } = await estimateUntilStable(network, pool, examples, {
      onStage: (stage) => stages.push(stage),
    })
    expect(isStable).toBe(true)
    expect(rows.length).toBeLessThan(1000)
    expect(stages.at(-1)).toMatchObject({ count: rows.length, selection: expect.any(Number) })
    expect(stages.at(-1)!.answers).toBeGreaterThanOrEqual(stableAt)
    expect(importance.population).toEqual({ count: 4000, classCounts: [1000, 1000, 1000, 1000], stages })
    expect(importance.classCounts).toEqual(Array(4).fill(rows.length / 4))
    const same = await estimateImportance(network, pool, pick(examples, rows))
    for (const [name, sum] of importance.sums) {
      const other = same.sums.get(name)!
      const scale = Math.max(...other)
      expect(Math.max(...sum.map((v, i) => Math.abs(v - other[i]!))), name).toBeLessThan(1e-6 * scale)
    }
    expect(importance.lossSum).toBeCloseTo(same.lossSum, 3)
  })

  it('puts the two halves of each group together: the sums are those of groups of the whole sample', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    const examples = clusters(4000, 0.3)
    const { importance, rows } = await estimateUntilStable(network, pool, examples, {
      settings: { estimator: 'grouped' },
    })
    expect(importance.settings).toEqual({ estimator: 'grouped', groupSize: 100 })
    expect(rows.length % 400).toBe(0)
    const same = await estimateImportance(network, pool, pick(examples, rows), { settings: importance.settings })
    for (const [name, sum] of importance.sums) {
      const other = same.sums.get(name)!
      const scale = Math.max(...other)
      expect(Math.max(...sum.map((v, i) => Math.abs(v - other[i]!))), name).toBeLessThan(1e-5 * scale)
    }
  })

  it('goes on to all of the data where the halves keep apart', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    // Labels without any relation to the records: nothing is common to a class.
    const examples = smallExamples(160, { label: (row) => Math.floor(4 * Math.abs(Math.sin(9301 * row + 49297))) % 4 })
    const stages: Stage[] = []
    const { importance, rows, isStable } = await estimateUntilStable(network, pool, examples, {
      settings: { estimator: 'grouped', groupSize: 4 },
      onStage: (stage) => stages.push(stage),
    })
    expect([isStable, rows.length, importance.population]).toEqual([false, 160, undefined])
    expect(stages.every(({ answers = 0 }) => answers < stableAt)).toBe(true)
    expect(stages.map(({ count }) => count)).toEqual(stages.map(({ count }) => count).toSorted((a, b) => a - b))
  })

  it('gives the same bytes whatever the number of workers', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    const examples = clusters(1200, 0.05)
    const one = createPool({ workers: 1 })
    const settings = { estimator: 'grouped', groupSize: 8 }
    const [a, b] = [
      await estimateUntilStable(network, pool, examples, { settings }),
      await estimateUntilStable(network, one, examples, { settings }),
    ]
    await one.close()
    expect(a.importance.sums).toEqual(b.importance.sums)
    expect(a.rows).toEqual(b.rows)
  })

  it('is refused for an estimator that depends on the order of all data', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    const settings = { estimator: 'batch-mean' }
    await expect(estimateUntilStable(network, pool, clusters(64, 0), { settings })).rejects.toMatchObject({
      code: 'usage',
    })
  })
})
