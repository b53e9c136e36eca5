// @ts-check
// What a worker of any engine does: sessions of ONNX Runtime behind requests. Plain JavaScript with types in comments, so
// that workers run from the sources and from the build alike.

/** @typedef {import('../tensor/tensor.js').Tensor} Tensor */
/** @typedef {import('./engine.js').Chunk} Chunk */
/** @typedef {import('./engine.js').SessionOptions} SessionOptions */
/** @typedef {import('./protocol.js').Request} Request */
/** @typedef {import('./protocol.js').Reply} Reply */

/**
 * What there is of a runtime: onnxruntime-node and onnxruntime-web share the classes of onnxruntime-common.
 * @typedef {object} Runtime
 * @property {import('onnxruntime-common').InferenceSessionFactory} InferenceSession
 * @property {import('onnxruntime-common').TensorConstructor} Tensor
 */
/** @typedef {import('onnxruntime-common').InferenceSession} OrtSession */
/** @typedef {import('onnxruntime-common').Tensor} OrtTensor */
/** @typedef {{ session: OrtSession, held: Record<string, OrtTensor>, outputs?: Record<string, OrtTensor> }} Entry */

/**
 * What an engine adds to the common way.
 * @typedef {object} Ways
 * @property {import('onnxruntime-common').InferenceSession.SessionOptions} options For every session.
 * @property {boolean} [keepsOutputs] Outputs that are added up are written into the same memory in every run: fresh memory costs a
 *   twentieth of the time of a network of 11 million weights.
 * @property {(settings: unknown) => Promise<unknown>} [start] Answers the request to start.
 */

/**
 * Function that answers requests one after another, in the order they come: two runs of one worker would only take each
 * other's memory.
 * @param {Runtime} ort
 * @param {Ways} ways
 * @param {(reply: Reply, transfer: ArrayBuffer[]) => void} post
 * @returns {(request: Request) => void}
 */
export function serve(ort, ways, post) {
  /** @type {Map<number, Entry>} */
  const sessions = new Map()

  /** @param {number} id @returns {Entry} */
  const entry = (id) => {
    const found = sessions.get(id)
    if (!found) throw new Error(`No session ${id}.`)
    return found
  }

  /** @param {Readonly<Record<string, Tensor>>} feeds */
  const toFeeds = (feeds) => Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, toOrt(ort, t)]))

  /** @param {Request} request @returns {Promise<unknown>} */
  async function answer(request) {
    switch (request.kind) {
      case 'start':
        return ways.start?.(request.settings)
      case 'create': {
        const session = await ort.InferenceSession.create(request.model, {
          ...ways.options,
          ...sessionOptions(request.options),
        })
        sessions.set(request.session, { session, held: {}, ...(ways.keepsOutputs && { outputs: {} }) })
        return undefined
      }
      case 'hold': {
        const e = entry(request.session)
        e.held = { ...e.held, ...toFeeds(request.feeds) }
        return undefined
      }
      case 'run':
        return runChunk(entry(request.session), request.chunk, toFeeds)
      case 'release':
        await entry(request.session).session.release()
        sessions.delete(request.session)
        return undefined
    }
  }

  /** @param {Request} request */
  async function reply(request) {
    try {
      const value = await answer(request)
      post({ id: request.id, value }, request.kind === 'run' ? buffersOf(value) : [])
    } catch (error) {
      const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
      post(
        /** @type {Reply} */ ({ id: request.id, error: messageOf(error), ...(code && isOwn(error) && { code }) }),
        [],
      )
    }
  }

  let last = Promise.resolve()
  return (request) => {
    last = last.then(() => reply(request))
  }
}

/** @param {SessionOptions} options */
function sessionOptions(options) {
  /** @type {import('onnxruntime-common').InferenceSession.SessionOptions} */
  const out = {
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: options.optimise === 'none' ? 'disabled' : (options.optimise ?? 'all'),
    logSeverityLevel: 3,
  }
  return out
}

/** @param {Runtime} ort @param {Tensor} t @returns {OrtTensor} */
function toOrt(ort, t) {
  // onnxruntime's constructor is overloaded by a literal type; every DataType of Lethe is one of its literals.
  return new ort.Tensor(/** @type {'float32'} */ (t.dtype), /** @type {Float32Array} */ (t.data), [...t.dims])
}

