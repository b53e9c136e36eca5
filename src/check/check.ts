import { uniforms } from '../data/random.js'
import type { Pool } from '../engine/engine.js'
import { type Progress, throwIfCancelled, type WorkOptions } from '../engine/in-order.js'
import { recordLosses } from '../evaluate/outputs.js'
import { gradientProgram } from '../fisher/program.js'
import { estimateImportance } from '../importance/estimate.js'
import { feedsOf, needsOneByOne } from '../importance/units.js'
import { type Examples, pick } from '../network/examples.js'
import { type Forward, openForward } from '../network/forward.js'
import type { Network } from '../network/network.js'
import { writeGraph } from '../onnx/model.js'
import { derivativeAtZero } from './derivative.js'

/** What was found about the gradients of one parameter. Errors are relative. */
export interface ParameterCheck {
  readonly name: string
  readonly count: number
  /**
   * |directional derivative by differences − by gradient|, over the larger of the two and the gradient's own size in a
   * random direction (‖g‖/√P), worst over the directions.
   */
  readonly numeric: number
  /** max |S of a batch − S of batches of one| / max S. */
  readonly perExample: number
  readonly isRight: boolean
}

export interface GradientCheck {
  readonly parameters: readonly ParameterCheck[]
  readonly examples: number
  /** True where exact importances of this model are made one example a run, so that there is nothing to compare. */
  readonly isOneByOne: boolean
  readonly isRight: boolean
}

export interface CheckOptions extends WorkOptions {
  readonly seed?: number
  /** Random directions a parameter, beside the one of its gradient. Default 1. */
  readonly directions?: number
}

/**
 * Largest relative error that passes. Differences of a float32 network with kinks are good to a few percent; a wrong rule is
 * off by tens of percent. Per-example sums differ by the order of float32 additions alone.
 */
export const tolerance = { numeric: 0.05, perExample: 1e-4 } as const

/**
 * First step along a direction of length 1: this share of the parameter's own length, or what should change the loss by this
 * share, whichever is less. Longer steps cross kinks of ReLU and max-pool, shorter ones drown in float32 rounding.
 */
const firstStep = { length: 0.0012, loss: 0.006 } as const
/**
 * Gradients below this share of the largest (by size in a random direction, ‖g‖/√P) are rounding, and so is what differences say of
 * them. The bias of attention keys has no other: shifting all scores of a softmax changes nothing. There the differences must vanish
 * as well, beside a tenth of the largest; of squares the share is squared.
 */
const vanishing = { share: 1e-5, beside: 0.1 } as const
/** Where the differences disagree they are taken again with other steps: a kink or rounding gives way, a wrong rule does not. */
const stepScales = [1, 0.2, 5, 0.04] as const

/**
 * Checks the gradients that Lethe makes of a network, on the given examples: every parameter against differences of the
 * loss along its gradient and along random directions, and its importances in a batch against batches of one.
 *
 * With L the mean loss of the examples and v of length 1: (L(θ + hv) − L(θ − hv)) / 2h, h → 0, against ⟨∂L/∂θ, v⟩.
 * Throws what `estimateImportance` throws.
 */
export async function checkGradients(
  network: Network,
  pool: Pool,
  examples: Examples,
  options: CheckOptions = {},
): Promise<GradientCheck> {
  const { signal, seed = 0, directions = 1 } = options
  const gradients = await meanGradients(network, pool, examples)
  const loudest = Math.max(...[...gradients.values()].map(typicalSize))
  const perExample = await perExampleErrors(network, pool, examples, signal)
  const forward = await openForward(network, pool, {
    batch: examples.size,
    varying: new Set(network.parameters.map((p) => p.name)),
  })
  try {
    await forward.hold(new Map(network.parameters.map(({ name }) => [name, valuesOf(network, name)])))
    const parameters: ParameterCheck[] = []
    for (const [i, { name }] of network.parameters.entries()) {
      throwIfCancelled(signal)
      const random = uniforms(seed * 7919 + i)
      const g = gradients.get(name)!
      let numeric = 0
      for (const v of [unit(g), ...Array.from({ length: directions }, () => unit(normals(g.length, random)))]) {
        numeric = Math.max(numeric, await directionError({ forward, network, examples, name, g, v, loudest }))
      }
      await forward.hold(new Map([[name, valuesOf(network, name)]]))
      const each = perExample.errors.get(name) ?? 0
      parameters.push({
        name,
        count: g.length,
        numeric,
        perExample: each,
        isRight: numeric <= tolerance.numeric && each <= tolerance.perExample,
      })
      options.onProgress?.({ done: i + 1, total: network.parameters.length } satisfies Progress)
    }
    return {
      parameters,
      examples: examples.size,
      isOneByOne: perExample.isOneByOne,
      isRight: parameters.every((p) => p.isRight),
    }
  } finally {
    await forward.release()
  }
}

