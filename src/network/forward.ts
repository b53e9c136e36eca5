import type { Pool, PooledSession, Tensors } from '../engine/engine.js'
import { inOrder, type WorkOptions } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import { isTokenLoss } from '../fisher/loss.js'
import { forwardProgram } from '../fisher/program.js'
import { collectAnswers, type TokenAnswers } from '../fisher/token-answers.js'
import { writeGraph } from '../onnx/model.js'
import { createMemory, type Memory } from '../tensor/memory.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkTokens, type Examples, labelledOf } from './examples.js'
import { microBatchOf } from './micro-batch.js'
import type { Network } from './network.js'

/** Scores of a set of examples: [N, K], row by row. Under a loss by tokens there are `tokens` instead, and no scores. */
export interface Scores {
  readonly logits: Float32Array
  readonly classes: number
  readonly tokens?: TokenAnswers
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
/** Most scores a run hands out: 128 MiB, which scores over a vocabulary for every token reach soon. */
const largestScores = 2 ** 25

/**
 * Opens the forward pass of a network on a pool. `varying` names parameters whose values change between runs (fed as
 * inputs; the others stay initializers, which is about 30 % faster). With `runs: 'many'` (many examples between two changes) every
 * change makes a session with the new weights in it, where the engine packs weights: dearer than feeding them, and then as fast as the model itself.
 */
export async function openForward(
  network: Network,
  pool: Pool,
  options: { batch?: number; varying?: ReadonlySet<string>; runs?: 'few' | 'many' } = {},
): Promise<Forward> {
  const batch = network.trace.fixedBatch ?? options.batch ?? batchOf(network)
  const s = await network.at(batch)
  const run = isTokenLoss(network.loss.loss) ? runTokens : runScores
  const tensors = (weights: ReadonlyMap<string, Float32Array>): [string, Tensor][] =>
    [...weights].map(([name, data]) => [
      name,
      { dtype: 'float32', dims: network.graph.initializers.get(name)!.dims, data },
    ])
  if (options.runs === 'many' && pool.packsWeights) {
    const graph = forwardProgram(s, network.loss)
    const initializers = new Map(graph.initializers)
    let session: PooledSession | undefined
    const release = async (): Promise<void> => {
      await session?.release()
      session = undefined
    }
    return {
      async run(examples, work = {}) {
        session ??= await pool.createSession(writeGraph({ ...graph, initializers }), { handOver: true })
        return run({ network, session, examples, batch, pool, work })
      },
      async hold(weights) {
        await release()
        for (const [name, t] of tensors(weights)) if (initializers.has(name)) initializers.set(name, t)
      },
      release,
    }
  }
  const session = await pool.createSession(writeGraph(forwardProgram(s, network.loss, options.varying)), {
    handOver: true,
  })
  return {
    run: (examples, work = {}) => run({ network, session, examples, batch, pool, work }),
    hold: (weights) => session.hold(Object.fromEntries(tensors(weights))),
    release: () => session.release(),
  }
}

/** Examples a run: as near the core as activations, and no more scores than may be handed out. */
function batchOf(network: Network): number {
  let batch = microBatchOf(network, largestBatch, 'forward')
  while (batch > 1 && batch * (network.tokens ?? 1) * network.classes > largestScores) batch /= 2
  return batch
}

interface Run {
  readonly network: Network
  readonly session: PooledSession
  readonly examples: Examples
  readonly batch: number
  readonly pool: Pool
  readonly work: WorkOptions
}

/** Scores batch by batch, in order, with what `load` wants kept beside them. */
async function* batches<T>(
  run: Run,
  load: (rows: readonly number[], memory: Memory) => Promise<{ feeds: Tensors; kept: T }>,
) {
  const { network, session, examples, batch, pool, work } = run
  const starts = Array.from({ length: Math.ceil(examples.size / batch) }, (_, i) => i * batch)
  const memory = createMemory()
  const one = async (start: number) => {
    const count = Math.min(batch, examples.size - start)
    const { feeds, kept } = await load(padded(start, count, batch), memory)
    const output = network.loss.logits
    const result = await session.run({ runs: [feeds], totals: [], keep: [output] })
    memory.give(result.memory)
    return { start, count, scores: result.kept[0]![output]!.data as Float32Array, kept }
  }
  for await (const done of inOrder(starts, one, pool.workers * 2, work.signal)) {
    yield done
    work.onProgress?.({ done: done.start + done.count, total: examples.size })
  }
}

async function runScores(run: Run): Promise<Scores> {
  const { examples, network } = run
  const K = network.classes
  const logits = new Float32Array(examples.size * K)
  const load = async (rows: readonly number[], memory: Memory) => ({
    feeds: await examples.load(rows, memory),
    kept: undefined,
  })
  for await (const { start, count, scores } of batches(run, load)) {
    logits.set(scores.subarray(0, count * K), start * K)
    for (let i = 0; i < count; i++) {
      if (!scores.subarray(i * K, (i + 1) * K).every(Number.isFinite)) throw notFinite(examples, start + i)
    }
  }
  return { logits, classes: K }
}

async function runTokens(run: Run): Promise<Scores> {
  const { examples, network } = run
  const [T, K] = [network.tokens ?? 1, network.classes]
  if (!isTokenLoss(network.loss.loss)) throw new LetheError('internal', 'Tokens were asked of a loss without tokens.')
  const collector = collectAnswers(network.loss.loss)
  const load = async (rows: readonly number[]) => {
    const { inputs, labels } = await labelledOf(examples, rows)
    checkTokens(labels, examples, rows, { count: T, classes: K })
    return { feeds: inputs, kept: labels }
  }
  for await (const { start, count, scores, kept } of batches(run, load)) {
    for (let i = 0; i < count; i++) {
      if (!collector.add(scores, i * T * K, kept.subarray(i * T, (i + 1) * T), K)) throw notFinite(examples, start + i)
    }
  }
  return { logits: new Float32Array(), classes: K, tokens: collector.finish() }
}

/** `count` rows from `start`, the last one repeated until there are `batch`. */
export function padded(start: number, count: number, batch: number): number[] {
  return Array.from({ length: batch }, (_, i) => start + Math.min(i, count - 1))
}

function notFinite(examples: Examples, row: number): LetheError {
  const id = examples.id(row)
  return new LetheError('value-not-finite', `The model's scores for record "${id}" are not finite; check its data.`, {
    id,
  })
}
