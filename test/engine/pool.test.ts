import { afterAll, describe, expect, it } from 'vitest'
import { inOrder } from '../../src/engine/in-order.js'
import { createPool } from '../../src/engine/node/pool.js'
import { writeGraph } from '../../src/onnx/model.js'
import { f32, mlpGraph } from '../small-graphs.js'
import { laws } from './contract.js'

const pool = createPool({ workers: 2 })
afterAll(() => pool.close())

describe('the engine contract, in Node', () => {
  it.each(laws)('$title', async ({ run, expected }) => {
    expect(await run(pool)).toEqual(expected)
  })

  it('finishes what runs before a pool closes', async () => {
    const own = createPool({ workers: 1 })
    const session = await own.createSession(writeGraph(mlpGraph()))
    const running = session.run({ runs: [{ x: f32([1, 6]) }], totals: [], keep: ['logits'] })
    await own.close()
    expect((await running).kept[0]!.logits!.dims).toEqual([1, 4])
  })
})

describe('ordered work', () => {
  it('yields in the order of the items, whatever finishes first, with bounded work in flight', async () => {
    let flying = 0
    let most = 0
    const seen: number[] = []
    const work = async (i: number): Promise<number> => {
      most = Math.max(most, ++flying)
      for (let turns = (7 - i) % 4; turns >= 0; turns--) await Promise.resolve()
      flying--
      return i
    }
    for await (const i of inOrder([0, 1, 2, 3, 4, 5, 6], work, 3)) seen.push(i)
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(most).toBeLessThanOrEqual(3)
  })

  it('stops with `cancelled` when the signal aborts', async () => {
    const abort = new AbortController()
    const run = async (): Promise<void> => {
      for await (const i of inOrder([0, 1, 2, 3], async (x) => x, 1, abort.signal)) if (i === 1) abort.abort()
    }
    await expect(run()).rejects.toMatchObject({ code: 'cancelled' })
  })
})
