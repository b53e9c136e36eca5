// @ts-check
// Time of the transformation of deep models: what is done once, before any gradient is computed.
// Usage: npm run build && node bench/transform.js
import { createPool, engineOf } from '../dist/engine/node/pool.js'
import { findLoss } from '../dist/fisher/loss.js'
import { gradientProgram } from '../dist/fisher/program.js'
import { inFloat32 } from '../dist/graph/float32.js'
import { float, int, ints } from '../dist/graph/graph.js'
import { ordered } from '../dist/graph/order.js'
import { untie } from '../dist/graph/untie.js'
import { lower } from '../dist/lower/lower.js'
import { rewrite } from '../dist/lower/rewrite.js'
import { tensor } from '../dist/tensor/tensor.js'
import { specialise, trace } from '../dist/trace/trace.js'
import { environment, median, writeResult } from './shared.js'

/** @typedef {import('../dist/graph/graph.js').Graph} Graph */
/** @typedef {import('../dist/graph/graph.js').Attributes} Attributes */

const repeats = 5
const sizes = [1000, 3000]

/** Writes nodes and small weights. */
class Model {
  /** @type {import('../dist/graph/graph.js').Node[]} */
  nodes = []
  /** @type {Map<string, import('../dist/tensor/tensor.js').Tensor>} */
  initializers = new Map()
  #next = 0

