import type { Pool } from '../engine/engine.js'
import type { WorkOptions } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import { classCountsOf, dimsOf } from '../importance/estimate.js'
import type { EstimatorSettings, WorkUnit } from '../importance/estimators/estimator.js'
import { findEstimator } from '../importance/estimators/index.js'
import { createGroups } from '../importance/groups.js'
import type { Importance, Stage } from '../importance/importance.js'
import { type Stratum, sampledSettings, strataOf } from '../importance/sample.js'
import { addSums } from '../importance/sums.js'
import { openUnits, type UnitResult } from '../importance/units.js'
import { checkExamples, type Examples, pick } from '../network/examples.js'
import { openForward } from '../network/forward.js'
import type { Network } from '../network/network.js'
import { compareHalves, type Half, isAlike } from './stability.js'

/** A sample grows by this factor: twofold in two steps. */
const growth = Math.SQRT2
/** The first sample is this share of the data, or one step of every label; groups are made for a sample of a tenth. */
const [firstShare, aimedShare] = [0.01, 0.1]
/** Examples that a label grows by, half of them for each half, where the estimator has no groups. */
const plainStep = 32
/** Labels that are tried as the forget set, and bytes that their sums may take. */
const most = { labels: 10, bytes: 2 ** 29 } as const
/** Records whose answers are compared. */
const probeSize = 256

export interface SequentialOptions extends WorkOptions {
  readonly settings?: EstimatorSettings
  /** Hears of every comparison of the halves. */
  readonly onStage?: (stage: Stage) => void
}

/** Importances of the sample that was large enough, and its rows, ascending. */
export interface Sequential {
  readonly importance: Importance
  readonly rows: readonly number[]
  /** False where the halves did not agree before all data was used: the importances are then of all data. */
  readonly isStable: boolean
}

/**
 * Importances of as many examples as the decision needs. The sample is stratified by label and grows by √2 until two independent halves of it decide alike
 * (`compareHalves`) for up to ten labels taken as the forget set. Every example is computed once. Additive estimators alone.
 *
 * For a label c of N_c records among N, half h has the shares s = S_c·N_c/n_c / (S_c·N_c/n_c + S_rest,h·(N − N_c)/n_rest,h), with S_c of both halves together: a
 * request computes the importance of what is to be forgotten itself, and only what stays is estimated.
 * Throws `usage` (`batch-mean`, or a loss under which records have no class), and what `estimateImportance` throws.
 */
export async function estimateUntilStable(
  network: Network,
  pool: Pool,
  examples: Examples,
  options: SequentialOptions = {},
): Promise<Sequential> {
  checkExamples(examples, network)
  if (network.tokens !== undefined) {
    throw new LetheError(
      'usage',
      'Records have no class under this loss, so no decision can be tried while the sample grows; give a number: --examples 5000.',
    )
  }
  const strata = strataOf(examples, true)
  const sizes = { sample: aimedShare * examples.size, all: examples.size, labels: strata.length }
  const asked = sampledSettings(options.settings ?? { estimator: 'exact' }, sizes)
  const estimator = findEstimator(asked.estimator)
  const settings = estimator.settle(asked)
  const steps = stepsOf(settings)
  // Groups are computed as two, one for each half, and put together.
  const groups = steps.isPaired ? createGroups() : undefined
  const wanted = new Set(network.parameters.map((p) => p.name))
  const halves = [newHalf(), newHalf()] as const
  const labels = triedLabels(strata, network)
  const plan = (rows: readonly number[]): WorkUnit[] =>
    estimator.plan(pick(examples, rows), settings).map((unit) => ({ ...unit, rows: unit.rows.map((i) => rows[i]!) }))
  const stages: Stage[] = []
  const units = await openUnits(network, pool, examples, { squares: estimator.squares, wanted })
  // Small runs: most of what is asked are the few records of one label.
  const forward = await openForward(network, pool, { varying: wanted, batch: 16 })
  const at = strata.map(() => 0)
  let [lossSum, done, isStable] = [0, 0, false]
  try {
    for (let share = firstOf(examples.size, strata, steps.step); !isStable; share = Math.min(1, share * growth)) {
      const wantedOf = strata.map((stratum) => sizeIn(stratum, share, steps.step))
      const total = wantedOf.reduce((a, b) => a + b, 0)
      if (total === done) continue
      const grown = strata.flatMap((stratum, i) => unitsBetween(stratum, [at[i]!, wantedOf[i]!], steps, plan))
      wantedOf.forEach((size, i) => {
        at[i] = size
      })
      let next = 0
      options.onProgress?.({ done, total })
      for await (const result of units.run(
        grown.map((g) => g.unit),
        { signal: options.signal },
      )) {
        const { half, label, isLast } = grown[next++]!
        const spent = addTo(halves[half], labels.has(label) ? label : undefined, result)
        units.reuse(groups ? groups.add(result, spent, isLast) : spent)
        lossSum += result.lossSum
        done += result.unit.rows.length
        options.onProgress?.({ done, total })
      }
      if (total >= examples.size) break
      const probe = pick(examples, probeOf(strata, at))
      const stage = await compareHalves({
        network,
        forward,
        halves,
        strata,
        labels,
        probe,
        total: examples.size,
        count: done,
      })
      stages.push(stage)
      options.onStage?.(stage)
      isStable = isAlike(stage)
    }
  } finally {
    await units.release()
    await forward.release()
  }
  const rows = strata.flatMap((s, i) => s.rows.slice(0, at[i])).sort((a, b) => a - b)
  const sums = groups?.sums ?? together(halves)
  const sampled = Int32Array.from(rows, (row) => examples.labels[row]!)
  return {
    rows,
    isStable,
    importance: {
      sums,
      dims: dimsOf(network, sums),
      count: rows.length,
      units: rows.length,
      classCounts: classCountsOf(network, sampled),
      settings,
      lossSum,
      ...(rows.length < examples.size && {
        population: { count: examples.size, classCounts: classCountsOf(network, examples.labels), stages },
      }),
    },
  }
}

