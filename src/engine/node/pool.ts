import { availableParallelism } from 'node:os'
import { getEnvironmentData, setEnvironmentData, Worker } from 'node:worker_threads'
import { env } from 'onnxruntime-common'
import { LetheError } from '../../errors.js'
import type { Pool } from '../engine.js'
import { openLane, poolOf, type StartWorker } from '../lanes.js'
import type { Accelerator, Device } from './device.js'

export { engineOf } from '../engine-of.js'
export { type Device, deviceNames, devices } from './device.js'

/** Under this name Node keeps, for the threads of the process, that a pool works on WebGPU. */
const webGpuInUse = 'lethe: WebGPU is in use'

/** How a pool is made on any device; everything may be left out. */
export interface DevicePoolOptions {
  /** Default 'cpu'. */
  readonly device?: Device
  /** Worker threads with a session each. Default one a core for the processor, one for a card; WebGPU has no more than one. */
  readonly workers?: number
}

/**
 * Pool of worker threads on onnxruntime-node, one single-threaded session in each. Work goes to the least loaded
 * worker; which worker does it never changes a result. Default: one worker a core that this process may use.
 */
export function createPool(options: { workers?: number } = {}): Pool {
  const count = Math.max(1, options.workers ?? availableParallelism())
  const lanes = Array.from({ length: count }, () => openLane(threadOn('cpu')))
  return poolOf(lanes, engineOn('cpu'), true)
}

/**
 * Pool on a device, as `createPool` makes one on the processor. Resolves once the device is known to be there; nothing goes to the processor
 * instead but the operators that the runtime has no kernel for on the card. A card's numbers differ from the processor's by rounding; whether they are
 * right for a model is what `checkDevice` finds out.
 *
 * Throws `device-missing` (what is missing, what to install), `usage` (several workers on WebGPU, or a second pool on it in one process: two threads at
 * one card end the process).
 */
export async function createDevicePool({ device = 'cpu', workers }: DevicePoolOptions = {}): Promise<Pool> {
  if (device === 'cpu') return createPool({ workers })
  const release = device === 'webgpu' ? takeWebGpu(workers) : () => {}
  const lanes = Array.from({ length: Math.max(1, workers ?? 1) }, () => openLane(threadOn(device)))
  const pool = poolOf(lanes, engineOn(device))
  const close = async (): Promise<void> => {
    await pool.close()
    release()
  }
  try {
    await Promise.all(lanes.map((lane) => lane.ask({ kind: 'start', settings: undefined })))
    return { ...pool, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Holds WebGPU for one pool; the function gives it back. */
function takeWebGpu(workers = 1): () => void {
  if (workers > 1) {
    throw new LetheError(
      'usage',
      `WebGPU takes one worker, got ${workers}: two threads at one graphics card end the process.`,
    )
  }
  if (getEnvironmentData(webGpuInUse) !== undefined) {
    throw new LetheError(
      'usage',
      'Another pool of this process works on WebGPU; close it first: two threads at one graphics card end the process.',
    )
  }
  setEnvironmentData(webGpuInUse, true)
  return () => setEnvironmentData(webGpuInUse, undefined)
}

/** Name and version of the runtime, as stores and records of evidence keep them: a card is named with it. */
function engineOn(device: Device): Pool['engine'] {
  const name = device === 'cpu' ? 'onnxruntime-node' : `onnxruntime-node (${device satisfies Accelerator})`
  return { name, version: env.versions.node ?? env.versions.common }
}

function threadOn(device: Device): StartWorker {
  return (on) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: device })
    worker.unref()
    worker.on('message', on.reply)
    worker.on('error', (cause) => on.failed(cause.message, cause))
    return {
      post: (request, transfer) => worker.postMessage(request, transfer),
      busy: (isBusy) => (isBusy ? worker.ref() : worker.unref()),
      async end() {
        // A worker must never be terminated during a run: that aborts the process. The lane has awaited all answers.
        await worker.terminate()
      },
    }
  }
}
