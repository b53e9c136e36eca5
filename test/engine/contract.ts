import type { Pool, Total } from '../../src/engine/engine.js'
import { engineOf } from '../../src/engine/engine-of.js'
import { isLetheError } from '../../src/errors.js'
import { writeGraph } from '../../src/onnx/model.js'
import type { Tensor } from '../../src/tensor/tensor.js'
import { f32, mlpGraph } from '../small-graphs.js'

/**
 * What every engine must do, as facts that can be sent from a page: each law runs on a pool of two workers and gives what was seen, to be
 * compared with what is expected. The same list runs in Node and in the browser.
 */
export interface Law {
  readonly title: string
  readonly expected: unknown
  readonly run: (pool: Pool) => Promise<unknown>
}

const model = writeGraph(mlpGraph())
/** logits added to what is fed as `before`. */
const total: Total = { output: 'total', input: 'before', dims: [1, 4] }
const counting = writeGraph(
  mlpGraph({
    extra: [{ op: 'Add', domain: '', name: 'total', inputs: ['before', 'logits'], outputs: ['total'], attributes: {} }],
    inputs: [{ name: 'before', dtype: 'float32', dims: [1, 4] }],
    outputs: ['total'],
  }),
)
const withZero = (feeds: { x: Tensor }): { x: Tensor; before: Tensor } => ({
  ...feeds,
  before: { dtype: 'float32', dims: [1, 4], data: new Float32Array(4) },
})
const two = (): { x: Tensor }[] => [{ x: f32([1, 6], 1) }, { x: f32([1, 6], 9) }]

/** The code and data of the error that work ends with. */
async function refusal(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work()
    return 'no error'
  } catch (error) {
    return isLetheError(error) ? { code: error.code, ...error.data } : String(error)
  }
}

