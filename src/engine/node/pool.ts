import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { env } from 'onnxruntime-common'
import { LetheError } from '../../errors.js'
import type { Chunk, ChunkResult, Engine, Pool, PooledSession, Session, SessionOptions, Tensors } from '../engine.js'
import type { Reply, Request } from './protocol.js'

// Omit over each member of the union, not over what the members share.
type Ask = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never

interface Lane {
  readonly worker: Worker
  readonly pending: Map<number, { resolve(value: unknown): void; reject(error: Error): void }>
  /** Requests asked and not yet answered. */
  load: number
}

/**
 * Pool of worker threads on onnxruntime-node, one single-threaded session in each. Work goes to the least loaded
 * worker; which worker does it never changes a result. Default: one worker a core that this process may use.
 */
export function createPool(options: { workers?: number } = {}): Pool {
  const count = Math.max(1, options.workers ?? availableParallelism())
  const lanes = Array.from({ length: count }, startLane)
  let nextId = 0
  let nextSession = 0

  function ask(lane: Lane, request: Ask, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    const id = nextId++
    lane.load++
    lane.worker.ref()
    return new Promise((resolve, reject) => {
      lane.pending.set(id, { resolve, reject })
      lane.worker.postMessage({ ...request, id }, [...new Set(transfer)])
    }).finally(() => {
      lane.load--
      if (lane.load === 0) lane.worker.unref()
    })
  }

  return {
    workers: count,
    engine: { name: 'onnxruntime-node', version: env.versions.node ?? env.versions.common },
    async createSession(model, sessionOptions = {}) {
      const session = nextSession++
      await Promise.all(lanes.map((lane) => ask(lane, { kind: 'create', session, model, options: sessionOptions })))
      return {
        run(chunk: Chunk) {
          const lane = lanes.reduce((best, l) => (l.load < best.load ? l : best))
          return ask(lane, { kind: 'run', session, chunk }, buffersOf(chunk.runs)) as Promise<ChunkResult>
        },
        async hold(feeds: Tensors) {
          await Promise.all(lanes.map((lane) => ask(lane, { kind: 'hold', session, feeds })))
        },
        async release() {
          await Promise.all(lanes.map((lane) => ask(lane, { kind: 'release', session })))
        },
      } satisfies PooledSession
    },
    async close() {
      // A worker must never be terminated during a run: that aborts the process. Answers are awaited first.
      await Promise.all(
        lanes.map(async (lane) => {
          while (lane.pending.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
          await lane.worker.terminate()
        }),
      )
    },
  }
}

function startLane(): Lane {
  const worker = new Worker(new URL('./worker.js', import.meta.url))
  const lane: Lane = { worker, pending: new Map(), load: 0 }
  worker.unref()
  worker.on('message', (reply: Reply) => {
    const waiting = lane.pending.get(reply.id)
    lane.pending.delete(reply.id)
    if (reply.error === undefined) waiting?.resolve(reply.value)
    else waiting?.reject(engineError(reply.error))
  })
  worker.on('error', (cause) => {
    for (const { reject } of lane.pending.values()) {
      reject(new LetheError('engine-failed', `A worker of the runtime stopped: ${cause.message}`, {}, { cause }))
    }
    lane.pending.clear()
  })
  return lane
}

/** Buffers that can be handed over; a view into a larger buffer (a slice of a file) is copied instead. */
function buffersOf(runs: readonly Tensors[]): ArrayBuffer[] {
  const out: ArrayBuffer[] = []
  for (const feeds of runs) {
    for (const { data } of Object.values(feeds)) {
      if (data.byteLength === data.buffer.byteLength && data.buffer instanceof ArrayBuffer) out.push(data.buffer)
    }
  }
  return out
}

function engineError(message: string): LetheError {
  const op =
    /Fatal error: (\S+) is not a registered function|No Op registered for (\S+)|Could not find an implementation for (\S+?)\(/.exec(
      message,
    )
  const name = op?.[1] ?? op?.[2] ?? op?.[3]
  if (name) {
    return new LetheError(
      'op-unsupported',
      `The runtime has no operator ${name}; export the model with standard operators.`,
      {
        op: name,
      },
    )
  }
  return new LetheError('engine-failed', `The runtime refused the model or its inputs: ${firstLine(message)}`)
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message
}

/** The runtime as a plain engine over a pool: one run at a time, inputs copied, nothing summed. */
export function engineOf(pool: Pool): Engine {
  return {
    ...pool.engine,
    async createSession(model, options?: SessionOptions): Promise<Session> {
      const session = await pool.createSession(model, options)
      return {
        async run(feeds, outputs) {
          const copies = Object.fromEntries(
            Object.entries(feeds).map(([name, t]) => [name, { ...t, data: t.data.slice() }]),
          ) as Tensors
          const { kept } = await session.run({ runs: [copies], sums: [], keep: outputs ?? 'all' })
          return kept[0] ?? {}
        },
        release: () => session.release(),
      }
    },
  }
}
