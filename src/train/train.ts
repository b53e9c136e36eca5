import type { Pool, Tensors } from '../engine/engine.js'
import { throwIfCancelled } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import type { Graph } from '../graph/graph.js'
import { checkLabels, type Examples } from '../network/examples.js'
import type { Network } from '../network/network.js'
import { writeGraph } from '../onnx/model.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Augmentation, augment } from './augment.js'
import { findOptimiser } from './optimisers/index.js'
import type { Optimiser, OptimiserSettings } from './optimisers/optimiser.js'
import { epochRandom, shuffled } from './order.js'
import { findSchedule, type Schedule } from './schedule.js'
import { fingerprint, firstState, restoreState, writeState } from './state.js'
import { type RunningStatistic, trainingProgram } from './training-graph.js'

/** Where unfinished training is kept. Removing it is the caller's, once the result is in a safe place. */
export interface TrainCheckpoint {
  load(): Promise<Uint8Array | undefined>
  save(bytes: Uint8Array): Promise<void>
}

/** How a network is trained. */
export interface TrainOptions {
  /** Passes over the examples, at least 1. */
  readonly epochs: number
  /**
   * Examples a step, at least 2. Default 128, or all examples where there are fewer. An odd one is rounded down, and what
   * is left over at the end of an epoch is not used in it.
   */
  readonly batchSize?: number
  readonly optimiser?: string
  readonly rate?: number
  /** Of sgd. Default 0.9. */
  readonly momentum?: number
  /** Default 5e-4. */
  readonly weightDecay?: number
  /** Default cosine. */
  readonly schedule?: string
  readonly augmentation?: Augmentation
  readonly seed: number
  /** Hears of every step, and of where a checkpoint goes on. */
  readonly onStep?: (at: { done: number; total: number; epoch: number; loss: number }) => void
  readonly signal?: AbortSignal
  /** Saved after every epoch. */
  readonly checkpoint?: TrainCheckpoint
}

/** Micro-batches a step is always cut into: each can run on a worker of its own, and the result does not depend on how many there are. */
const parts = 2

/**
 * The network trained on the examples, as a graph in inference form with the new weights and running statistics.
 *
 * Minimises the mean cross-entropy of each batch. Batch norm uses the statistics of each micro-batch (half a batch); its
 * running statistics move as PyTorch's, by the mean over the micro-batches, variances unbiased.
 * The same options, data and kind of CPU give the same bytes, however many workers there are and however often the
 * training was stopped and resumed.
 *
 * Throws `label-range`, `value-not-finite`, `cancelled`, `usage`, and `checkpoint-mismatch` for a checkpoint of another
 * network, other ids or labels, or other settings.
 */
export async function train(network: Network, pool: Pool, examples: Examples, options: TrainOptions): Promise<Graph> {
  checkLabels(examples, network.classes)
  const s = settle(network, examples, options)
  const { program, statistics, parameters } = await trainingProgram(network, s.micro)
  const state = firstState(network, [...parameters, ...statistics.keys()])
  const owner = await fingerprint(network, examples, { ...s.facts, engine: pool.engine })
  const stepsPerEpoch = Math.floor(examples.size / (s.micro * parts))
  const total = options.epochs * stepsPerEpoch
  const saved = await options.checkpoint?.load()
  if (saved) {
    restoreState(state, saved, owner)
    options.onStep?.({ done: state.epoch * stepsPerEpoch, total, epoch: state.epoch - 1, loss: state.loss })
  }
  const session = await pool.createSession(writeGraph(program.graph), { handOver: true })
  const keep = [program.losses, ...program.outputs.values(), ...[...statistics.values()].map(({ output }) => output)]
  try {
    for (let epoch = state.epoch; epoch < options.epochs; epoch++) {
      const random = epochRandom(options.seed, epoch)
      const order = shuffled(examples.size, random)
      for (let step = 0; step < stepsPerEpoch; step++) {
        throwIfCancelled(options.signal)
        const feeds: Tensors[] = []
        for (let part = 0; part < parts; part++) {
          const start = (step * parts + part) * s.micro
          const rows = order.slice(start, start + s.micro)
          const batch = await batchFeeds(program, examples, rows, 1 / (s.micro * parts))
          if (s.pictures) augment(floatsOf(batch[s.pictures.input]!), s.pictures.dims, s.pictures.augmentation, random)
          feeds.push({ ...copies(state.tensors), ...batch })
        }
        const results = await allOf(feeds.map((run) => session.run({ runs: [run], totals: [], keep })))
        const done = epoch * stepsPerEpoch + step + 1
        const at = { rate: s.rate * s.schedule((done - 1) / total), step: done, settings: s.optimiserSettings }
        for (const [name, output] of program.outputs) {
          const gradient = addUp(results.map((r) => floatsOf(r.kept[0]![output]!)))
          s.optimiser.step(floatsOf(state.tensors.get(name)!), gradient, name, state.slots, at)
        }
        for (const [name, statistic] of statistics) {
          const updated = results.map((r) => floatsOf(r.kept[0]![statistic.output]!))
          moveStatistic(floatsOf(state.tensors.get(name)!), updated, statistic)
        }
        const losses = results.map((r) => floatsOf(r.kept[0]![program.losses]!))
        state.loss = meanLoss(losses, epoch)
        options.onStep?.({ done, total, epoch, loss: state.loss })
      }
      state.epoch = epoch + 1
      await options.checkpoint?.save(writeState(state, owner))
    }
  } finally {
    await session.release()
  }
  return {
    ...network.graph,
    initializers: new Map([...network.graph.initializers].map(([name, t]) => [name, state.tensors.get(name) ?? t])),
  }
}

