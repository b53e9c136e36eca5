import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openLane, poolOf } from '../../src/engine/lanes.js'
import type { Reply, Request } from '../../src/engine/protocol.js'

/** Workers that answer when they are told to; `given` holds what each was asked to run, by the name of its input. */
function workers(count: number) {
  const given: string[][] = []
  const answers: ((index: number) => void)[] = []
  const lanes = Array.from({ length: count }, (_, i) => {
    const ids: number[] = []
    given.push([])
    return openLane(({ reply }) => {
      answers.push((index) => reply({ id: ids[index]!, value: { totals: {}, kept: [], memory: [] } } as Reply))
      return {
        post(request: Request) {
          if (request.kind === 'create') return reply({ id: request.id, value: undefined } as Reply)
          if (request.kind !== 'run') return
          ids.push(request.id)
          given[i]!.push(...Object.keys(request.chunk.runs[0]!))
        },
        end: async () => {},
      }
    })
  })
  return { pool: poolOf(lanes, { name: 'test', version: '0' }), given, answers }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

it('work goes to the least loaded worker, of equally loaded ones to that which has begun earlier', async () => {
  const { pool, given, answers } = workers(2)
  const session = await pool.createSession(new Uint8Array())
  const later = (): Promise<void> => {
    vi.advanceTimersByTime(1)
    return new Promise(setImmediate)
  }
  const run = async (name: string): Promise<unknown> => {
    const t = { dtype: 'float32', dims: [0], data: new Float32Array() } as const
    const done = session.run({ runs: [{ [name]: t }], totals: [], keep: [] })
    await later()
    return done
  }
  const runs = [run('a')]
  await later()
  runs.push(run('b'))
  await later()
  runs.push(run('c'))
  expect(given).toEqual([['a', 'c'], ['b']])
  // The first worker begins with c: the second, which has been at b for longer, gets what comes next.
  answers[0]!(0)
  await later()
  runs.push(run('d'))
  expect(given).toEqual([
    ['a', 'c'],
    ['b', 'd'],
  ])
  answers[0]!(1)
  answers[1]!(0)
  answers[1]!(1)
  await Promise.all(runs)
})
