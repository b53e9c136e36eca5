import {
  arrayDataset,
  createWebPool,
  isLetheError,
  openLethe,
  type Pool,
  type WebPoolOptions,
} from '../../../src/web.js'
import { laws } from '../../engine/contract.js'
import { f32 } from '../../small-graphs.js'
import { type Done, type Shape, type Wish, work } from '../work.js'

/** What tests can ask of the page. Bytes travel as text in base 64. */
export interface Page {
  law(title: string): Promise<unknown>
  /** Opens and closes a pool, of workers of another script where one is named; tells what it was, or why not. */
  open(options?: Omit<WebPoolOptions, 'startWorker'> & { script?: string }): Promise<string>
  work(model: string, shape: Shape, options?: WebPoolOptions, wish?: Wish): Promise<Text>
  /** Error of an importance. */
  refusal(model: string, shape: Shape, options: WebPoolOptions): Promise<string>
  /** Aborts an importance once `after` examples are done; tells where it stopped, and that the pool works on. */
  stop(model: string, dims: readonly number[], after: number): Promise<Stopped>
}
export interface Stopped {
  readonly end: string
  readonly done: number
  readonly total: number
  readonly again: number
}
export type Text = { readonly [K in keyof Done]: string }

declare global {
  var lethe: Page
}

async function withPool<T>(options: WebPoolOptions, act: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = await createWebPool(options)
  try {
    return await act(pool)
  } finally {
    await pool.close()
  }
}

function base64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

function told(error: unknown): string {
  return isLetheError(error) ? `${error.code}: ${error.message}` : String(error)
}

globalThis.lethe = {
  law(title) {
    const law = laws.find((l) => l.title === title)
    if (!law) throw new Error(`No law "${title}".`)
    return withPool({ workers: 2 }, law.run)
  },
  async open({ script, ...options } = {}) {
    const startWorker = script === undefined ? undefined : () => new Worker(script, { type: 'module' })
    try {
      return await withPool(
        { ...options, startWorker },
        async (pool) => `${pool.workers} ${pool.engine.name} ${pool.engine.version}`,
      )
    } catch (error) {
      return told(error)
    }
  },
  async stop(model, dims, after) {
    const total = 400
    const data = arrayDataset({
      labels: new Uint8Array(total),
      inputs: { x: f32([total, ...dims]) },
    })
    const lethe = await openLethe({ model, data, workers: 2 })
    const abort = new AbortController()
    let done = 0
    const watch = (progress: { done: number }): void => {
      done = progress.done
      if (done >= after) abort.abort()
    }
    const end = await lethe.importance({ signal: abort.signal, onProgress: watch }).then(
      () => 'finished',
      (error: unknown) => (isLetheError(error) ? error.code : String(error)),
    )
    const again = (await lethe.importance()).importance.count
    await lethe.close()
    return { end, done, total, again }
  },
  async refusal(address, shape, options) {
    const model = new Uint8Array(await (await fetch(address)).arrayBuffer())
    return work(model, shape, options, { forget: false }).then(() => 'no error', told)
  },
  async work(address, shape, options = {}, wish = {}) {
    const model = new Uint8Array(await (await fetch(address)).arrayBuffer())
    const done = await work(model, shape, options, wish)
    return { store: base64(done.store), forgotten: base64(done.forgotten), sentence: done.sentence }
  },
}
