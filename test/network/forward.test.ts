import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { openForward, type Scores } from '../../src/network/forward.js'
import { openNetwork } from '../../src/network/network.js'
import { smallExamples } from '../small-examples.js'
import { mlpGraph } from '../small-graphs.js'

const pool = createPool({ workers: 2 })
afterAll(() => pool.close())

const name = 'fc2.bias'
const ways = [
  { way: 'fed to one session', runs: 'few' },
  { way: 'in a session of their own', runs: 'many' },
] as const

describe('changed weights', () => {
  it.each(ways)('are those of the next run, and stay until changed again: $way', async ({ runs }) => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    const examples = smallExamples(70)
    const own = network.graph.initializers.get(name)!.data as Float32Array
    const forward = await openForward(network, pool, { varying: new Set([name, 'fc1.weight']), runs })
    const held = async (weights: ReadonlyMap<string, Float32Array>): Promise<Scores> => {
      await forward.hold(weights)
      return forward.run(examples)
    }
    const fc1 = network.graph.initializers.get('fc1.weight')!.data as Float32Array
    const plain = await held(
      new Map([
        [name, own],
        ['fc1.weight', fc1],
      ]),
    )
    const raised = await held(new Map([[name, own.map((b) => b + 1)]]))
    const cleared = await held(new Map([['fc1.weight', new Float32Array(fc1.length)]]))
    const again = await forward.run(examples)
    await forward.release()

    plain.logits.forEach((z, i) => {
      expect(raised.logits[i]).toBeCloseTo(z + 1, 5)
    })
    // Without its first weights every record has one answer, and the raised bias is still there.
    const first = cleared.logits.subarray(0, 4)
    cleared.logits.forEach((z, i) => {
      expect(z).toBe(first[i % 4])
    })
    expect(Math.max(...first)).toBeGreaterThan(Math.max(...own))
    expect(again.logits).toEqual(cleared.logits)
  })

  it('give the same scores either way', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(pool))
    const weights = new Map(
      network.parameters.map((p) => [
        p.name,
        (network.graph.initializers.get(p.name)!.data as Float32Array).map((w) => 0.9 * w),
      ]),
    )
    const scores: Scores[] = []
    for (const { runs } of ways) {
      const forward = await openForward(network, pool, { varying: new Set(weights.keys()), runs })
      await forward.hold(weights)
      scores.push(await forward.run(smallExamples(10)))
      await forward.release()
    }
    scores[0]!.logits.forEach((z, i) => {
      expect(scores[1]!.logits[i]).toBeCloseTo(z, 5)
    })
  })
})