function newHalf(): Half {
  return { labels: new Map(), counts: new Map() }
}

function addTo({ labels, counts }: Half, label: number | undefined, result: UnitResult): ArrayBuffer[] {
  const sums = labels.get(label) ?? new Map<string, Float64Array>()
  labels.set(label, sums)
  counts.set(label, (counts.get(label) ?? 0) + result.unit.rows.length)
  return addSums(sums, result)
}

/** Evenly chosen labels with several blocks, as many as their sums have room for. */
function triedLabels(strata: readonly Stratum[], { parameters }: Network): ReadonlySet<number> {
  const bytes = 16 * parameters.reduce((n, p) => n + p.dims.reduce((a, b) => a * b, 1), 0)
  const count = Math.max(1, Math.min(most.labels, strata.length, Math.floor(most.bytes / bytes)))
  return new Set(Array.from({ length: count }, (_, i) => strata[Math.floor((i * strata.length) / count)]!.label))
}

/**
 * Examples that a label grows by, and whether they are a group whose two halves are computed apart and put together. With `groupBy` groups are of a value, and a
 * half has whole ones.
 */
function stepsOf({ estimator, groupSize = 1, groupBy }: EstimatorSettings): { step: number; isPaired: boolean } {
  if (estimator !== 'grouped') return { step: plainStep, isPaired: false }
  const isPaired = groupBy === undefined && groupSize > 1
  return { step: isPaired ? groupSize : 2 * groupSize, isPaired }
}

function firstOf(size: number, strata: readonly Stratum[], step: number): number {
  return Math.min(1, Math.max(firstShare, (step * strata.length) / size))
}

/** Examples of a stratum in a sample of a share of all data: the same share of it, in whole steps where it has several. */
function sizeIn({ rows }: Stratum, share: number, step: number): number {
  const size = share * rows.length
  const rounded = size < step ? 2 * Math.round(size / 2) : step * Math.round(size / step)
  return share >= 1 ? rows.length : Math.min(rows.length, Math.max(2, rounded))
}

/** A unit of work of one half of the sample; `isLast` where a group that is put together ends with it. */
interface HalfUnit {
  readonly unit: WorkUnit
  readonly label: number
  readonly half: 0 | 1
  readonly isLast: boolean
}

/**
 * Units of the rows of a stratum from one size to a larger one: of each step the first half of the rows is for one half of the sample, the rest for the other. Steps follow
 * one another where they are groups to be put together; else the rows of a half are planned as one.
 */
function unitsBetween(
  { label, rows }: Stratum,
  [from, to]: readonly [number, number],
  { step, isPaired }: { step: number; isPaired: boolean },
  plan: (rows: readonly number[]) => readonly WorkUnit[],
): HalfUnit[] {
  const steps = Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => {
    const part = rows.slice(from + i * step, Math.min(to, from + (i + 1) * step))
    const middle = Math.ceil(part.length / 2)
    return [part.slice(0, middle), part.slice(middle)] as const
  })
  const planned = isPaired ? steps : [[steps.flatMap(([a]) => a), steps.flatMap(([, b]) => b)] as const]
  return planned.flatMap((halves) => {
    const units = ([0, 1] as const).flatMap((half) =>
      halves[half].length === 0 ? [] : plan(halves[half]).map((unit) => ({ half, label, unit })),
    )
    return units.map((u, at) => ({ ...u, isLast: at === units.length - 1 }))
  })
}

/** Records of the sample, of every label in turn. */
function probeOf(strata: readonly Stratum[], at: readonly number[]): number[] {
  const each = Math.max(1, Math.ceil(probeSize / strata.length))
  return strata.flatMap(({ rows }, i) => rows.slice(0, Math.min(at[i]!, each)))
}

/** Sums of the whole sample. */
function together(halves: readonly Half[]): Map<string, Float64Array> {
  const sums = new Map<string, Float64Array>()
  for (const half of halves) {
    for (const part of half.labels.values()) {
      for (const [name, values] of part) {
        const sum = sums.get(name) ?? new Float64Array(values.length)
        sums.set(name, sum)
        for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!
      }
    }
  }
  return sums
}
