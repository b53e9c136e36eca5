import { LetheError } from '../errors.js'
import type { Chunk, ChunkResult, Pool, PooledSession, Tensors } from './engine.js'
import type { Ask, Reply, Request } from './protocol.js'

/** A started worker as a pool sees it: threads of Node and Web Workers differ in nothing else. */
export interface Transport {
  post(request: Request, transfer: ArrayBuffer[]): void
  /** Told when the first request is under way, and when the last is answered. */
  busy?(isBusy: boolean): void
  /** Ends the worker; nothing runs in it any more. */
  end(): Promise<void>
}

/** Starts a worker: its replies and its death are told to the functions given. */
export type StartWorker = (on: {
  reply(reply: Reply): void
  failed(message: string, cause?: unknown): void
}) => Transport

/** A worker with the requests that it has not yet answered. */
export interface Lane {
  /** Answer to a request. Throws `op-unsupported`, `engine-failed`, or the code that the worker gives. */
  ask(request: Ask, transfer?: readonly ArrayBuffer[]): Promise<unknown>
  /** Requests asked and not yet answered. */
  load(): number
  /** When it began with the first of them, in milliseconds. */
  since(): number
  /** Ends the worker once all is answered: ending one in the middle of a run can take the process along. */
  close(): Promise<void>
}

/** Lane of a worker that is being started. */
export function openLane(start: StartWorker): Lane {
  const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let nextId = 0
  let since = 0
  let dead: LetheError | undefined
  let idle = (): void => {}
  const transport = start({
    reply({ id, ...reply }) {
      const waiting = pending.get(id)
      if (reply.error === undefined) waiting?.resolve(reply.value)
      else waiting?.reject(reply.code ? new LetheError(reply.code, reply.error) : engineError(reply.error))
    },
    failed(message, cause) {
      dead = new LetheError('engine-failed', `A worker of the runtime stopped: ${message}`, {}, { cause })
      for (const { reject } of pending.values()) reject(dead)
    },
  })
  return {
    async ask(request, transfer = []) {
      if (dead) throw dead
      const id = nextId++
      if (pending.size === 0) {
        transport.busy?.(true)
        since = performance.now()
      }
      try {
        return await new Promise((resolve, reject) => {
          pending.set(id, { resolve, reject })
          transport.post({ ...request, id }, [...new Set(transfer)])
        })
      } finally {
        pending.delete(id)
        since = performance.now()
        if (pending.size === 0) {
          transport.busy?.(false)
          idle()
        }
      }
    },
    load: () => pending.size,
    since: () => since,
    async close() {
      if (pending.size > 0) {
        await new Promise<void>((resolve) => {
          idle = resolve
        })
      }
      await transport.end()
    },
  }
}

/** Pool of lanes. Work goes to the least loaded one, of several to that which will be the first to be ready; which one does it never changes a result. */
export function poolOf(lanes: readonly Lane[], engine: Pool['engine'], packsWeights = false): Pool {
  let nextSession = 0
  return {
    workers: lanes.length,
    engine,
    packsWeights,
    async createSession(model, options = {}) {
      const session = nextSession++
      const chosen = lanes.toSorted((a, b) => a.load() - b.load()).slice(0, options.workers)
      const asked = (request: Ask): Promise<unknown> => Promise.all(chosen.map((lane) => lane.ask(request)))
      const made = await Promise.allSettled(
        chosen.map((lane, i) => {
          const given = options.handOver && i === chosen.length - 1 ? ownBuffer(model) : []
          return lane.ask({ kind: 'create', session, model, options }, given).then(() => lane)
        }),
      )
      const failed = made.find((m) => m.status === 'rejected')
      if (failed) {
        const left = made.flatMap((m) => (m.status === 'fulfilled' ? [m.value] : []))
        await Promise.allSettled(left.map((lane) => lane.ask({ kind: 'release', session })))
        throw failed.reason
      }
      return {
        run(chunk: Chunk) {
          const lane = chosen.reduce((best, l) => (isSooner(l, best) ? l : best))
          const buffers = [...buffersOf(chunk.runs), ...(chunk.memory ?? [])]
          return lane.ask({ kind: 'run', session, chunk }, buffers) as Promise<ChunkResult>
        },
        async hold(feeds: Tensors) {
          await asked({ kind: 'hold', session, feeds })
        },
        async release() {
          await asked({ kind: 'release', session })
        },
      } satisfies PooledSession
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()))
    },
  }
}

/** Pieces of work are about as long as each other: what has begun earlier is ready earlier. */
function isSooner(a: Lane, b: Lane): boolean {
  return a.load() < b.load() || (a.load() === b.load() && a.since() < b.since())
}

/** Buffers that can be handed over; a view into a larger buffer (a slice of a file) is copied instead. */
function buffersOf(runs: readonly Tensors[]): ArrayBuffer[] {
  return runs.flatMap((feeds) => Object.values(feeds).flatMap(({ data }) => ownBuffer(data)))
}

/** The buffer that an array fills alone; none where it is a part of one. */
function ownBuffer({ buffer, byteLength }: ArrayBufferView): ArrayBuffer[] {
  return byteLength === buffer.byteLength && buffer instanceof ArrayBuffer ? [buffer] : []
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
