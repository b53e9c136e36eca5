import { afterAll, describe, expect, it } from 'vitest'
import { inOrder } from '../../src/engine/in-order.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { writeGraph } from '../../src/onnx/model.js'
import { f32, mlpGraph } from '../small-graphs.js'

const pool = createPool({ workers: 2 })
const engine = engineOf(pool)
afterAll(() => pool.close())
const model = writeGraph(mlpGraph())

describe('the engine contract', () => {
  it('runs a graph and gives the wanted outputs', async () => {
    const session = await engine.createSession(model)
    const { logits } = await session.run({ x: f32([3, 6]) })
    expect(logits?.dims).toEqual([3, 4])
    await session.release()
  })

  it('leaves the feeds of a plain session as they were', async () => {
    const session = await engine.createSession(model)
    const x = f32([2, 6])
    await session.run({ x })
    expect(x.data.length).toBe(12)
    await session.release()
  })

  it('sums outputs over the runs of a chunk in float64, plain, squared after, and of squares', async () => {
    const session = await pool.createSession(model)
    const run = async (form: 'add' | 'square' | 'add-squares'): Promise<number> =>
      (
        await session.run({
          runs: [{ x: f32([1, 6], 1) }, { x: f32([1, 6], 9) }],
          sums: [{ output: 'logits', form }],
          keep: [],
        })
      ).sums.logits![0]!
    const kept = await session.run({ runs: [{ x: f32([1, 6], 1) }, { x: f32([1, 6], 9) }], sums: [], keep: ['logits'] })
    const [a, b] = kept.kept.map((k) => Number(k.logits!.data[0])) as [number, number]
    expect(await run('add')).toBe(a + b)
    expect(await run('square')).toBe((a + b) ** 2)
    expect(await run('add-squares')).toBe(a * a + b * b)
    await session.release()
  })

  it('feeds held tensors with every run', async () => {
    const graph = mlpGraph()
    const bias = graph.initializers.get('fc2.bias')!
    const open = {
      ...graph,
      initializers: new Map([...graph.initializers].filter(([n]) => n !== 'fc2.bias')),
      inputs: [...graph.inputs, { name: 'fc2.bias', dtype: 'float32' as const, dims: [4] }],
    }
    const session = await pool.createSession(writeGraph(open))
    await session.hold({ 'fc2.bias': bias })
    const first = await session.run({ runs: [{ x: f32([1, 6]) }], sums: [], keep: ['logits'] })
    await session.hold({ 'fc2.bias': { ...bias, data: new Float32Array(4) } as typeof bias })
    const second = await session.run({ runs: [{ x: f32([1, 6]) }], sums: [], keep: ['logits'] })
    const difference = Number(first.kept[0]!.logits!.data[2]) - Number(second.kept[0]!.logits!.data[2])
    expect(difference).toBeCloseTo(Number(bias.data[2]), 5)
    await session.release()
  })

  it('names an operator that the runtime does not know', async () => {
    const graph = mlpGraph({
      extra: [{ op: 'Frobnicate', domain: '', name: 'f', inputs: ['logits'], outputs: ['z'], attributes: {} }],
      outputs: ['z'],
    })
    await expect(engine.createSession(writeGraph(graph))).rejects.toMatchObject({
      code: 'op-unsupported',
      data: { op: 'Frobnicate' },
    })
  })

  it('refuses inputs of the wrong shape with a code', async () => {
    const session = await engine.createSession(model)
    await expect(session.run({ x: f32([2, 7]) })).rejects.toMatchObject({ code: 'engine-failed' })
    await session.release()
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
