import { afterAll, expect, it } from 'vitest'
import { backward, type ValueFacts } from '../../src/autodiff/backward.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { Emitter } from '../../src/graph/emitter.js'
import { type Graph, intsAttribute } from '../../src/graph/graph.js'
import { writeGraph } from '../../src/onnx/model.js'
import { f32, node, numbers } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

const T = 2

/** Products of x [N, T, K] and cotangents [N, T, O]; which of both is split, and whether x is moved instead of transposed by the product. */
const sizes = [
  { name: 'rows, where there are more', N: 3, K: 1400, O: 1100, splits: [[3, T, 1400]], moved: true },
  { name: 'columns', N: 3, K: 700, O: 900, splits: [[3, T, 900]], moved: true },
  {
    name: 'columns, fewer where many examples have many rows',
    N: 8,
    K: 2400,
    O: 2500,
    splits: [[8, T, 2500]],
    moved: true,
  },
  { name: 'none, where columns are few', N: 3, K: 300, O: 400, splits: [], moved: false },
]

it.each(sizes)('squares of the products of a weight are added in blocks: $name', async ({ N, K, O, splits, moved }) => {
  const graph: Graph = {
    name: 'large',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: [N, T, K] }],
    outputs: [],
    initializers: new Map([['w', f32([K, O])]]),
    nodes: [node('MatMul', ['x', 'w'], 'y')],
  }
  const facts = (name: string, dims: number[], kind: ValueFacts['kind']): [string, ValueFacts] => [
    name,
    { name, dtype: 'float32', dims, kind, batchAxis: kind === 'data' ? 0 : undefined },
  ]
  const values = new Map([facts('x', [N, T, K], 'data'), facts('w', [K, O], 'shared'), facts('y', [N, T, O], 'data')])
  const dy = { name: 'dy', dtype: 'float32', dims: [N, T, O] } as const
  const e = new Emitter(17)
  const options = { graph, batch: N, values, emitter: e, wanted: new Set(['w']), form: 'squares' } as const
  const w = backward({ ...options, seeds: new Map([['y', dy]]) }).get('w')!
  const full = e.finish({ ...graph, nodes: [], initializers: new Map() }, [w], [...graph.inputs, dy])
  const shapes: Record<string, readonly number[]> = { x: [N, T, K], dy: [N, T, O] }
  expect(full.nodes.filter((n) => n.op === 'Split').map((n) => shapes[n.inputs[0]!])).toEqual(splits)
  const turns = full.nodes.filter((n) => n.op === 'Transpose').map((n) => intsAttribute(n, 'perm', []).length)
  expect(new Set(turns)).toEqual(new Set([moved ? 4 : 3]))
  const [x, g] = [numbers(N * T * K, 2), numbers(N * T * O, 3)]
  const session = await engine.createSession(writeGraph(full))
  const out = await session.run({
    x: { dtype: 'float32', dims: [N, T, K], data: x },
    dy: { dtype: 'float32', dims: [N, T, O], data: g },
  })
  await session.release()
  const found = out[w.name]!.data as Float32Array
  let worst = 0
  for (let k = 0; k < K; k++) {
    for (let o = k % 7; o < O; o += 7) {
      let expected = 0
      for (let n = 0; n < N; n++) {
        let product = 0
        for (let t = 0; t < T; t++) product += x[(n * T + t) * K + k]! * g[(n * T + t) * O + o]!
        expected += product * product
      }
      worst = Math.max(worst, Math.abs(found[k * O + o]! - expected))
    }
  }
  expect(worst).toBeLessThan(1e-5)
})
