// @ts-check
// Gradients beside differences of the function: along the gradient itself and along random directions.
import { direction, numbers, random } from './numbers.js'

/**
 * @typedef {import('./check.js').Lethe} Lethe
 * @typedef {import('../../src/tensor/tensor.js').Tensor} Tensor
 * @typedef {import('../../src/graph/graph.js').Graph} Graph
 * @typedef {import('../../src/trace/trace.js').StaticGraph} StaticGraph
 * @typedef {import('../../src/engine/engine.js').Engine} Engine
 * @typedef {import('../../src/engine/engine.js').Session} Session
 * @typedef {{ name: string, value: Float32Array, dims: readonly number[] }} Input a float input whose gradient is checked
 */

/**
 * Relative error of a directional derivative that passes: differences of float32 functions, whose rounding (6e-8 of the
 * value) is divided by steps of about 1e-3. A wrong rule is off by tens of percent.
 */
export const tolerance = 5e-3
/** First steps, as shares of the input's size; the smallest error counts, since a long step may cross a kink. */
const steps = [2e-2, 4e-3, 8e-2, 8e-4, 0.3]
/** How far data on a kink is moved, as a share of its size. */
const nudge = 0.05

/**
 * Largest relative error over the inputs and a few directions; undefined where no gradient can be asked for.
 * @param {Lethe} lethe @param {Engine} engine @param {Session} session @param {StaticGraph} s @param {readonly Input[]} inputs
 * @param {readonly string[]} read outputs that count
 */
export async function worstError(lethe, engine, session, s, inputs, read) {
  const next = random(1)
  const here = await session.run(feedsOf(inputs))
  /** Random weights of the outputs: the function is their weighted sum. @type {Record<string, Tensor>} */
  const seeds = {}
  const active = lethe.activeValues(s.graph, new Set(inputs.map((v) => v.name)))
  for (const name of read) {
    const t = here[name]
    if (t?.dtype !== 'float32' || !active.has(name) || t.data.length === 0) continue
    seeds[name] = { dtype: 'float32', dims: t.dims, data: Float32Array.from(numbers(t), (y) => seedOf(y, next)) }
  }
  if (Object.keys(seeds).length === 0) return undefined
  const gradients = await gradientsOf(lethe, engine, s, inputs, seeds)
  let [worst, input] = [0, '']
  for (const moved of inputs) {
    const g = gradients[moved.name] ?? new Float64Array(moved.value.length)
    if (!g.every(Number.isFinite)) return { worst: Number.POSITIVE_INFINITY, input: moved.name, isFinite: false }
    const size = sizeOf(moved)
    const isHere = moved.value.map((x) => (Number.isFinite(x) ? 1 : 0))
    for (const whole of [unit(g), direction(g.length, next), direction(g.length, next)]) {
      // An infinite number (a mask) cannot be moved.
      const v = whole.map((x, i) => (isHere[i] ? x : 0))
      const analytic = g.reduce((sum, gi, i) => sum + (isHere[i] ? gi * (v[i] ?? 0) : 0), 0)
      const along = async (/** @type {number} */ h) => {
        const value = moved.value.map((x, i) => x + h * (v[i] ?? 0))
        const out = await session.run({ ...feedsOf(inputs), ...feedsOf([{ ...moved, value }]) })
        return Object.entries(seeds).reduce((sum, [name, r]) => sum + weighted(out[name], r, here[name]), 0)
      }
      let least = Number.POSITIVE_INFINITY
      for (const step of steps) {
        // Directions have length √P, so that every number moves by about h.
        const numeric = await lethe.derivativeAtZero(along, step * size)
        const scale = Math.max(Math.abs(numeric), Math.abs(analytic), norm(g), 1e-3)
        const error = Math.abs(numeric - analytic) / scale
        least = Math.min(least, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)
        if (least <= tolerance) break
      }
      if (least > worst) [worst, input] = [least, moved.name]
    }
  }
  return { worst, input, isFinite: true }
}

