import { uniforms } from '../data/random.js'
import type { Pool, Tensors } from '../engine/engine.js'
import { throwIfCancelled } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import type { Graph } from '../graph/graph.js'
import { checkLabels, type Examples } from '../network/examples.js'
import type { Network } from '../network/network.js'
import { writeGraph } from '../onnx/model.js'
import { readSafetensors, writeSafetensors } from '../safetensors/safetensors.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Random } from './architectures/builder.js'
import { type Augmentation, augment } from './augment.js'
import { findOptimiser } from './optimisers/index.js'
import type { Slots } from './optimisers/optimiser.js'
import { findSchedule } from './schedule.js'
import { trainingProgram } from './training-graph.js'

export interface TrainOptions {
  readonly epochs: number
  /** Examples a step. Default 128. */
  readonly batchSize?: number
  readonly optimiser?: string
  readonly rate?: number
  readonly momentum?: number
  readonly weightDecay?: number
  readonly schedule?: string
  readonly augmentation?: Augmentation
  readonly seed: number
  readonly onStep?: (at: { done: number; total: number; epoch: number; loss: number }) => void
  readonly signal?: AbortSignal
  /** Kept after every epoch. */
  readonly checkpoint?: {
    load(): Promise<Uint8Array | undefined>
    save(bytes: Uint8Array): Promise<void>
    remove(): Promise<void>
  }
}

/** Micro-batches a step is always cut into: each can run on a worker of its own, and the result does not depend on how many there are. */
const parts = 2

/**
 * The network trained on the examples, as a graph in inference form with the new weights and running statistics.
 *
 * Minimises the mean cross-entropy of each batch. Batch norm uses the statistics of each micro-batch (half a batch).
 * The same options, data and kind of CPU give the same bytes. Throws `label-range`, `value-not-finite`, `cancelled`, `usage`.
 */
export async function train(network: Network, pool: Pool, examples: Examples, options: TrainOptions): Promise<Graph> {
  checkLabels(examples, network.classes)
  const micro = Math.floor(Math.min(options.batchSize ?? 128, examples.size) / parts)
  if (micro < 1) throw new LetheError('usage', `Training needs at least ${parts} examples, got ${examples.size}.`)
  const optimiser = findOptimiser(options.optimiser ?? 'sgd')
  const schedule = findSchedule(options.schedule ?? 'cosine')
  const rate = options.rate ?? optimiser.defaultRate
  const settings = { momentum: options.momentum ?? 0.9, weightDecay: options.weightDecay ?? 5e-4 }
  const { program, statistics, parameters } = await trainingProgram(network, micro)
  const state = restoreState(await options.checkpoint?.load(), network, [...parameters, ...statistics.keys()])
  const session = await pool.createSession(writeGraph(program.graph))
  const stepsPerEpoch = Math.floor(examples.size / (micro * parts))
  const total = options.epochs * stepsPerEpoch
  const sums = [...program.outputs.values()].map((output) => ({ output, form: 'add' as const }))
  const keep = [program.losses, ...statistics.values()]
  const image = imageDims(network)
  try {
    for (let epoch = state.epoch; epoch < options.epochs; epoch++) {
      // A stream of its own for each epoch, so that a resumed training repeats it.
      const random = uniforms(options.seed * 100_003 + epoch)
      const order = shuffled(examples.size, random)
      for (let step = 0; step < stepsPerEpoch; step++) {
        throwIfCancelled(options.signal)
        const jobs = []
        for (let part = 0; part < parts; part++) {
          const start = (step * parts + part) * micro
          const feeds = await batchFeeds(program, examples, order.slice(start, start + micro), 1 / (micro * parts))
          const first = network.inputs[0]
          if (options.augmentation && image && first) {
            augment(feeds[first.name]!.data as Float32Array, image, options.augmentation, random)
          }
          jobs.push(session.run({ runs: [{ ...copies(state.tensors), ...feeds }], sums, keep }))
        }
        const results = await Promise.all(jobs)
        const done = epoch * stepsPerEpoch + step + 1
        const at = { rate: rate * schedule((done - 1) / total), step: done, settings }
        for (const [name, output] of program.outputs) {
          const g = results[0]!.sums[output]!
          for (const other of results.slice(1)) {
            const more = other.sums[output]!
            for (let i = 0; i < g.length; i++) g[i]! += more[i]!
          }
          optimiser.step(state.tensors.get(name)!.data as Float32Array, g, name, state.slots, at)
        }
        for (const [name, output] of statistics)
          average(
            state.tensors.get(name)!.data as Float32Array,
            results.map((r) => r.kept[0]![output]!.data as Float32Array),
          )
        options.onStep?.({
          done,
          total,
          epoch,
          loss: meanLoss(
            results.map((r) => r.kept[0]![program.losses]!.data as Float32Array),
            epoch,
          ),
        })
      }
      state.epoch = epoch + 1
      await options.checkpoint?.save(saveState(state))
    }
  } finally {
    await session.release()
  }
  await options.checkpoint?.remove()
  return {
    ...network.graph,
    initializers: new Map([...network.graph.initializers].map(([name, t]) => [name, state.tensors.get(name) ?? t])),
  }
}

interface TrainState {
  epoch: number
  /** Parameters and running statistics. */
  readonly tensors: Map<string, Tensor>
  readonly slots: Slots
}

function restoreState(bytes: Uint8Array | undefined, network: Network, names: readonly string[]): TrainState {
  const tensors = new Map<string, Tensor>()
  for (const name of names) {
    const t = network.graph.initializers.get(name)!
    tensors.set(name, { ...t, data: t.data.slice() } as Tensor)
  }
  const state: TrainState = { epoch: 0, tensors, slots: new Map() }
  if (!bytes) return state
  const saved = readSafetensors(bytes)
  state.epoch = Number(saved.metadata.epoch)
  for (const [key, t] of saved.tensors) {
    const [kind, name] = [key.slice(0, 5), key.slice(5)]
    if (kind === 'slot/') state.slots.set(name, (t.data as Float32Array).slice())
    else if (tensors.get(name)?.data.length === t.data.length)
      tensors.set(name, { ...tensors.get(name)!, data: t.data.slice() } as Tensor)
    else
      throw new LetheError(
        'checkpoint-mismatch',
        'The checkpoint does not belong to this training; delete it to begin anew.',
      )
  }
  return state
}

function saveState(state: TrainState): Uint8Array {
  const all = new Map<string, Tensor>()
  for (const [name, t] of state.tensors) all.set(`data/${name}`, t)
  for (const [name, data] of state.slots) all.set(`slot/${name}`, { dtype: 'float32', dims: [data.length], data })
  return writeSafetensors(all, { epoch: String(state.epoch) })
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

function average(target: Float32Array, values: readonly Float32Array[]): void {
  for (let i = 0; i < target.length; i++) target[i] = values.reduce((sum, v) => sum + v[i]!, 0) / values.length
}

function meanLoss(losses: readonly Float32Array[], epoch: number): number {
  const mean =
    losses.reduce((sum, l) => sum + l.reduce((a, b) => a + b, 0), 0) / losses.reduce((n, l) => n + l.length, 0)
  if (Number.isFinite(mean)) return mean
  throw new LetheError('value-not-finite', `The training loss is not finite in epoch ${epoch + 1}; lower --rate.`)
}

function shuffled(size: number, random: Random): number[] {
  const order = Array.from({ length: size }, (_, i) => i)
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

function imageDims(network: Network): readonly [number, number, number] | undefined {
  const dims = network.inputs[0]?.dims ?? []
  return dims.length === 3 ? [dims[0]!, dims[1]!, dims[2]!] : undefined
}
