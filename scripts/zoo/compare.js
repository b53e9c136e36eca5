// @ts-check
// Judges one model of the zoo: Lethe's importances beside those of PyTorch's autograd. Called by run.js with the built files
// and by the test with the sources.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @typedef {{ initializer: string, transpose: boolean, mergedInto?: string, order?: number[] }} Place
 * @typedef {object} Row one model of index.json
 * @property {string} file
 * @property {string} model
 * @property {string} source
 * @property {string} form
 * @property {number} opset
 * @property {string} reference
 * @property {string | null} output
 * @property {number[]} batches
 * @property {Record<string, string>} inputs input of the model → name in the reference
 * @property {string[]} zero parameters whose gradient is zero but for rounding
 * @property {Record<string, Place | null>} parameters
 * @property {Record<string, string>} reasons
 *
 * @typedef {'matches' | 'refused' | 'WRONG'} State
 * @typedef {object} Verdict
 * @property {string} file
 * @property {State} state
 * @property {number} [worst] largest difference of a parameter, as a share of its largest entry
 * @property {string} [parameter] the one that differs most
 * @property {number} [compared]
 * @property {'batch' | 'one'} [exact]
 * @property {string} [lost] why the examples of this model cannot be kept apart in a batch
 * @property {string} [code]
 * @property {string} [why]
 * @property {number} seconds
 *
 * @typedef {object} Lethe what is compared: the functions of the library
 * @property {typeof import('../../src/onnx/model.js').readModel} readModel
 * @property {typeof import('../../src/safetensors/safetensors.js').readSafetensors} readSafetensors
 * @property {typeof import('../../src/network/network.js').openNetwork} openNetwork
 * @property {typeof import('../../src/importance/estimate.js').estimateImportance} estimateImportance
 * @property {typeof import('../../src/fisher/program.js').gradientProgram} gradientProgram
 * @property {typeof import('../../src/engine/node/pool.js').engineOf} engineOf
 * @property {typeof import('../../src/errors.js').isLetheError} isLetheError
 *
 * @typedef {ReadonlyMap<string, import('../../src/tensor/tensor.js').Tensor>} Tensors
 */

/** Share of a tensor's largest entry that float32 may be away from the float64 reference. */
export const tolerance = 1e-4
/** Share of the model's largest S that a gradient of zero may show in float32. */
const noise = 1e-9

/**
 * @param {Lethe} lethe
 * @param {import('../../src/engine/engine.js').Pool} pool
 * @param {string} folder
 * @param {Row} row
 * @returns {Promise<Verdict>}
 */
export async function judge(lethe, pool, folder, row) {
  const begin = performance.now()
  const { file } = row
  const seconds = () => (performance.now() - begin) / 1000
  try {
    const { tensors } = lethe.readSafetensors(readFileSync(join(folder, row.reference)))
    const examples = examplesOf(row, tensors)
    const sample = await examples.load([...Array(examples.size).keys()])
    const options = { sample, ...(row.output !== null && { output: row.output }) }
    const { graph } = lethe.readModel(readFileSync(join(folder, file)))
    const network = await lethe.openNetwork(graph, lethe.engineOf(pool), options)
    const lost = await whyOneByOne(lethe, network, examples.size)
    const exact = lost === undefined ? 'batch' : 'one'
    const importance = await lethe.estimateImportance(network, pool, examples, { microBatch: examples.size })
    const found = compare(row, tensors, importance)
    if (found.why) return { file, state: 'WRONG', exact, why: found.why, seconds: seconds() }
    const { worst, parameter, compared } = found
    const state = worst <= tolerance ? 'matches' : 'WRONG'
    return { file, state, worst, parameter, compared, exact, lost, seconds: seconds() }
  } catch (error) {
    if (lethe.isLetheError(error) && error.code !== 'internal') {
      return { file, state: 'refused', code: error.code, why: error.message, seconds: seconds() }
    }
    return { file, state: 'WRONG', code: 'crash', why: String(error), seconds: seconds() }
  }
}