/** ∂L/∂θ of every parameter, L the mean loss of the examples. */
async function meanGradients(network: Network, pool: Pool, examples: Examples): Promise<Map<string, Float64Array>> {
  const batch = network.trace.fixedBatch ?? examples.size
  const program = gradientProgram(await network.at(batch), network.loss, 'sum')
  const session = await pool.createSession(writeGraph(program.graph), { handOver: true })
  try {
    const rows = Array.from({ length: examples.size }, (_, i) => i)
    const runs = []
    for (let i = 0; i < rows.length; i += batch)
      runs.push(await feedsOf(program, examples, rows.slice(i, i + batch), 1 / examples.size))
    const { kept } = await session.run({ runs, keep: [...program.outputs.values()], totals: [] })
    const sumOf = (output: string): Float64Array => {
      const parts = kept.map((run) => run[output]!.data as Float32Array)
      return Float64Array.from(parts[0]!, (_, i) => parts.reduce((sum, part) => sum + part[i]!, 0))
    }
    return new Map([...program.outputs].map(([name, output]) => [name, sumOf(output)]))
  } finally {
    await session.release()
  }
}

async function perExampleErrors(
  network: Network,
  pool: Pool,
  examples: Examples,
  signal: AbortSignal | undefined,
): Promise<{ errors: Map<string, number>; isOneByOne: boolean }> {
  if (await needsOneByOne(network)) return { errors: new Map(), isOneByOne: true }
  const each = await estimateImportance(network, pool, examples, { microBatch: examples.size, signal })
  const errors = new Map<string, number>()
  const loop = new Map<string, Float64Array>()
  // The slow and obvious way: a batch gradient of one example at a time, squared and added.
  for (let row = 0; row < examples.size; row++) {
    const one = await estimateImportance(network, pool, pick(examples, [row]), {
      settings: { estimator: 'grouped', groupSize: 1 },
      microBatch: 1,
      signal,
    })
    for (const [name, square] of one.sums) {
      const sum = loop.get(name)
      loop.set(name, sum ? sum.map((s, i) => s + square[i]!) : square)
    }
  }
  const loudest = [...each.sums.values()].reduce((most, sum) => Math.max(most, largest(sum)), 0)
  for (const [name, sum] of each.sums) {
    const other = loop.get(name)!
    const isRounding = Math.max(largest(sum), largest(other)) < vanishing.share ** 2 * loudest
    errors.set(name, isRounding ? 0 : relativeError(sum, other))
  }
  return { errors, isOneByOne: false }
}

interface Direction {
  readonly forward: Forward
  readonly network: Network
  readonly examples: Examples
  readonly name: string
  readonly g: Float64Array
  readonly v: Float64Array
  /** ‖g‖/√P of the parameter where it is largest. */
  readonly loudest: number
}

async function directionError({ forward, network, examples, name, g, v, loudest }: Direction): Promise<number> {
  const theta = valuesOf(network, name)
  const loss = async (h: number): Promise<number> => {
    await forward.hold(new Map([[name, theta.map((t, i) => t + h * v[i]!)]]))
    const losses = recordLosses({ ...(await forward.run(examples)), labels: examples.labels })
    return losses.reduce((sum, l) => sum + l, 0) / examples.size
  }
  const expected = g.reduce((sum, gi, i) => sum + gi * v[i]!, 0)
  const length = Math.max(norm(theta), 1e-3 * Math.sqrt(theta.length))
  const step = Math.min(firstStep.length * length, (firstStep.loss * (await loss(0))) / (Math.abs(expected) || 1e-30))
  const smallest = typicalSize(g) < vanishing.share * loudest ? vanishing.beside * loudest : typicalSize(g)
  let least = Number.POSITIVE_INFINITY
  for (const scale of stepScales) {
    const value = await derivativeAtZero(loss, step * scale)
    const size = Math.max(Math.abs(expected), Math.abs(value), smallest)
    least = Math.min(least, size === 0 ? 0 : Math.abs(value - expected) / size)
    if (least <= tolerance.numeric) break
  }
  return least
}

function valuesOf(network: Network, name: string): Float32Array {
  return network.graph.initializers.get(name)!.data as Float32Array
}

function relativeError(a: Float64Array, b: Float64Array): number {
  let [worst, scale] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!))
    scale = Math.max(scale, Math.abs(b[i]!))
  }
  return scale === 0 ? worst : worst / scale
}

function largest(values: Float64Array): number {
  return values.reduce((most, v) => Math.max(most, v), 0)
}

/** ‖g‖/√P: what a gradient comes to along a random direction of length 1. */
function typicalSize(g: Float64Array): number {
  return norm(g) / Math.sqrt(g.length)
}

function norm(v: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < v.length; i++) sum += v[i]! ** 2
  return Math.sqrt(sum)
}

function unit(v: Float64Array): Float64Array {
  const length = norm(v)
  return length === 0 ? v : v.map((x) => x / length)
}

/** Standard normal numbers by the Box–Muller transform. */
function normals(count: number, random: () => number): Float64Array {
  return Float64Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  )
}
