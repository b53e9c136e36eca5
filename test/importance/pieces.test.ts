import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type GradientProgram, gradientProgram } from '../../src/fisher/program.js'
import { type Graph, ints } from '../../src/graph/graph.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import type { Resumable } from '../../src/importance/resume.js'
import { addSums } from '../../src/importance/sums.js'
import { feedsOf } from '../../src/importance/units.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { writeGraph } from '../../src/onnx/model.js'
import { sizeOf } from '../../src/tensor/tensor.js'
import { smallExamples } from '../small-examples.js'
import { f32, node } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

/** x [N, 6] as three tokens of two; a weight stored as rows of outputs, more of them than columns or fewer. */
function linearOf(rows: number, columns: number): Graph {
  return {
    name: 'linear',
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

/** x [N, 6] as a picture of two by three, a convolution that makes channels of it, and the one with w [outs, ins, 2, 2]. */
function convolutionOf(outs: number, ins: number): Graph {
  return {
    name: 'convolution',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 6] }],
    outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', 4] }],
    initializers: new Map([
      ['shape', { dtype: 'int64', dims: [4], data: BigInt64Array.of(-1n, 1n, 2n, 3n) }],
      ['embed', f32([ins, 1, 1, 1], 2)],
      ['w', f32([outs, ins, 2, 2], 3)],
      ['fc', f32([outs, 4], 4)],
    ]),
    nodes: [
      node('Reshape', ['x', 'shape'], 'picture'),
      node('Conv', ['picture', 'embed'], 'h'),
      node('Conv', ['h', 'w'], 'y'),
      node('Tanh', ['y'], 'a'),
      node('ReduceMean', ['a'], 'mean', { axes: ints([2, 3]), keepdims: { kind: 'int', value: 0 } }),
      node('MatMul', ['mean', 'fc'], 'logits'),
    ],
  }
}

const networks = [
  { name: 'more rows than columns', graph: linearOf(1300, 900), strides: [1, 900], pieces: 6 },
  { name: 'more columns than rows', graph: linearOf(900, 1300), strides: [1300, 1], pieces: 6 },
  { name: 'a window', graph: convolutionOf(140, 130), strides: [520, 1, 4], pieces: 1 },
]
const open = (graph: Graph): Promise<Network> => openNetwork(graph, engine)
const examples = smallExamples(20)

/** Sums over the examples of the squared gradients of w, by the program that has it in one piece. */
async function expectedOf(network: Network): Promise<Float32Array> {
  const program = gradientProgram(await network.at(20), network.loss, 'squares', new Set(['w']))
  const session = await engine.createSession(writeGraph(program.graph))
  const rows = Array.from({ length: 20 }, (_, i) => i)
  const out = await session.run(await feedsOf(program, examples, rows, 1))
  await session.release()
  return out[program.outputs.get('w')!]!.data as Float32Array
}

describe.each(networks)('a large weight with $name', ({ graph, strides, pieces }) => {
  it('has its sums in pieces where that is asked for', async () => {
    const network = await open(graph)
    const programOf = async (inPieces: boolean): Promise<GradientProgram> =>
      gradientProgram(await network.at(4), network.loss, 'squares', new Set(['w']), { total: 'of results', inPieces })
    const found = (await programOf(true)).pieces.get('w')!
    expect(found.map((piece) => piece.strides)).toEqual(Array(pieces).fill(strides))
    expect(found.reduce((n, { dims }) => n + sizeOf(dims), 0)).toBe(graph.initializers.get('w')!.data.length)
    expect((await programOf(false)).pieces.size).toBe(0)
  })

  // A sketch of runs of one example, and groups of one, are exact.
  it.each([
    { settings: { estimator: 'exact' } },
    { settings: { estimator: 'sketch' }, microBatch: 1 },
    { settings: { estimator: 'grouped', groupSize: 1 } },
  ] as const)('has its importances in its own order ($settings.estimator)', async (options) => {
    const network = await open(graph)
    const { sums, dims } = await estimateImportance(network, pool, examples, options)
    expect([...sums.keys()]).toEqual(network.parameters.map((p) => p.name))
    expect(dims.get('w')).toEqual(graph.initializers.get('w')!.dims)
    const expected = await expectedOf(network)
    const scale = expected.reduce((a, b) => Math.max(a, b))
    const worst = sums.get('w')!.reduce((max, v, i) => Math.max(max, Math.abs(v - expected[i]!)), 0)
    expect(worst / scale).toBeLessThan(1e-5)
  })

  it('goes on from a checkpoint to the same bytes, and not from one whose numbers are in another order', async () => {
    const network = await open(graph)
    let kept: Uint8Array | undefined
    const stop = new AbortController()
    const checkpoint: Resumable = {
      load: async () => kept,
      save: async (...parts) => {
        kept = Uint8Array.from(Buffer.concat(parts))
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
    const layout = /"layout":"[^"]*"/
    const header = new TextDecoder('latin1').decode(kept).split('\n', 1)[0]!
    expect(header).toMatch(layout)
    const other = new TextEncoder().encode(
      header.replace(layout, (m) => m.replace(`${strides}`, `${strides.map(() => 9)}`)),
    )
    const bytes = Uint8Array.from([...other, ...kept!.subarray(header.length)])
    const wrong: Resumable = { load: async () => bytes, save: async () => {}, remove: async () => {} }
    await expect(estimateImportance(network, pool, many, { checkpoint: wrong })).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
    })
    const resumed = await estimateImportance(network, pool, many, { checkpoint })
    expect(resumed.sums.get('w')).toEqual((await estimateImportance(network, pool, many)).sums.get('w'))
  })
})

it('a piece whose gradient is not finite is told of by the name of its parameter', () => {
  const unit = { rows: [0], weight: 1 }
  const sums = { 'lethe/piece/2/w': Float32Array.of(1, Number.NaN) }
  const result = { unit, between: ['a', 'b'], sums, squared: true, lossSum: 0 } as const
  expect(() => addSums(new Map(), result)).toThrow(/The gradient of "w" is not finite/)
})

function clock(): () => number {
  let time = 0
  return () => time++
}
