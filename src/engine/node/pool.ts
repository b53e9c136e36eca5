import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { env } from 'onnxruntime-common'
import type { Pool } from '../engine.js'
import { openLane, poolOf, type StartWorker } from '../lanes.js'

export { engineOf } from '../engine-of.js'

/**
 * Pool of worker threads on onnxruntime-node, one single-threaded session in each. Work goes to the least loaded
 * worker; which worker does it never changes a result. Default: one worker a core that this process may use.
 */
export function createPool(options: { workers?: number } = {}): Pool {
  const count = Math.max(1, options.workers ?? availableParallelism())
  const lanes = Array.from({ length: count }, () => openLane(startThread))
  return poolOf(lanes, { name: 'onnxruntime-node', version: env.versions.node ?? env.versions.common })
}

const startThread: StartWorker = (on) => {
  const worker = new Worker(new URL('./worker.js', import.meta.url))
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
