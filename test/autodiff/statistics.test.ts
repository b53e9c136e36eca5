import { afterAll, beforeAll, expect, it } from 'vitest'
import { backward } from '../../src/autodiff/backward.js'
import { withStatistics } from '../../src/autodiff/statistics.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { Emitter, type Val } from '../../src/graph/emitter.js'
import { type Graph, int } from '../../src/graph/graph.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { writeGraph } from '../../src/onnx/model.js'
import type { StaticGraph } from '../../src/trace/trace.js'
import { f32, node } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
let network: Network
beforeAll(async () => {
  network = await openNetwork(graph, engine)
})
afterAll(() => pool.close())

/** A norm before any weight, one over the last axis, one over two. */
const graph: Graph = {
  name: 'norms',
  opsets: new Map([['', 17]]),
  inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 3, 5] }],
  outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', 4] }],
  initializers: new Map([
    ['w', f32([5, 5], 2)],
    ['s', f32([5], 3)],
    ['b', f32([5], 4)],
    ['s2', f32([3, 5], 5)],
    ['fc', f32([15, 4], 6)],
    ['ones', f32([5], 7)],
  ]),
  nodes: [
    node('LayerNormalization', ['x', 'ones'], 'first'),
    node('MatMul', ['first', 'w'], 'h'),
    node('LayerNormalization', ['h', 's', 'b'], 'n'),
    node('LayerNormalization', ['n', 's2'], 'm', { axis: int(1) }),
    node('Flatten', ['m'], 'f'),
    node('MatMul', ['f', 'fc'], 'logits'),
  ],
}
const wanted = new Set(['w', 's', 'b', 's2', 'fc'])

async function squares(
  s: Pick<StaticGraph, 'graph' | 'values'>,
): Promise<{ ops: string[]; numbers: Record<string, Float32Array> }> {
  const e = new Emitter(17)
  const seed: Val = { name: 'seed', dtype: 'float32', dims: [4, 4] }
  const seeds = new Map([['logits', seed]])
  const found = backward({ ...s, batch: 4, emitter: e, seeds, wanted, form: 'squares' })
  const full = e.finish(s.graph, [...found.values()], [...s.graph.inputs, seed])
  const session = await engine.createSession(writeGraph(full))
  const out = await session.run({ x: f32([4, 3, 5], 8), seed: f32([4, 4], 9) })
  await session.release()
  const numbers = Object.fromEntries([...found].map(([name, v]) => [name, out[v.name]!.data as Float32Array]))
  return { ops: full.nodes.map((n) => n.op), numbers }
}

it('mean and deviation of a layer norm come from its kernel, where a gradient passes it', async () => {
  const s = await network.at(4)
  const stated = withStatistics(s, wanted)
  expect(stated.graph.nodes.filter((n) => n.op === 'LayerNormalization').map((n) => n.outputs.length)).toEqual([
    1, 3, 3,
  ])
  const [before, after] = [await squares(s), await squares(stated)]
  const count = (ops: readonly string[], op: string): number => ops.filter((o) => o === op).length
  expect([count(before.ops, 'Sqrt'), count(after.ops, 'Sqrt')]).toEqual([2, 0])
  expect(count(before.ops, 'ReduceMean') - count(after.ops, 'ReduceMean')).toBe(4)
  for (const [name, expected] of Object.entries(before.numbers)) {
    const scale = Math.max(...expected)
    const worst = Math.max(...after.numbers[name]!.map((v, i) => Math.abs(v - expected[i]!)))
    expect(worst / scale, name).toBeLessThan(1e-5)
  }
})

it('an operator of that name in an opset that has none is left as it is', async () => {
  const s = await network.at(4)
  const old = { ...s, graph: { ...s.graph, opsets: new Map([['', 12]]) } }
  expect(withStatistics(old, wanted)).toBe(old)
})
