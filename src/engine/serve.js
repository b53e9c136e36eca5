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
/** @typedef {{ session: OrtSession, held: Record<string, OrtTensor> }} Entry */

/**
 * What an engine adds to the common way.
 * @typedef {object} Ways
 * @property {import('onnxruntime-common').InferenceSession.SessionOptions} options For every session.
 * @property {boolean} [addsInPlace] A run may write a total over the one it was fed. Totals that are added up outside the graph, or in
 *   fresh memory, cost a tenth of the time of a network of 11 million weights: they are read from far memory.
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
        sessions.set(request.session, { session, held: {} })
        return undefined
      }
      case 'hold': {
        const e = entry(request.session)
        e.held = { ...e.held, ...toFeeds(request.feeds) }
        return undefined
      }
      case 'run':
        return runChunk(entry(request.session), request.chunk, { ort, toFeeds, inPlace: ways.addsInPlace ?? false })
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
    // Planned memory is one more block of the size of all activations, beside what runs without a plan have taken: a third more memory, a slow
    // second run, and no faster one after it.
    enableMemPattern: false,
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
 * @param {Entry} e
 * @param {Chunk} chunk
 * @param {{ ort: Runtime, toFeeds: (feeds: Readonly<Record<string, Tensor>>) => Record<string, OrtTensor>, inPlace: boolean }} ways
 */
async function runChunk(e, chunk, { ort, toFeeds, inPlace }) {
  const memory = spare(chunk.memory ?? [])
  let totals = chunk.totals.map(({ dims }) => {
    const size = dims.reduce((a, b) => a * b, 1)
    const data = new Float32Array(memory(4 * size)).fill(0)
    return toOrt(ort, { dtype: 'float32', dims, data })
  })
  /** Totals by the names of their inputs or outputs. @param {'input' | 'output'} end @returns {Record<string, OrtTensor>} */
  const byName = (end) =>
    Object.fromEntries(chunk.totals.map((total, i) => [total[end], /** @type {OrtTensor} */ (totals[i])]))
  const keep = chunk.keep === 'all' ? e.session.outputNames : chunk.keep
  const wanted = Object.fromEntries([...chunk.totals.map((t) => t.output), ...keep].map((name) => [name, null]))
  const kept = []
  for (const feeds of chunk.runs) {
    const fetches = inPlace ? { ...wanted, ...byName('output') } : wanted
    const out = await e.session.run({ ...e.held, ...toFeeds(feeds), ...byName('input') }, fetches)
    totals = chunk.totals.map(({ output }) => /** @type {OrtTensor} */ (out[output]))
    kept.push(Object.fromEntries(keep.map((name) => [name, fromOrt(/** @type {OrtTensor} */ (out[name]))])))
  }
  const ended = chunk.totals.map(({ output }, i) => [output, /** @type {OrtTensor} */ (totals[i]).data])
  return { totals: Object.fromEntries(ended), kept, memory: memoryOf(chunk.runs) }
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
  const { totals, kept, memory } = /** @type {import('./engine.js').ChunkResult} */ (value)
  const all = [
    ...memory,
    ...Object.values(totals).map((t) => t.buffer),
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