  /** @param {string} op @param {string[]} inputs @param {Attributes} [attributes] */
  op(op, inputs, attributes = {}) {
    const name = `${op}_${this.#next++}`
    this.nodes.push({ op, domain: '', name, inputs, outputs: [name], attributes })
    return name
  }
  /** @param {number[]} dims */
  weight(...dims) {
    const name = `w_${this.#next++}`
    const size = dims.reduce((a, b) => a * b, 1)
    const data = Float32Array.from({ length: size }, (_, i) => Math.sin(i + this.#next) / 8)
    this.initializers.set(name, tensor('float32', dims, data))
    return name
  }
  /** @param {number[]} values */
  ints(...values) {
    const value = tensor('int64', [values.length], BigInt64Array.from(values, BigInt))
    return this.op('Constant', [], { value: { kind: 'tensor', value } })
  }
  /** @param {number[]} shape @param {string} x @returns {Graph} */
  finish(shape, x) {
    return {
      name: 'deep',
      opsets: new Map([['', 17]]),
      inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', ...shape] }],
      outputs: [{ name: x, dtype: 'float32', dims: ['batch', 3] }],
      initializers: this.initializers,
      nodes: this.nodes,
    }
  }
}

/** @type {Record<string, { shape: number[], build: (count: number) => Graph }>} */
const models = {
  'residual MLP': { shape: [8], build: mlp },
  'residual convolutions': { shape: [4, 6, 6], build: convolutions },
  transformer: { shape: [4, 8], build: transformer },
}

/** @param {number} count */
function mlp(count) {
  const m = new Model()
  let x = 'x'
  while (m.nodes.length < count - 1) {
    const h = m.op('Tanh', [m.op('Add', [m.op('MatMul', [x, m.weight(8, 8)]), m.weight(8)])])
    x = m.op('Add', [x, h])
  }
  return m.finish([8], m.op('MatMul', [x, m.weight(8, 3)]))
}

/** @param {number} count */
function convolutions(count) {
  const m = new Model()
  let x = 'x'
  while (m.nodes.length < count - 3) {
    const pads = { pads: ints([1, 1, 1, 1]) }
    const parts = [m.weight(4), m.weight(4), m.weight(4), m.op('Abs', [m.weight(4)])]
    const h = m.op('Relu', [m.op('BatchNormalization', [m.op('Conv', [x, m.weight(4, 4, 3, 3)], pads), ...parts])])
    x = m.op('Add', [x, m.op('Tanh', [m.op('Conv', [h, m.weight(4, 4, 3, 3), m.weight(4)], pads)])])
  }
  const flat = m.op('Flatten', [m.op('GlobalAveragePool', [x])], { axis: int(1) })
  return m.finish([4, 6, 6], m.op('MatMul', [flat, m.weight(4, 3)]))
}

/**
 * Blocks as exporters write them: shapes are computed from the input.
 * @param {number} count
 */
function transformer(count) {
  const m = new Model()
  let x = 'x'
  /** @param {string} v @param {number} a @param {number} b */
  const linear = (v, a, b) => m.op('Add', [m.op('MatMul', [v, m.weight(a, b)]), m.weight(b)])
  const norm = () => m.op('LayerNormalization', [x, m.weight(8), m.weight(8)], { epsilon: float(1e-5) })
  while (m.nodes.length < count - 2) {
    const h = norm()
    const length = m.op('Gather', [m.op('Shape', [h]), m.ints(0)])
    const heads = m.op('Concat', [length, m.ints(4), m.ints(2), m.ints(4)], { axis: int(0) })
    const whole = m.op('Concat', [length, m.ints(4), m.ints(8)], { axis: int(0) })
    /** @param {number[]} perm */
    const split = (...perm) => m.op('Transpose', [m.op('Reshape', [linear(h, 8, 8), heads])], { perm: ints(perm) })
    const scores = m.op('MatMul', [split(0, 2, 1, 3), split(0, 2, 3, 1)])
    const mixed = m.op('MatMul', [m.op('Softmax', [scores], { axis: int(-1) }), split(0, 2, 1, 3)])
    const joined = m.op('Reshape', [m.op('Transpose', [mixed], { perm: ints([0, 2, 1, 3]) }), whole])
    x = m.op('Add', [x, linear(joined, 8, 8)])
    x = m.op('Add', [x, linear(m.op('Tanh', [linear(norm(), 8, 16)]), 16, 8)])
  }
  const mean = m.op('ReduceMean', [x], { axes: ints([1]), keepdims: int(0) })
  return m.finish([4, 8], m.op('MatMul', [mean, m.weight(8, 3)]))
}

/** @param {string} name @param {number} count */
async function measure(name, count) {
  const { shape, build } = /** @type {(typeof models)[string]} */ (models[name])
  const source = build(count)
  const size = shape.reduce((a, b) => a * b, 1)
  const x = tensor(
    'float32',
    [3, ...shape],
    Float32Array.from({ length: 3 * size }, (_, i) => Math.cos(i)),
  )
  const pool = createPool({ workers: 1 })
  const engine = engineOf(pool)
  /** @type {{ prepare: number, lower: number, fold: number, backward: number, total: number }[]} */
  const times = []
  let written = 0
  try {
    for (let i = 0; i < repeats; i++) {
      const begin = performance.now()
      const { graph } = untie(inFloat32(rewrite(ordered(source))))
      const prepared = performance.now()
      const traced = await trace(graph, engine, { x })
      const ran = performance.now()
      await lower(traced, engine)
      const lowered = performance.now()
      const s = await specialise(traced, engine, 16)
      const folded = performance.now()
      const program = gradientProgram(s, findLoss(graph), 'squares')
      const end = performance.now()
      written = program.graph.nodes.length
      times.push({
        prepare: prepared - begin,
        lower: lowered - ran,
        fold: folded - lowered,
        backward: end - folded,
        total: prepared - begin + end - ran,
      })
    }
  } finally {
    await pool.close()
  }
  /** @param {'prepare' | 'lower' | 'fold' | 'backward' | 'total'} part */
  const of = (part) => median(times.map((t) => t[part]))
  return {
    model: name,
    nodes: source.nodes.length,
    written,
    prepareMs: of('prepare'),
    lowerMs: of('lower'),
    foldMs: of('fold'),
    backwardMs: of('backward'),
    totalMs: of('total'),
  }
}

/** @type {Awaited<ReturnType<typeof measure>>[]} */
const rows = []
for (const name of Object.keys(models)) for (const count of sizes) rows.push(await measure(name, count))
const worst = Math.max(...rows.filter((r) => r.nodes < 2000).map((r) => r.totalMs))
const growth = rows.filter((_, i) => i % 2 === 1).map((r, i) => r.totalMs / (rows[2 * i]?.totalMs ?? 1))
/** @param {number} ms */
const shown = (ms) => ms.toFixed(0)
const text = [
  '# Time of the transformation',
  '',
  `Graph to gradient graph (squares, batches of 16), median of ${repeats}; the two runs that observe the shapes are not in it. Commit ${environment().commit}, ${environment().cpu}, ${environment().cores} cores, Node ${environment().node}.`,
  '',
  '| model | nodes | nodes written | order, functions, types, ms | lower, ms | fold, ms | backward, ms | together, ms |',
  '|---|---|---|---|---|---|---|---|',
  ...rows.map(
    (r) =>
      `| ${r.model} | ${r.nodes} | ${r.written} | ${shown(r.prepareMs)} | ${shown(r.lowerMs)} | ${shown(r.foldMs)} | ${shown(r.backwardMs)} | ${shown(r.totalMs)} |`,
  ),
  '',
  `- a graph of 1,000 nodes: at most ${shown(worst)} ms (under 1,000: ${worst < 1000 ? 'met' : 'missed'})`,
  `- three times the nodes take ${growth.map((g) => g.toFixed(1)).join(', ')} × the time (at most 4.5: ${Math.max(...growth) <= 4.5 ? 'met' : 'missed'})`,
  '',
].join('\n')
console.log(text)
writeResult('transform', { rows, environment: environment() }, text)