interface Settled {
  /** Examples of a micro-batch. */
  readonly micro: number
  readonly rate: number
  readonly optimiser: Optimiser
  readonly optimiserSettings: OptimiserSettings
  readonly schedule: Schedule
  readonly pictures: Pictures | undefined
  /** All of it that decides the result, as plain data. */
  readonly facts: object
}

interface Pictures {
  readonly input: string
  readonly dims: readonly [number, number, number]
  readonly augmentation: Augmentation
}

/** Options with their defaults. Throws `usage`. */
function settle(network: Network, examples: Examples, options: TrainOptions): Settled {
  const { epochs, seed, augmentation } = options
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new LetheError('usage', `Training needs at least one epoch, got ${epochs}.`)
  }
  const micro = Math.floor(Math.min(options.batchSize ?? 128, examples.size) / parts)
  if (!(micro >= 1)) {
    throw new LetheError(
      'usage',
      examples.size < parts
        ? `Training needs at least ${parts} examples, got ${examples.size}.`
        : `A step needs at least ${parts} examples, got a batch size of ${options.batchSize}.`,
    )
  }
  const [optimiserName, scheduleName] = [options.optimiser ?? 'sgd', options.schedule ?? 'cosine']
  const optimiser = findOptimiser(optimiserName)
  const rate = options.rate ?? optimiser.defaultRate
  const optimiserSettings = { momentum: options.momentum ?? 0.9, weightDecay: options.weightDecay ?? 5e-4 }
  return {
    micro,
    rate,
    optimiser,
    optimiserSettings,
    schedule: findSchedule(scheduleName),
    pictures:
      augmentation && (augmentation.crop > 0 || augmentation.flip) ? pictures(network, augmentation) : undefined,
    facts: { epochs, seed, micro, parts, rate, optimiserName, scheduleName, optimiserSettings, augmentation },
  }
}

/** Throws `usage` where the examples are no pictures, which cannot be cropped or mirrored. */
function pictures(network: Network, augmentation: Augmentation): Pictures {
  const [first] = network.inputs
  const [C, H, W] = first?.dims ?? []
  if (first && first.dims.length === 3 && C && H && W) return { input: first.name, dims: [C, H, W], augmentation }
  throw new LetheError(
    'usage',
    `Crop and flip are for images [channels, height, width]; the data has [${first?.dims ?? []}]. Leave them out.`,
  )
}

/** All results, once every job has ended: a session must not be released under a running one. */
async function allOf<T>(jobs: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(jobs)
  return Promise.all(jobs)
}

function addUp(values: readonly Float32Array[]): Float64Array {
  const total = new Float64Array(values[0]!.length)
  for (const value of values) for (let i = 0; i < value.length; i++) total[i]! += value[i]!
  return total
}

/** Sets r to the mean over the micro-batches of μ·r + (1 − μ)·correction·b; `updated` has them without the correction. */
function moveStatistic(
  r: Float32Array,
  updated: readonly Float32Array[],
  { momentum, correction }: RunningStatistic,
): void {
  for (let i = 0; i < r.length; i++) {
    const kept = momentum * r[i]!
    const mean = updated.reduce((sum, v) => sum + v[i]!, 0) / updated.length
    r[i] = kept + correction * (mean - kept)
  }
}

function floatsOf(t: Tensor): Float32Array {
  if (t.data instanceof Float32Array) return t.data
  throw new LetheError('dtype-mismatch', `Training works in float32, got ${t.dtype}.`)
}

async function batchFeeds(
  program: { readonly targets: string; readonly weights: string; readonly classes: number },
  examples: Examples,
  rows: readonly number[],
  weight: number,
): Promise<Record<string, Tensors[string]>> {
  const targets = new Float32Array(rows.length * program.classes)
  rows.forEach((row, i) => {
    targets[i * program.classes + examples.labels[row]!] = 1
  })
  return {
    ...(await examples.load(rows)),
    [program.targets]: { dtype: 'float32', dims: [rows.length, program.classes], data: targets },
    [program.weights]: { dtype: 'float32', dims: [rows.length, 1], data: new Float32Array(rows.length).fill(weight) },
  }
}

/** Copies, because feeds are handed over to a worker. */
function copies(weights: ReadonlyMap<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries([...weights].map(([name, t]) => [name, { ...t, data: t.data.slice() } as Tensor]))
}

function meanLoss(losses: readonly Float32Array[], epoch: number): number {
  const mean =
    losses.reduce((sum, l) => sum + l.reduce((a, b) => a + b, 0), 0) / losses.reduce((n, l) => n + l.length, 0)
  if (Number.isFinite(mean)) return mean
  throw new LetheError('value-not-finite', `The training loss is not finite in epoch ${epoch + 1}; lower --rate.`)
}
