import { LetheError } from '../../errors.js'
import type { Pool } from '../engine.js'
import { openLane, poolOf, type StartWorker } from '../lanes.js'
import type { Device, Settings } from './settings.js'

export { engineOf } from '../engine-of.js'
export type { Device } from './settings.js'

/** How a pool of Web Workers is made; everything may be left out. */
export interface WebPoolOptions {
  /** Default 'wasm'. */
  readonly device?: Device
  /** Web Workers with a session each. Default one a core for WebAssembly; WebGPU has one. */
  readonly workers?: number
  /**
   * Threads of WebAssembly in each worker. Default 1: more workers are faster than more threads, but each holds the model once more.
   * More than one needs a page that is cross-origin isolated (headers COOP and COEP).
   */
  readonly threads?: number
  /**
   * Where the WebAssembly files of onnxruntime-web lie: address of a folder that ends in `/`, or of the files themselves. Default: where the bundler has
   * put them. Nothing else is ever fetched.
   */
  readonly wasm?: Settings['wasm']
  /** Starts a worker, for bundlers that do not know `new Worker(new URL(…, import.meta.url))`: an entry made of `lethe/engine/web/worker-wasm`. */
  readonly startWorker?: (device: Device) => Worker
}

/**
 * Pool of Web Workers on onnxruntime-web, as `createPool` makes one of threads in Node: the same work gives the same sums to the last rounding,
 * whatever the number of workers. Resolves once the runtime's code is there in each; close it, or the workers stay.
 *
 * Throws `device-missing` (no WebGPU), `usage` (threads without cross-origin isolation, several workers on WebGPU), `engine-failed` (a worker that cannot be
 * loaded).
 */
export async function createWebPool(options: WebPoolOptions = {}): Promise<Pool> {
  const { device = 'wasm', threads = 1, wasm, startWorker = bundledWorker } = options
  const workers = Math.max(1, options.workers ?? (device === 'webgpu' ? 1 : Math.floor(cores() / threads)))
  if (device === 'webgpu' && workers > 1) {
    throw new LetheError(
      'usage',
      `WebGPU takes one worker, got ${workers}: two sessions on one graphics card can end the page.`,
    )
  }
  if (threads > 1 && !globalThis.crossOriginIsolated) {
    throw new LetheError(
      'usage',
      `${threads} threads in a worker need a page that is cross-origin isolated; serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or use more workers instead.`,
    )
  }
  const settings: Settings = { device, threads, wasm }
  const lanes = Array.from({ length: workers }, () => openLane(webWorker(() => startWorker(device))))
  try {
    const [first] = await Promise.all(lanes.map((lane) => lane.ask({ kind: 'start', settings })))
    const name = device === 'wasm' ? 'onnxruntime-web' : `onnxruntime-web (${device})`
    return poolOf(lanes, { name, version: versionOf(first) })
  } catch (error) {
    await Promise.all(lanes.map((lane) => lane.close()))
    throw error
  }
}

function cores(): number {
  return globalThis.navigator?.hardwareConcurrency ?? 1
}

function versionOf(answer: unknown): string {
  return typeof answer === 'object' && answer !== null && 'version' in answer ? String(answer.version) : ''
}

// Each as one expression: that is the form in which bundlers find the files of workers.
function bundledWorker(device: Device): Worker {
  return device === 'webgpu'
    ? new Worker(new URL('./worker-webgpu.js', import.meta.url), { type: 'module' })
    : new Worker(new URL('./worker-wasm.js', import.meta.url), { type: 'module' })
}

function webWorker(make: () => Worker): StartWorker {
  return (on) => {
    const worker = make()
    worker.addEventListener('message', ({ data }) => on.reply(data))
    worker.addEventListener('error', (event) => {
      event.preventDefault()
      on.failed(event.message || 'its script could not be loaded', event.error)
    })
    worker.addEventListener('messageerror', () => on.failed('it sent what cannot be read'))
    return {
      post: (request, transfer) => worker.postMessage(request, transfer),
      // The lane has awaited all answers: nothing runs.
      end: async () => worker.terminate(),
    }
  }
}