/** @param {Lethe} lethe @param {import('../../src/network/network.js').Network} network @param {number} batch */
async function whyOneByOne(lethe, network, batch) {
  try {
    const wanted = new Set(network.parameters.map((p) => p.name))
    lethe.gradientProgram(await network.at(batch), network.loss, 'squares', wanted)
    return undefined
  } catch (error) {
    if (lethe.isLetheError(error) && error.code === 'batch-axis-lost') return error.message
    throw error
  }
}

/**
 * @param {Row} row @param {Tensors} tensors @param {import('../../src/importance/importance.js').Importance} importance
 * @returns {{ worst: number, parameter: string, compared: number, why?: string }}
 */
function compare(row, tensors, importance) {
  const found = { worst: 0, parameter: '', compared: 0 }
  const of = (/** @type {string} */ name) => tensors.get(`S.${name}`)
  const names = Object.keys(row.parameters)
  const top = Math.max(...names.map((n) => largest(numbers(of(n)))))
  const loss = numbers(tensors.get('losses')).reduce((a, b) => a + b, 0)
  const difference = Math.abs(importance.lossSum - loss) / loss
  if (!(difference < 1e-5)) return { ...found, why: `the losses differ by ${difference.toExponential(1)}` }
  for (const name of names) {
    const place = row.parameters[name]
    const t = of(name)
    if (!place || !t) continue
    const got = importance.sums.get(place.initializer)
    const isZero = row.zero.includes(name)
    if (!got && isZero) continue
    if (!got) return { ...found, why: `"${name}" ("${place.initializer}") is not among the parameters` }
    const expected = place.transpose ? transposed(t) : numbers(t)
    const scale = isZero ? (top * noise) / tolerance : largest(expected)
    const { order } = place
    const worst = farthest(order ? Float64Array.from(order, (i) => got[i] ?? Number.NaN) : got, expected) / scale
    found.compared++
    if (!(worst <= found.worst)) Object.assign(found, { worst, parameter: name })
  }
  return found.compared ? found : { ...found, why: 'no parameter of the reference is in the model' }
}

/** @param {Row} row @param {Tensors} tensors @returns {import('../../src/network/examples.js').Examples} */
function examplesOf(row, tensors) {
  const labels = Int32Array.from(numbers(tensors.get('labels')))
  return {
    size: labels.length,
    labels,
    id: String,
    load: async (rows) =>
      Object.fromEntries(
        Object.entries(row.inputs).map(([to, from]) => [to, stacked(tensors.get(`input.${from}`), rows)]),
      ),
  }
}

/** @param {import('../../src/tensor/tensor.js').Tensor | undefined} t @param {readonly number[]} rows */
function stacked(t, rows) {
  if (!t) throw new Error('The reference lacks an input.')
  const dims = t.dims.slice(1)
  const each = dims.reduce((a, b) => a * b, 1)
  const data = t.data.slice(0, rows.length * each)
  const out = data.length === rows.length * each ? data : newLike(t.data, rows.length * each)
  rows.forEach((r, i) => {
    for (let k = 0; k < each; k++) out[i * each + k] = /** @type {never} */ (t.data[r * each + k])
  })
  return /** @type {import('../../src/tensor/tensor.js').Tensor} */ ({
    dtype: t.dtype,
    dims: [rows.length, ...dims],
    data: out,
  })
}

/** @template {import('../../src/tensor/tensor.js').Tensor['data']} T @param {T} data @param {number} length @returns {T} */
function newLike(data, length) {
  return new /** @type {new (n: number) => T} */ (data.constructor)(length)
}

/** @param {import('../../src/tensor/tensor.js').Tensor | undefined} t */
function numbers(t) {
  return Float64Array.from(t?.data ?? [], Number)
}

/** @param {import('../../src/tensor/tensor.js').Tensor} t */
function transposed(t) {
  const [rows = 1, columns = 1] = t.dims
  const data = numbers(t)
  return Float64Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN)
}

/** @param {Float64Array} values */
function largest(values) {
  return values.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
}

/** @param {Float64Array} a @param {Float64Array} b */
function farthest(a, b) {
  if (a.length !== b.length) return Number.NaN
  return a.reduce((m, v, i) => Math.max(m, Math.abs(v - (b[i] ?? Number.NaN))), 0)
}
