import type { Pool } from '../engine/engine.js'
import type { WorkOptions } from '../engine/in-order.js'
import { isTokenLoss } from '../fisher/loss.js'
import type { GradientProgram } from '../fisher/program.js'
import { checkExamples, type Examples } from '../network/examples.js'
import type { Network } from '../network/network.js'
import { sizeOf } from '../tensor/tensor.js'
import type { EstimatorSettings } from './estimators/estimator.js'
import { findEstimator } from './estimators/index.js'
import type { Importance } from './importance.js'
import { type PartialSums, type Resumable, restore, snapshot } from './resume.js'
import { addSums, assembled, makeRoom } from './sums.js'
import { openUnits, type UnitResult } from './units.js'

/** How importances are estimated; everything may be left out. */
export interface EstimateOptions extends WorkOptions {
  readonly settings?: EstimatorSettings
  /** Names of the parameters wanted; default all. */
  readonly parameters?: ReadonlySet<string>
  /** Examples a run of the engine. Default: what keeps activations in cache, up to 32; see `microBatchOf`. */
  readonly microBatch?: number
  /** Where progress is kept so that the same call can go on after a stop. */
  readonly checkpoint?: Resumable
  /** Time between checkpoints. Default 10 s. */
  readonly checkpointEveryMs?: number
  readonly now?: () => number
}

/**
 * Importances of the examples under a network: S by parameter, exact per example or as the estimator has it.
 *
 * The same examples and settings give the same bytes, whatever the number of workers: units are fixed by the plan, summed
 * in float64 inside a worker, and added in the order of the plan.
 * Throws `label-range`, `value-not-finite` (names a record), `rule-missing`, `cancelled`, `checkpoint-mismatch`.
 */
export async function estimateImportance(
  network: Network,
  pool: Pool,
  examples: Examples,
  options: EstimateOptions = {},
): Promise<Importance> {
  checkExamples(examples, network)
  const estimator = findEstimator(options.settings?.estimator ?? 'exact')
  const settings = estimator.settle(options.settings ?? { estimator: 'exact' })
  const plan = estimator.plan(examples, settings)
  const wanted = options.parameters ?? new Set(network.parameters.map((p) => p.name))
  const units = await openUnits(network, pool, examples, {
    squares: estimator.squares,
    wanted,
    microBatch: options.microBatch,
    inPieces: true,
  })
  const step = stepOf(units.program.totals.values())
  const now = options.now ?? Date.now
  let saved = now()
  // Undefined also while a unit is added: sums that a number that is none has gone into are not kept.
  let state: PartialSums | undefined
  try {
    const work = { names: units.program.outputs.keys(), layout: layoutOf(units.program, step), units: plan.length }
    state = restore(await options.checkpoint?.load(), work)
    let done = plan.slice(0, state.next).reduce((n, u) => n + u.rows.length, 0)
    options.onProgress?.({ done, total: examples.size })
    const { sums: own } = state
    const onBusy = (): void => makeRoom(own, units.program.totals)
    for await (const result of units.run(plan.slice(state.next), { signal: options.signal, onBusy })) {
      const sums: PartialSums = state
      state = undefined
      units.reuse(addUnit(sums, result, estimator.squares === 'runs' ? step : undefined))
      state = sums
      done += result.unit.rows.length
      options.onProgress?.({ done, total: examples.size })
      if (options.checkpoint && now() - saved > (options.checkpointEveryMs ?? 10_000)) {
        await options.checkpoint.save(...snapshot(state))
        saved = now()
      }
    }
  } catch (error) {
    if (options.checkpoint && state && state.next > 0) await options.checkpoint.save(...snapshot(state))
    throw error
  } finally {
    await units.release()
  }
  await options.checkpoint?.remove()
  const relativeError = relativeErrorOf(state, step, plan.length)
  const sums = assembled(state.sums, units.program)
  return {
    sums,
    dims: dimsOf(network, sums),
    count: examples.size,
    units: estimator.units(examples.size, plan),
    classCounts: classCountsOf(network, examples.labels),
    settings,
    lossSum: state.lossSum,
    ...(relativeError !== undefined && { relativeError }),
  }
}

/** Shapes of the parameters that there are sums of. */
export function dimsOf(network: Network, sums: ReadonlyMap<string, unknown>): Map<string, readonly number[]> {
  return new Map(network.parameters.filter((p) => sums.has(p.name)).map((p) => [p.name, p.dims]))
}

/** Examples of each class, [K]; none under a loss by tokens, where records have no class. */
export function classCountsOf(network: Network, labels: Int32Array): number[] {
  const counts = Array<number>(isTokenLoss(network.loss.loss) ? 0 : network.classes).fill(0)
  if (counts.length > 0) for (const label of labels) counts[label]!++
  return counts
}

/** Adds a unit, and of every `step`-th weight its square, where one is given; returns the memory of its sums. */
function addUnit(state: PartialSums, result: UnitResult, step: number | undefined): ArrayBuffer[] {
  state.lossSum += result.lossSum
  state.next++
  return addSums(state.sums, result, step === undefined ? undefined : { sums: state.spread, step })
}

/** In which order the numbers of the sums are kept, and which of them a standard error is taken of. */
function layoutOf({ pieces }: GradientProgram, step: number): string {
  const places = [...pieces.values()].flat().map(({ name, at, strides }) => `${name} ${at} ${strides}`)
  return [step, ...places].join(' ')
}

/** Weights that a median is taken of: enough for its second digit. */
const medianOf = 2 ** 17

/** Evenly spaced weights are `medianOf` of all, or all where there are fewer. */
function stepOf(parameters: Iterable<{ readonly dims: readonly number[] }>): number {
  const all = [...parameters].reduce((n, { dims }) => n + sizeOf(dims), 0)
  return Math.max(1, Math.ceil(all / medianOf))
}

/**
 * Median over the weights (every `step`-th of each parameter) of the relative standard error of S = Σ_u S_u, from how
 * much the U units differ: √(U/(U−1) Σ_u (S_u − S/U)²) / S. It counts what data and signs do together. Undefined for fewer than
 * two units.
 */
function relativeErrorOf({ sums, spread }: PartialSums, step: number, units: number): number | undefined {
  if (spread.size === 0 || units < 2) return undefined
  const errors: number[] = []
  for (const [name, sum] of sums) {
    const squares = spread.get(name)!
    for (let i = 0; i < squares.length; i++) {
      const s = sum[i * step]!
      if (s > 0) errors.push(Math.sqrt(Math.max((units / (units - 1)) * (squares[i]! - (s * s) / units), 0)) / s)
    }
  }
  return Float64Array.from(errors).sort()[errors.length >> 1]
}
