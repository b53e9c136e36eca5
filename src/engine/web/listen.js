// @ts-check
// What both Web Workers do; they differ in the build of onnxruntime-web that they bring along.
import { firstLineOf, probeModel, refusal } from '../probe.js'
import { serve } from '../serve.js'

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {typeof import('onnxruntime-web')} Runtime */

/**
 * Answers the requests of a pool, from inside a Web Worker.
 * @param {Runtime} ort
 * @param {import('./settings.js').Device} device
 */
export function listen(ort, device) {
  ort.env.logLevel = 'error'
  const answer = serve(
    ort,
    {
      // Two sessions on the graphics card at a time, and outputs left on it, have ended the process: outputs come back.
      options: { executionProviders: [device], preferredOutputLocation: 'cpu' },
      start: (settings) => start(ort, device, /** @type {Settings} */ (settings)),
    },
    (reply, transfer) => self.postMessage(reply, { transfer }),
  )
  self.addEventListener('message', ({ data }) => answer(data))
}

/**
 * @param {Runtime} ort
 * @param {import('./settings.js').Device} device
 * @param {Settings} settings
 */
async function start(ort, device, { threads, wasm }) {
  if (device === 'webgpu') await checkWebGpu()
  ort.env.wasm.numThreads = threads
  if (wasm !== undefined) ort.env.wasm.wasmPaths = wasm
  const session = await ort.InferenceSession.create(probeModel(), { executionProviders: [device] }).catch((error) => {
    const todo = 'Check that its .wasm file is where the page expects it, or say where with the option wasm.'
    throw refusal('engine-failed', `onnxruntime-web cannot be loaded (${firstLineOf(error)}). ${todo}`)
  })
  await session.release()
  return { version: ort.env.versions.web ?? ort.env.versions.common }
}

async function checkWebGpu() {
  const { gpu } = /** @type {{ gpu?: { requestAdapter(): Promise<unknown> } }} */ (navigator)
  const missing = !gpu
    ? 'This browser has no WebGPU here'
    : !(await gpu.requestAdapter())
      ? 'This browser has WebGPU, but offers no graphics card through it'
      : undefined
  if (missing === undefined) return
  const todo = "serve the page from https or localhost in a browser that has WebGPU switched on, or use device 'wasm'"
  throw refusal('device-missing', `${missing}: ${todo}.`)
}