/** A random weight; what is infinite or no number (a mask, the logarithm of nothing) has none. @param {number} y @param {() => number} next */
function seedOf(y, next) {
  const r = 2 * next() - 0.9
  return Number.isFinite(y) ? r : 0
}

/** Σ r·(y − y₀), in float64. @param {Tensor | undefined} y @param {Tensor} r @param {Tensor | undefined} y0 */
function weighted(y, r, y0) {
  let sum = 0
  for (let i = 0; i < r.data.length; i++) {
    const weight = Number(r.data[i])
    if (weight !== 0) sum += weight * (Number(y?.data[i]) - Number(y0?.data[i]))
  }
  return sum
}

/**
 * @param {Lethe} lethe @param {Engine} engine @param {StaticGraph} s @param {readonly Input[]} inputs @param {Readonly<Record<string, Tensor>>} seeds
 * @returns {Promise<Record<string, Float64Array>>}
 */
async function gradientsOf(lethe, engine, s, inputs, seeds) {
  const opset = s.graph.opsets.get('')
  if (opset === undefined) throw new Error('The model names no operator set.')
  const emitter = new lethe.Emitter(opset)
  const names = Object.keys(seeds)
  const found = lethe.backward({
    graph: s.graph,
    batch: s.batch,
    values: s.values,
    emitter,
    seeds: new Map(names.map((n) => [n, { name: `seed/${n}`, dtype: 'float32', dims: seeds[n]?.dims ?? [] }])),
    wanted: new Set(inputs.map((v) => v.name)),
    form: 'sum',
  })
  if (found.size === 0) return {}
  const outputs = [...found.values()].map((v) => ({ name: v.name, dtype: v.dtype, dims: v.dims }))
  const feeds = {
    ...feedsOf(inputs),
    ...Object.fromEntries(names.map((n) => [`seed/${n}`, /** @type {Tensor} */ (seeds[n])])),
  }
  const graph = emitter.finish(
    withInputs(s.graph, inputs),
    outputs,
    Object.entries(feeds).map(([name, t]) => ({ name, dtype: t.dtype, dims: t.dims })),
  )
  const session = await engine.createSession(lethe.writeGraph(graph))
  try {
    const out = await session.run(feeds)
    return Object.fromEntries([...found].map(([name, v]) => [name, Float64Array.from(out[v.name]?.data ?? [], Number)]))
  } finally {
    await session.release()
  }
}

/** Data a little beside the given: where several numbers tie, or one lies on a kink. @param {readonly Input[]} inputs @param {number} seed */
export function movedFrom(inputs, seed) {
  const next = random(100 + seed)
  return inputs.map((input) => {
    const size = sizeOf(input)
    return { ...input, value: input.value.map((x) => x + nudge * size * (2 * next() - 1)) }
  })
}

/** Root of the mean square of its finite numbers. @param {Input} input */
function sizeOf({ value }) {
  const finite = value.filter((x) => Number.isFinite(x))
  return Math.max(norm(finite) / Math.sqrt(Math.max(finite.length, 1)), 1e-2)
}

/** @param {ArrayLike<number>} v */
function norm(v) {
  return Math.sqrt(Array.from(v).reduce((sum, x) => sum + x * x, 0))
}

/** Along v, with length √P. @param {Float64Array} v */
function unit(v) {
  const length = norm(v) / Math.sqrt(v.length)
  return length === 0 ? v : v.map((x) => x / length)
}

/** @param {Graph} graph @param {readonly Input[]} inputs @returns {Graph} */
export function withInputs(graph, inputs) {
  const names = new Set(inputs.map((v) => v.name))
  return {
    ...graph,
    inputs: inputs.map(({ name, dims }) => ({ name, dtype: 'float32', dims })),
    initializers: new Map([...graph.initializers].filter(([name]) => !names.has(name))),
  }
}

/** @param {readonly Input[]} inputs @returns {Record<string, Tensor>} */
export function feedsOf(inputs) {
  return Object.fromEntries(inputs.map(({ name, dims, value }) => [name, { dtype: 'float32', dims, data: value }]))
}
