import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { printGraph } from '../../src/graph/print.js'
import { batch, checkGraph } from './check-graph.js'
import { graphOf, type Recipe } from './graph-builder.js'
import { graphPool } from './graph-pool.js'

/**
 * LETHE_FUZZ=20 makes twenty times as many graphs and counts how they end; LETHE_FUZZ_SEED begins elsewhere; with LETHE_FUZZ_TELL
 * every refusal is printed.
 */
const numRuns = Math.ceil(150 * Number(process.env.LETHE_FUZZ ?? 1))
const seed = Number(process.env.LETHE_FUZZ_SEED ?? 1)

const whole = fc.integer({ min: 0, max: 2 ** 31 - 1 })
const recipes: fc.Arbitrary<Recipe> = fc.record({
  opset: fc.integer({ min: 9, max: 26 }),
  seed: whole,
  shape: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
  fixedBatch: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  steps: fc.array(fc.record({ op: whole, seed: whole }), { minLength: 1, maxLength: 12, size: 'max' }),
})

describe('a random graph', () => {
  const pool = createPool({ workers: 1 })
  const engine = engineOf(pool)
  afterAll(() => pool.close())

  it('has gradients that agree with batches of one and with differences, or is refused with a code', async () => {
    const ends = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(recipes, async (recipe) => {
        const made = graphOf(recipe, graphPool, batch)
        try {
          const { end, isNumeric } = await checkGraph(made, engine, recipe.seed)
          const key = isNumeric ? `${end}, numbers too` : end
          ends.set(key, (ends.get(key) ?? 0) + 1)
        } catch (error) {
          throw new Error(`${error instanceof Error ? error.message : error}\n${printGraph(made.graph)}`, {
            cause: error,
          })
        }
      }),
      { numRuns, seed },
    )
    if (process.env.LETHE_FUZZ) console.log(Object.fromEntries(ends))
    // Most are taken, and many are smooth.
    expect(ends.get('checked, numbers too')).toBeGreaterThan(numRuns / 5)
  }, 3_600_000)
})
