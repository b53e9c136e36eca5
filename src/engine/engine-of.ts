import type { Engine, Pool, Session, SessionOptions, Tensors } from './engine.js'

/** The runtime as a plain engine over a pool: one run at a time, inputs copied, nothing summed. Threads for one a worker: no more cores than the pool was given. */
export function engineOf(pool: Pool): Engine {
  return {
    ...pool.engine,
    async createSession(model, options?: SessionOptions): Promise<Session> {
      const threads = options?.threads === 0 ? pool.workers : options?.threads
      const session = await pool.createSession(model, { ...options, ...(threads && { threads }), workers: 1 })
      return {
        async run(feeds, outputs) {
          const copies = Object.fromEntries(
            Object.entries(feeds).map(([name, t]) => [name, { ...t, data: t.data.slice() }]),
          ) as Tensors
          const { kept } = await session.run({ runs: [copies], totals: [], keep: outputs ?? 'all' })
          return kept[0] ?? {}
        },
        release: () => session.release(),
      }
    },
  }
}
