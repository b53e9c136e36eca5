import { LetheError } from '../errors.js'

/** How far a long piece of work is, in examples. */
export interface Progress {
  readonly done: number
  readonly total: number
}

/** What every long piece of work takes. */
export interface WorkOptions {
  readonly onProgress?: (progress: Progress) => void
  /** Stops between chunks with `cancelled`; what runs in the engine is finished first. */
  readonly signal?: AbortSignal
}

/**
 * Results of asynchronous work in the order of the items, with at most `inFlight` items under way: memory stays flat, and
 * sums over the results do not depend on which was ready first. Throws `cancelled` when the signal aborts.
 */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
  inFlight: number,
  signal?: AbortSignal,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = []
  try {
    for (const item of items) {
      throwIfCancelled(signal)
      const job = work(item)
      // A failure is seen where the job is awaited; until then it must not count as unhandled.
      job.catch(() => {})
      waiting.push(job)
      if (waiting.length >= inFlight) yield await waiting.shift()!
    }
    while (waiting.length > 0) {
      throwIfCancelled(signal)
      yield await waiting.shift()!
    }
  } finally {
    await Promise.allSettled(waiting)
  }
}

/** Throws `cancelled` once the signal has aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new LetheError('cancelled', 'Stopped. Run the same command again to go on where it stopped.')
}