/** @param {OrtTensor} t @returns {Tensor} */
function fromOrt(t) {
  // Where the platform has Float16Array, the runtime gives that; the bits are what is meant.
  const { buffer, byteOffset, length } = /** @type {Float32Array} */ (t.data)
  const data = t.type === 'float16' ? new Uint16Array(buffer, byteOffset, length) : t.data
  return /** @type {Tensor} */ (/** @type {unknown} */ ({ dtype: t.type, dims: t.dims, data }))
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

/**
 * @param {Entry} e
 * @param {Chunk} chunk
 * @param {(feeds: Readonly<Record<string, Tensor>>) => Record<string, OrtTensor>} toFeeds
 */
async function runChunk(e, chunk, toFeeds) {
  /** @type {Record<string, Float64Array>} */
  const sums = {}
  const kept = []
  const keep = chunk.keep === 'all' ? e.session.outputNames : chunk.keep
  const wanted = [...new Set([...chunk.sums.map((s) => s.output), ...keep])]
  const memory = spare(chunk.memory ?? [])
  for (const feeds of chunk.runs) {
    const fetches = Object.fromEntries(wanted.map((name) => [name, e.outputs?.[name] ?? null]))
    const out = await e.session.run({ ...e.held, ...toFeeds(feeds) }, fetches)
    if (e.outputs)
      for (const { output } of chunk.sums)
        if (!keep.includes(output)) e.outputs[output] = /** @type {OrtTensor} */ (out[output])
    for (const { output, form } of chunk.sums) {
      const data = /** @type {Float32Array} */ (out[output]?.data)
      sums[output] ??= new Float64Array(memory(8 * data.length)).fill(0)
      addTo(/** @type {Float64Array} */ (sums[output]), data, form === 'add-squares')
    }
    kept.push(Object.fromEntries(keep.map((name) => [name, fromOrt(/** @type {OrtTensor} */ (out[name]))])))
  }
  for (const { output, form } of chunk.sums) {
    const sum = sums[output]
    if (form === 'square' && sum) for (let i = 0; i < sum.length; i++) sum[i] = /** @type {number} */ (sum[i]) ** 2
  }
  return { sums, kept, memory: memoryOf(chunk.runs) }
}

/**
 * Gives memory of a number of bytes: of what there is, else new.
 * @param {readonly ArrayBuffer[]} buffers
 * @returns {(bytes: number) => ArrayBuffer}
 */
function spare(buffers) {
  const left = [...buffers]
  return (bytes) => {
    const at = left.findIndex((buffer) => buffer.byteLength === bytes)
    return (at < 0 ? undefined : left.splice(at, 1)[0]) ?? new ArrayBuffer(bytes)
  }
}

/** Buffers of feeds, each once. @param {Chunk['runs']} runs @returns {ArrayBuffer[]} */
function memoryOf(runs) {
  const all = runs.flatMap((feeds) => Object.values(feeds).map((t) => t.data.buffer))
  return /** @type {ArrayBuffer[]} */ ([...new Set(all)])
}

/** Buffers of the result of a chunk, each once. @param {unknown} value @returns {ArrayBuffer[]} */
function buffersOf(value) {
  const { sums, kept, memory } = /** @type {import('./engine.js').ChunkResult} */ (value)
  const all = [
    ...memory,
    ...Object.values(sums).map((s) => s.buffer),
    ...kept.flatMap((k) => Object.values(k).map((t) => t.data.buffer)),
  ]
  return /** @type {ArrayBuffer[]} */ ([...new Set(all)])
}

/** @param {unknown} error */
function isOwn(error) {
  return error instanceof Error && error.name === 'LetheError'
}

/** @param {unknown} error */
function messageOf(error) {
  if (error instanceof Error) return error.message
  // A C++ exception that leaves WebAssembly uncaught is a bare pointer.
  if (typeof error === 'number') return `the runtime stopped inside WebAssembly (${error}), mostly for lack of memory`
  return String(error)
}
