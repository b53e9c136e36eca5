import type { Pool, PooledSession, Tensors } from '../engine/engine.js'
import { inOrder, type WorkOptions } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import { forwardProgram } from '../fisher/program.js'
import { writeGraph } from '../onnx/model.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Examples } from './examples.js'
import { microBatchOf } from './micro-batch.js'
import type { Network } from './network.js'

/** Scores of a set of examples: [N, K], row by row. */
export interface Scores {
  readonly logits: Float32Array
  readonly classes: number
}

/** Scores on demand, for one set of weights after another. Release it. */
export interface Forward {
  /** Scores of all examples. Throws `value-not-finite` naming the first record whose scores are NaN or infinite. */
  run(examples: Examples, options?: WorkOptions): Promise<Scores>
  /** New values of the weights that were opened as inputs. */
  hold(weights: ReadonlyMap<string, Float32Array>): Promise<void>
  release(): Promise<void>
}

/** Most examples a run. */
const largestBatch = 64

/**
 * Opens the forward pass of a network on a pool. `varying` names parameters whose values change between runs (fed as
 * inputs; the others stay initializers, which is about 30 % faster).
 */
export async function openForward(
  network: Network,
  pool: Pool,
  options: { batch?: number; varying?: ReadonlySet<string> } = {},
): Promise<Forward> {
  const batch = network.trace.fixedBatch ?? options.batch ?? microBatchOf(network, largestBatch, false)
  const s = await network.at(batch)
  const session = await pool.createSession(writeGraph(forwardProgram(s, network.loss, options.varying)))
  const K = network.classes
  return {
    async run(examples, work = {}) {
      const logits = new Float32Array(examples.size * K)
      const starts = Array.from({ length: Math.ceil(examples.size / batch) }, (_, i) => i * batch)
      let start = 0
      for await (const out of inOrder(
        starts,
        (at) => runBatch(session, examples, at, batch, network.loss.logits),
        pool.workers * 2,
        work.signal,
      )) {
        const count = Math.min(batch, examples.size - start)
        logits.set(out.subarray(0, count * K), start * K)
        checkFinite(out, examples, start, count, K)
        start += count
        work.onProgress?.({ done: start, total: examples.size })
      }
      return { logits, classes: K }
    },
    hold(weights) {
      const feeds: Record<string, Tensor> = {}
      for (const [name, data] of weights)
        feeds[name] = { dtype: 'float32', dims: network.graph.initializers.get(name)!.dims, data }
      return session.hold(feeds)
    },
    release: () => session.release(),
  }
}

async function runBatch(
  session: PooledSession,
  examples: Examples,
  start: number,
  batch: number,
  output: string,
): Promise<Float32Array> {
  const feeds: Tensors = await examples.load(padded(start, Math.min(batch, examples.size - start), batch))
  const { kept } = await session.run({ runs: [feeds], sums: [], keep: [output] })
  return kept[0]![output]!.data as Float32Array
}

/** `count` rows from `start`, the last one repeated until there are `batch`. */
export function padded(start: number, count: number, batch: number): number[] {
  return Array.from({ length: batch }, (_, i) => start + Math.min(i, count - 1))
}

function checkFinite(logits: Float32Array, examples: Examples, start: number, count: number, K: number): void {
  for (let i = 0; i < count * K; i++) {
    if (Number.isFinite(logits[i])) continue
    const id = examples.id(start + Math.floor(i / K))
    throw new LetheError('value-not-finite', `The model's scores for record "${id}" are not finite; check its data.`, {
      id,
    })
  }
}