export const laws: readonly Law[] = [
  {
    title: 'runs a graph and gives the wanted outputs',
    expected: { all: ['h', 'logits'], dims: [3, 4], wanted: ['logits'] },
    async run(pool) {
      const session = await engineOf(pool).createSession(writeGraph(mlpGraph({ outputs: ['h', 'logits'] })))
      const all = await session.run({ x: f32([3, 6]) })
      const wanted = await session.run({ x: f32([3, 6]) }, ['logits'])
      await session.release()
      return { all: Object.keys(all).sort(), dims: [...all.logits!.dims], wanted: Object.keys(wanted) }
    },
  },
  {
    title: 'gives outputs of every element type as Lethe keeps them',
    expected: { float32: true, int64: true, bool: true, float16: true, float64: true },
    async run(pool) {
      const types = ['float32', 'int64', 'bool', 'float16', 'float64'] as const
      const kinds = {
        float32: Float32Array,
        int64: BigInt64Array,
        bool: Uint8Array,
        float16: Uint16Array,
        float64: Float64Array,
      }
      const codes = { float32: 1, int64: 7, bool: 9, float16: 10, float64: 11 }
      const extra = types.map((type) => ({
        op: 'Cast',
        domain: '',
        name: type,
        inputs: ['logits'],
        outputs: [type],
        attributes: { to: { kind: 'int' as const, value: codes[type] } },
      }))
      const graph = mlpGraph({ extra, outputs: [...types] })
      const outputs = types.map((name) => ({ name, dtype: name, dims: ['batch', 4] }))
      const session = await engineOf(pool).createSession(writeGraph({ ...graph, outputs }))
      const out = await session.run({ x: f32([2, 6]) })
      await session.release()
      return Object.fromEntries(
        types.map((t) => [t, out[t]!.dtype === t && out[t]!.data instanceof kinds[t] && out[t]!.data.length === 8]),
      )
    },
  },
  {
    title: 'leaves the feeds of a plain session as they were',
    expected: 12,
    async run(pool) {
      const session = await engineOf(pool).createSession(model)
      const x = f32([2, 6])
      await session.run({ x })
      await session.release()
      return x.data.length
    },
  },
  {
    title: 'makes a session in as many workers as asked, and takes the bytes of its model where they are handed over',
    expected: { dims: [2, 4], handed: 0, kept: model.length },
    async run(pool) {
      const own = model.slice()
      const session = await pool.createSession(own, { workers: 1, handOver: true })
      const { kept } = await session.run({ runs: two().slice(0, 1), totals: [], keep: ['logits'] })
      const more = await pool.createSession(model)
      const both = await Promise.all([session, more].map((s) => s.run({ runs: two(), totals: [], keep: ['logits'] })))
      await session.release()
      await more.release()
      return {
        dims: [kept.length + both.length - 1, kept[0]!.logits!.dims[1]],
        handed: own.length,
        kept: model.length,
      }
    },
  },
  {
    title: 'keeps totals over the runs of a chunk, begun anew in each',
    expected: { first: true, again: true },
    async run(pool) {
      const session = await pool.createSession(counting)
      const { kept } = await session.run({ runs: two().map(withZero), totals: [], keep: ['total'] })
      const [a, b] = kept.map((k) => k.total!.data as Float32Array) as [Float32Array, Float32Array]
      const expected = a.map((v, i) => v + b[i]!).join()
      const seen = async (): Promise<boolean> =>
        (await session.run({ runs: two(), totals: [total], keep: [] })).totals.total!.join() === expected
      const facts = { first: await seen(), again: await seen() }
      await session.release()
      return facts
    },
  },
  {
    title: 'keeps totals in memory that is handed over, whatever stood in it, and gives that of the feeds back',
    expected: { totals: true, isSameMemory: true, back: [[24], [24]], isEmpty: true },
    async run(pool) {
      const session = await pool.createSession(counting)
      const plain = await session.run({ runs: two(), totals: [total], keep: [] })
      const used = Float32Array.of(1, 2, Number.NaN, 4)
      const memory = [new ArrayBuffer(8), used.buffer]
      const again = await session.run({ runs: two(), totals: [total], keep: [], memory })
      await session.release()
      return {
        totals: plain.totals.total!.join() === again.totals.total!.join(),
        isSameMemory: again.totals.total!.byteLength === 16,
        back: again.memory.map((buffer) => [buffer.byteLength]),
        isEmpty: used.length === 0,
      }
    },
  },
  {
    title: 'answers many chunks at once, each with its own',
    expected: true,
    async run(pool) {
      const session = await pool.createSession(model)
      const seeds = Array.from({ length: 12 }, (_, i) => i + 1)
      const one = async (seed: number): Promise<string> =>
        (
          await session.run({ runs: [{ x: f32([1, 6], seed) }], totals: [], keep: ['logits'] })
        ).kept[0]!.logits!.data.join()
      const together = await Promise.all(seeds.map(one))
      const alone: string[] = []
      for (const seed of seeds) alone.push(await one(seed))
      await session.release()
      return new Set(alone).size === seeds.length && together.join() === alone.join()
    },
  },
  {
    title: 'feeds held tensors with every run',
    expected: true,
    async run(pool) {
      const graph = mlpGraph()
      const bias = graph.initializers.get('fc2.bias')!
      const open = {
        ...graph,
        initializers: new Map([...graph.initializers].filter(([n]) => n !== 'fc2.bias')),
        inputs: [...graph.inputs, { name: 'fc2.bias', dtype: 'float32' as const, dims: [4] }],
      }
      const session = await pool.createSession(writeGraph(open))
      const third = async (held: Tensor): Promise<number> => {
        await session.hold({ 'fc2.bias': held })
        const { kept } = await session.run({ runs: [{ x: f32([1, 6]) }], totals: [], keep: ['logits'] })
        return Number(kept[0]!.logits!.data[2])
      }
      const difference = (await third(bias)) - (await third({ dtype: 'float32', dims: [4], data: new Float32Array(4) }))
      await session.release()
      return Math.abs(difference - Number(bias.data[2])) < 1e-5
    },
  },
  {
    title: 'names an operator that the runtime does not know',
    expected: { code: 'op-unsupported', op: 'Frobnicate' },
    run(pool) {
      const graph = mlpGraph({
        extra: [{ op: 'Frobnicate', domain: '', name: 'f', inputs: ['logits'], outputs: ['z'], attributes: {} }],
        outputs: ['z'],
      })
      return refusal(() => engineOf(pool).createSession(writeGraph(graph)))
    },
  },
  {
    title: 'refuses inputs of the wrong shape with a code, and works on',
    expected: { refused: { code: 'engine-failed' }, afterwards: [1, 4] },
    async run(pool) {
      const session = await engineOf(pool).createSession(model)
      const refused = await refusal(() => session.run({ x: f32([2, 7]) }))
      const afterwards = [...(await session.run({ x: f32([1, 6]) })).logits!.dims]
      await session.release()
      return { refused, afterwards }
    },
  },
  {
    title: 'refuses work on a session that was released',
    expected: { code: 'engine-failed' },
    async run(pool) {
      const session = await pool.createSession(model)
      await session.release()
      return refusal(() => session.run({ runs: two(), totals: [], keep: 'all' }))
    },
  },
]
