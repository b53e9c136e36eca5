import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { gradientProgram } from '../../src/fisher/program.js'
import { type Graph, ints } from '../../src/graph/graph.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import type { Resumable } from '../../src/importance/resume.js'
import { feedsOf } from '../../src/importance/units.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { writeGraph } from '../../src/onnx/model.js'
import { smallExamples } from '../small-examples.js'
import { f32, node } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

const [tall, wide] = [1300, 900]

/** x [N, 6] as three tokens of two; a weight stored as rows of outputs, more of them than columns. */
function graphOf(rows: number, columns: number): Graph {
  return {
    name: 'tall',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 6] }],
    outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', 4] }],
    initializers: new Map([
      ['shape', { dtype: 'int64', dims: [3], data: BigInt64Array.of(-1n, 3n, 2n) }],
      ['embed', f32([2, columns], 2)],
      ['w', f32([rows, columns], 3)],
      ['fc', f32([rows, 4], 4)],
    ]),
    nodes: [
      node('Reshape', ['x', 'shape'], 'tokens'),
      node('MatMul', ['tokens', 'embed'], 'h'),
      node('Transpose', ['w'], 'turned', { perm: ints([1, 0]) }),
      node('MatMul', ['h', 'turned'], 'y'),
      node('Tanh', ['y'], 'a'),
      node('ReduceMean', ['a'], 'mean', { axes: ints([1]), keepdims: { kind: 'int', value: 0 } }),
      node('MatMul', ['mean', 'fc'], 'logits'),
    ],
  }
}

const open = (rows: number, columns: number): Promise<Network> => openNetwork(graphOf(rows, columns), engine)
const examples = smallExamples(20)

/** Sums over the examples of the squared gradients of w, by the program that does not transpose them. */
async function expectedOf(network: Network): Promise<Float32Array> {
  const program = gradientProgram(await network.at(20), network.loss, 'squares', new Set(['w']))
  const session = await engine.createSession(writeGraph(program.graph))
  const rows = Array.from({ length: 20 }, (_, i) => i)
  const out = await session.run(await feedsOf(program, examples, rows, 1))
  await session.release()
  return out[program.outputs.get('w')!]!.data as Float32Array
}

describe('a large weight with more rows than columns', () => {
  it('has its sums made transposed, and one with fewer rows does not', async () => {
    const transposedOf = async (rows: number, columns: number, transposes: boolean): Promise<string[]> => {
      const network = await open(rows, columns)
      const program = gradientProgram(await network.at(4), network.loss, 'squares', new Set(['w']), {
        total: 'of results',
        transposes,
      })
      expect(program.totals.get('w')!.dims).toEqual(program.transposed.has('w') ? [columns, rows] : [rows, columns])
      return [...program.transposed]
    }
    expect(await transposedOf(tall, wide, true)).toEqual(['w'])
    expect(await transposedOf(tall, wide, false)).toEqual([])
    expect(await transposedOf(wide, tall, true)).toEqual([])
  })

  // A sketch of runs of one example, and groups of one, are exact.
  it.each([
    { settings: { estimator: 'exact' } },
    { settings: { estimator: 'sketch' }, microBatch: 1 },
    { settings: { estimator: 'grouped', groupSize: 1 } },
  ] as const)('has its importances in its own order ($settings.estimator)', async (options) => {
    const network = await open(tall, wide)
    const { sums, dims } = await estimateImportance(network, pool, examples, options)
    expect(dims.get('w')).toEqual([tall, wide])
    const expected = await expectedOf(network)
    const scale = expected.reduce((a, b) => Math.max(a, b))
    const worst = sums.get('w')!.reduce((max, v, i) => Math.max(max, Math.abs(v - expected[i]!)), 0)
    expect(worst / scale).toBeLessThan(1e-5)
  })

  it('goes on from a checkpoint to the same bytes, and not from one whose numbers are in another order', async () => {
    const network = await open(tall, wide)
    let kept: Uint8Array | undefined
    const stop = new AbortController()
    const checkpoint: Resumable = {
      load: async () => kept,
      save: async (...pieces) => {
        kept = Uint8Array.from(Buffer.concat(pieces))
        stop.abort()
      },
      remove: async () => {
        kept = undefined
      },
    }
    const many = smallExamples(40)
    const stopped = estimateImportance(network, pool, many, {
      checkpoint,
      checkpointEveryMs: 0,
      now: clock(),
      signal: stop.signal,
    })
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
    const other = new TextDecoder('latin1')
      .decode(kept!.subarray(0, 200))
      .replace(/"layout":"[^"]*"/, (m) => m.replace(' w', ' v'))
    const bytes = Uint8Array.from(kept!)
    bytes.set(Uint8Array.from(other, (c) => c.charCodeAt(0)))
    const wrong: Resumable = { load: async () => bytes, save: async () => {}, remove: async () => {} }
    await expect(estimateImportance(network, pool, many, { checkpoint: wrong })).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
    })
    const resumed = await estimateImportance(network, pool, many, { checkpoint })
    expect(resumed.sums.get('w')).toEqual((await estimateImportance(network, pool, many)).sums.get('w'))
  })
})

function clock(): () => number {
  let time = 0
  return () => time++
}
