import type { Pool } from '../engine/engine.js'
import type { WorkOptions } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import { argmax } from '../fisher/spread.js'
import { classCountsOf, dimsOf } from '../importance/estimate.js'
import type { EstimatorSettings, WorkUnit } from '../importance/estimators/estimator.js'
import { findEstimator } from '../importance/estimators/index.js'
import type { Importance, Stage } from '../importance/importance.js'
import { blockOf, type Stratum, sampledSettings, sizeIn, strataOf } from '../importance/sample.js'
import { addSums, openUnits, type UnitResult } from '../importance/units.js'
import { checkExamples, type Examples, pick } from '../network/examples.js'
import { type Forward, openForward } from '../network/forward.js'
import type { Network } from '../network/network.js'
import { dampen, type Strength } from './dampen.js'
import { type Shares, shareQuantiles } from './shares.js'

/** Agreement of the two halves at which a sample is large enough. */
export const stableAt = 0.99
/** Strength that the halves are compared at: the share that one weight in a hundred exceeds, and λ; near what searches end with. */
const tried = { fraction: 0.01, lambda: 0.3 } as const
/** A sample grows by this factor: twofold in two steps. */
const growth = Math.SQRT2
/** The first sample: this share of the data, and at least two blocks of every label. */
const firstShare = 0.01
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
 * Importances of as many examples as the decision needs. The sample is stratified by label and grows by √2 until two independent halves of it decide alike,
 * for each of up to ten labels taken as the forget set: the selections of one weight in a hundred agree on 99 % of the weights, and the models dampened with them answer
 * 99 % of a probe alike. Every example is computed once. Additive estimators alone.
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
  const asked = sampledSettings(options.settings ?? { estimator: 'exact' })
  const estimator = findEstimator(asked.estimator)
  const settings = estimator.settle(asked)
  const block = blockOf(settings)
  const strata = strataOf(examples, true)
  const wanted = new Set(network.parameters.map((p) => p.name))
  const halves = [newHalf(), newHalf()] as const
  const labels = triedLabels(strata, network)
  const plan = (rows: readonly number[]): WorkUnit[] =>
    estimator.plan(pick(examples, rows), settings).map((unit) => ({ ...unit, rows: unit.rows.map((i) => rows[i]!) }))
  const stages: Stage[] = []
  const units = await openUnits(network, pool, examples, { squares: estimator.squares, wanted })
  const forward = await openForward(network, pool, { varying: wanted })
  const at = strata.map(() => 0)
  let [lossSum, done, isStable] = [0, 0, false]
  try {
    for (let share = firstOf(examples.size, strata, block); !isStable; share = Math.min(1, share * growth)) {
      const sizes = strata.map((stratum) => (share >= 1 ? stratum.rows.length : sizeIn(stratum, share, block)))
      const total = sizes.reduce((a, b) => a + b, 0)
      const grown = strata.flatMap((stratum, i) => unitsBetween(stratum, [at[i]!, sizes[i]!], block, plan))
      sizes.forEach((size, i) => {
        at[i] = size
      })
      let next = 0
      options.onProgress?.({ done, total })
      for await (const result of units.run(
        grown.map((g) => g.unit),
        options.signal,
      )) {
        const { half, label } = grown[next++]!
        units.reuse(addTo(halves[half], labels.has(label) ? label : undefined, result))
        lossSum += result.lossSum
        done += result.unit.rows.length
        options.onProgress?.({ done, total })
      }
      if (total >= examples.size) break
      const probe = pick(examples, probeOf(strata, at))
      const stage = await compare({
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
      isStable = stage.answers !== undefined && stage.answers >= stableAt
    }
  } finally {
    await units.release()
    await forward.release()
  }
  const rows = strata.flatMap((s, i) => s.rows.slice(0, at[i])).sort((a, b) => a - b)
  const sums = together(halves)
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

/** Sums of one half of the sample: of each label that is tried, and of the rest. */
interface Half {
  readonly labels: Map<number | undefined, Map<string, Float64Array>>
  readonly counts: Map<number | undefined, number>
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

function firstOf(size: number, strata: readonly Stratum[], block: number): number {
  return Math.min(1, Math.max(firstShare, (2 * block * strata.length) / size))
}

/** Units of the rows of a stratum from one size to a larger one; whole blocks go to the two halves in turn. */
function unitsBetween(
  { label, rows }: Stratum,
  [from, to]: readonly [number, number],
  block: number,
  plan: (rows: readonly number[]) => readonly WorkUnit[],
): { unit: WorkUnit; label: number; half: 0 | 1 }[] {
  const halves: [number[], number[]] = [[], []]
  for (let i = from; i < to; i++) halves[Math.floor(i / block) % 2 === 0 ? 0 : 1].push(rows[i]!)
  return ([0, 1] as const).flatMap((half) => plan(halves[half]).map((unit) => ({ half, label, unit })))
}

/** Records of the sample, of every label in turn. */
function probeOf(strata: readonly Stratum[], at: readonly number[]): number[] {
  const each = Math.max(1, Math.ceil(probeSize / strata.length))
  return strata.flatMap(({ rows }, i) => rows.slice(0, Math.min(at[i]!, each)))
}

interface Comparison {
  readonly network: Network
  readonly forward: Forward
  readonly halves: readonly [Half, Half]
  readonly strata: readonly Stratum[]
  readonly labels: ReadonlySet<number>
  readonly probe: Examples
  /** |D|. */
  readonly total: number
  /** Examples in the sample. */
  readonly count: number
}

async function compare(c: Comparison): Promise<Stage> {
  const sizes = new Map(c.strata.map(({ label, rows }) => [label, rows.length]))
  // A label of a single block is in one half alone.
  const both = [...c.labels].filter((label) => c.halves.every((half) => half.counts.has(label)))
  const pairs = both.map((label) => {
    const sharesOf = (rest: readonly Half[]): Shares => sharesIn(c.halves, rest, label, [sizes.get(label)!, c.total])
    const share = shareAbove(sharesOf(c.halves), tried.fraction)
    return { a: sharesOf([c.halves[0]]), b: sharesOf([c.halves[1]]), strength: { share, lambda: tried.lambda } }
  })
  const selection = pairs.length === 0 ? 0 : Math.min(...pairs.map(selectedAlike))
  if (selection < stableAt) return { count: c.count, selection }
  const weights = new Map(
    [...c.network.parameters].map(({ name }) => [name, c.network.graph.initializers.get(name)!.data as Float32Array]),
  )
  let answers = 1
  for (const { a: x, b: y, strength } of pairs) {
    const [a, b] = [await answersWith(c, weights, x, strength), await answersWith(c, weights, y, strength)]
    answers = Math.min(answers, a.filter((k, i) => k === b[i]).length / a.length)
  }
  return { count: c.count, selection, answers }
}

async function answersWith(
  { forward, probe }: Comparison,
  weights: ReadonlyMap<string, Float32Array>,
  shares: Shares,
  strength: Strength,
): Promise<number[]> {
  await forward.hold(new Map([...weights, ...dampen(weights, shares, strength).changed]))
  const { logits, classes } = await forward.run(probe)
  return Array.from({ length: probe.size }, (_, n) => argmax(logits, n * classes, classes) - n * classes)
}

/** Forget shares of a label: its own importance as all of the sample has it, that of the rest as the given halves do. */
function sharesIn(
  all: readonly Half[],
  halves: readonly Half[],
  label: number,
  [size, total]: readonly [number, number],
): Shares {
  const own = all.map(({ labels }) => labels.get(label)!)
  const others = halves.flatMap(({ labels }) =>
    [...labels].filter(([other]) => other !== label).map(([, sums]) => sums),
  )
  const counted = (of: readonly Half[], is: (other: number | undefined) => boolean): number =>
    of.flatMap(({ counts }) => [...counts]).reduce((n, [other, count]) => n + (is(other) ? count : 0), 0)
  const ownScale = size / counted(all, (l) => l === label)
  const restScale = (total - size) / (counted(halves, (l) => l !== label) || 1)
  const values = new Map<string, Float32Array>()
  let count = 0
  for (const [name, { length }] of own[0]!) {
    const s = new Float32Array(length)
    for (let i = 0; i < length; i++) {
      let [mine, rest] = [0, 0]
      for (const sums of own) mine += sums.get(name)![i]!
      for (const sums of others) rest += sums.get(name)?.[i] ?? 0
      s[i] = mine > 0 ? (mine * ownScale) / (mine * ownScale + rest * restScale) : 0
    }
    values.set(name, s)
    count += length
  }
  return { values, ratio: total / size, total: count }
}

/** A share that about this fraction of the weights exceeds, at least one: in the middle between two of them. */
function shareAbove(shares: Shares, fraction: number): number {
  const count = Math.max(1, Math.round(fraction * shares.total))
  const [last = 0, next = 0] = shareQuantiles(shares, [(count - 0.5) / shares.total, (count + 0.5) / shares.total])
  return (last + next) / 2
}

/** Share of the weights that both halves select at a strength, or neither does. */
function selectedAlike({ a, b, strength }: { a: Shares; b: Shares; strength: Strength }): number {
  let alike = 0
  for (const [name, x] of a.values) {
    const y = b.values.get(name)!
    for (let i = 0; i < x.length; i++) if (x[i]! > strength.share === y[i]! > strength.share) alike++
  }
  return alike / a.total
}

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
