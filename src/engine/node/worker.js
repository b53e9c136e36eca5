// @ts-check
// One worker of the pool: sessions of onnxruntime-node behind messages. Plain JavaScript with types in comments, so
// that it runs from the sources and from the build alike.
import { parentPort } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'

/** @typedef {import('../../tensor/tensor.js').Tensor} Tensor */
/** @typedef {{ session: ort.InferenceSession, held: Record<string, ort.Tensor> }} Entry */
/** @typedef {import('./protocol.js').Request} Request */

const port = parentPort
if (!port) throw new Error('engine/node/worker.js runs as a worker only.')
ort.env.logLevel = 'error'

/** @type {Map<number, Entry>} */
const sessions = new Map()

/** @param {number} id @returns {Entry} */
function entry(id) {
  const found = sessions.get(id)
  if (!found) throw new Error(`No session ${id}.`)
  return found
}

/** @param {Tensor} t @returns {ort.Tensor} */
function toOrt(t) {
  // onnxruntime's constructor is overloaded by a literal type; every DataType of Lethe is one of its literals.
  return new ort.Tensor(/** @type {'float32'} */ (t.dtype), /** @type {Float32Array} */ (t.data), [...t.dims])
}

/** @param {ort.Tensor} t @returns {Tensor} */
function fromOrt(t) {
  return /** @type {Tensor} */ (/** @type {unknown} */ ({ dtype: t.type, dims: t.dims, data: t.data }))
}

/** @param {Readonly<Record<string, Tensor>>} feeds */
function toFeeds(feeds) {
  return Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, toOrt(t)]))
}

/**
 * @param {Float64Array} sum
 * @param {Float32Array} data
 * @param {boolean} squared
 */
function addTo(sum, data, squared) {
  for (let i = 0; i < data.length; i++) {
    const v = /** @type {number} */ (data[i])
    sum[i] = /** @type {number} */ (sum[i]) + (squared ? v * v : v)
  }
}

/** @param {Entry} e @param {import('../engine.js').Chunk} chunk */
async function runChunk(e, chunk) {
  /** @type {Record<string, Float64Array>} */
  const sums = {}
  const kept = []
  const keep = chunk.keep === 'all' ? e.session.outputNames : chunk.keep
  const wanted = [...new Set([...chunk.sums.map((s) => s.output), ...keep])]
  for (const feeds of chunk.runs) {
    const out = await e.session.run({ ...e.held, ...toFeeds(feeds) }, wanted)
    for (const { output, form } of chunk.sums) {
      const data = /** @type {Float32Array} */ (out[output]?.data)
      sums[output] ??= new Float64Array(data.length)
      addTo(/** @type {Float64Array} */ (sums[output]), data, form === 'add-squares')
    }
    kept.push(Object.fromEntries(keep.map((name) => [name, fromOrt(/** @type {ort.Tensor} */ (out[name]))])))
  }
  for (const { output, form } of chunk.sums) {
    const sum = sums[output]
    if (form === 'square' && sum) for (let i = 0; i < sum.length; i++) sum[i] = /** @type {number} */ (sum[i]) ** 2
  }
  return { sums, kept }
}

/** @param {Request} request */
async function answer(request) {
  switch (request.kind) {
    case 'create': {
      const session = await ort.InferenceSession.create(request.model, {
        intraOpNumThreads: request.options.threads ?? 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: request.options.optimise === 'none' ? 'disabled' : (request.options.optimise ?? 'all'),
        logSeverityLevel: 3,
      })
      sessions.set(request.session, { session, held: {} })
      return undefined
    }
    case 'hold': {
      const e = entry(request.session)
      e.held = { ...e.held, ...toFeeds(request.feeds) }
      return undefined
    }
    case 'run':
      return runChunk(entry(request.session), request.chunk)
    case 'release':
      await entry(request.session).session.release()
      sessions.delete(request.session)
      return undefined
  }
}

port.on('message', async (/** @type {Request} */ request) => {
  try {
    const value = await answer(request)
    const transfer = value
      ? [
          ...Object.values(value.sums).map((s) => s.buffer),
          ...value.kept.flatMap((k) => Object.values(k).map((t) => t.data.buffer)),
        ]
      : []
    port.postMessage({ id: request.id, value }, /** @type {ArrayBuffer[]} */ ([...new Set(transfer)]))
  } catch (error) {
    port.postMessage({ id: request.id, error: error instanceof Error ? error.message : String(error) })
  }
})
