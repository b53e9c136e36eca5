import { afterAll, expect, test } from 'vitest'
import { depthwiseProducts } from '../../src/autodiff/depthwise.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { Emitter } from '../../src/graph/emitter.js'
import { writeGraph } from '../../src/onnx/model.js'
import { tensor } from '../../src/tensor/tensor.js'
import { numbers } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

test('depthwise products of several blocks of channels are those of a plain loop', async () => {
  const [N, C, S] = [2, 40, 84]
  const window = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], begin: [1, 1], end: [1, 1] }
  const [x, g] = [numbers(N * C * S * S, 3), numbers(N * C * S * S, 7)]
  const dims = [N, C, S, S]
  const value = (name: string) => ({ name, dtype: 'float32', dims }) as const
  const e = new Emitter(17)
  const each = depthwiseProducts(e, value('x'), value('g'), window, true)
  const sum = depthwiseProducts(e, value('x'), value('g'), window, false)
  expect(e.nodes.filter((n) => n.op === 'Split').length).toBe(4)
  const graph = e.finish(
    { name: 'depthwise', opsets: new Map([['', 17]]), nodes: [], initializers: new Map(), inputs: [], outputs: [] },
    [each, sum],
    [value('x'), value('g')],
  )
  const session = await engineOf(pool).createSession(writeGraph(graph))
  const out = await session.run({ x: tensor('float32', dims, x), g: tensor('float32', dims, g) })
  await session.release()

  const expected = new Float64Array(N * 9 * C)
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      const plane = (n * C + c) * S * S
      for (let k = 0; k < 9; k++) {
        const [down, right] = [Math.floor(k / 3) - 1, (k % 3) - 1]
        let at = 0
        for (let i = Math.max(0, -down); i < S - Math.max(0, down); i++) {
          for (let j = Math.max(0, -right); j < S - Math.max(0, right); j++)
            at += g[plane + i * S + j]! * x[plane + (i + down) * S + j + right]!
        }
        expected[(n * 9 + k) * C + c] = at
      }
    }
  }
  const worst = (found: ArrayLike<number>, of: (i: number) => number): number =>
    Array.from({ length: found.length }, (_, i) => Math.abs(found[i]! - of(i))).reduce((a, b) => Math.max(a, b))
  expect(each.dims).toEqual([N, 9, C])
  expect(sum.dims).toEqual([1, 9, C])
  expect(worst(out[each.name]!.data as Float32Array, (i) => expected[i]!)).toBeLessThan(2e-4)
  expect(worst(out[sum.name]!.data as Float32Array, (i) => expected[i]! + expected[i + 9 * C]!)).toBeLessThan(4e-4)
  expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(50)
})
