import type { Pool } from '../engine/engine.js'
import type { WorkOptions } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import { type Outputs, recordLosses, rightShares } from '../evaluate/outputs.js'
import { isTokenLoss } from '../fisher/loss.js'
import type { Importance } from '../importance/importance.js'
import type { Examples } from '../network/examples.js'
import { type Forward, openForward, type Scores } from '../network/forward.js'
import type { Network } from '../network/network.js'
import { dampen, type LayerChange, type Strength } from './dampen.js'
import { forgetShares, quantilesOf, type Shares, shareHistogram } from './shares.js'
import { findStrength, type SearchResult } from './strength.js'
import { type Task, targetOf } from './target.js'
import { type Answers, fallBetween, type ProbeScore, type Trial } from './trial.js'

/** Samples that candidate strengths are tried on; none of them may be data that the result is judged by. */
export interface Probes {
  readonly forget: Examples
  /** Retained data. Without it (and without `unseen`) the floor is not checked. */
  readonly retain?: Examples
  /** Data comparable to the forget set that the model has never seen. */
  readonly unseen?: Examples
}

/** Strength as fixed by the caller, or found. */
export type StrengthChoice =
  | { readonly kind: 'auto'; readonly keep?: number }
  | { readonly kind: 'alpha'; readonly alpha: number; readonly lambda: number }
  | { readonly kind: 'share'; readonly share: number; readonly lambda: number }

/** What `planForgetting` stands on: both importances, the task, and the samples that strengths are tried on. */
export interface ForgetRequest extends Omit<WorkOptions, 'onProgress'> {
  /** Importances of all data and of the forget set, made in the same way. */
  readonly all: Importance
  readonly forget: Importance
  readonly task: Task
  readonly probes: Probes
  readonly strength?: StrengthChoice
  readonly onTrial?: (done: number, planned: number) => void
}

/** A plan: what would be done, and every trial that led to it. Nothing is written. */
export interface Plan {
  readonly strength: Strength
  /** α = τ·R, the published threshold that selects the same weights. */
  readonly alpha: number
  readonly ratio: number
  readonly target: string
  readonly targetMet: boolean
  readonly floor: 'kept' | 'broken' | 'not checked'
  readonly keep: number
  readonly before: Trial
  readonly chosen: Trial
  readonly trials: readonly Trial[]
  readonly alternatives: readonly Trial[]
  readonly layers: readonly LayerChange[]
  readonly histogram: readonly number[]
  /** New values of the parameters that change. */
  readonly changed: ReadonlyMap<string, Float32Array>
}

/** Probe examples from which a session for each strength costs less than weights that are fed. */
const manyProbed = 1024

/** Default floor: one point of retain accuracy; three tenths for single records, where little can be gained for it. */
export function defaultKeep(task: Task): number {
  return task === 'records' ? 0.003 : 0.01
}

/**
 * Finds (or takes) the strength of forgetting and the weights it leads to.
 *
 * Throws `strength-void` (α ≥ R, or nothing can be selected), `forget-unseen`, `store-mismatch`, `cancelled`.
 */
export async function planForgetting(network: Network, pool: Pool, request: ForgetRequest): Promise<Plan> {
  const shares = forgetShares(request.all, request.forget)
  const strength = request.strength ?? { kind: 'auto' }
  if (strength.kind !== 'auto') checkStrength(fixedStrength(strength, shares), shares)
  const weights = parameterValues(network, shares)
  const names = new Set(weights.keys())
  const probed = Object.values(request.probes).reduce((n, probe) => n + (probe?.size ?? 0), 0)
  const forward = await openForward(network, pool, { varying: names, runs: probed >= manyProbed ? 'many' : 'few' })
  try {
    const bench = await openBench(forward, weights, shares, request)
    const keep = (strength.kind === 'auto' ? strength.keep : undefined) ?? defaultKeep(request.task)
    const target = targetOf(
      request.task,
      isTokenLoss(network.loss.loss) ? undefined : 1 / network.classes,
      request.probes.unseen && bench.before.unseen,
      bench.before.forget,
    )
    const result: SearchResult =
      strength.kind === 'auto'
        ? await findStrength({
            keep,
            target,
            quantiles: quantilesOf(shares),
            evaluate: bench.evaluate,
            onTrial: request.onTrial,
          })
        : fixedResult(await bench.evaluate(fixedStrength(strength, shares)), target.distance)
    const { changed, layers } = dampen(weights, shares, result.chosen.strength)
    const fall = result.chosen.fall
    return {
      strength: result.chosen.strength,
      alpha: result.chosen.strength.share * shares.ratio,
      ratio: shares.ratio,
      target: target.description,
      targetMet: result.targetMet,
      floor: fall === undefined ? 'not checked' : fall.value <= keep ? 'kept' : 'broken',
      keep,
      before: bench.before,
      chosen: result.chosen,
      trials: result.trials,
      alternatives: result.alternatives,
      layers,
      histogram: shareHistogram(shares),
      changed,
    }
  } finally {
    await forward.release()
  }
}

function fixedStrength(choice: Exclude<StrengthChoice, { kind: 'auto' }>, shares: Shares): Strength {
  return choice.kind === 'alpha'
    ? { share: choice.alpha / shares.ratio, lambda: choice.lambda }
    : { share: choice.share, lambda: choice.lambda }
}

/**
 * Throws `strength-void` for a threshold that no share can exceed: s ≤ 1 for additive importances, so α ≥ R = |D|/|D_f|
 * selects nothing, ever.
 */
export function checkStrength(strength: Strength, { ratio }: Pick<Shares, 'ratio'>): void {
  if (strength.share < 1) return
  const alpha = strength.share * ratio
  throw new LetheError(
    'strength-void',
    `α = ${round(alpha)} selects nothing: the forget set is 1/${round(ratio)} of the data, so no weight can matter to it more than R = ${round(ratio)} times as much as to all of it. Choose α below R = ${round(ratio)}, or --auto.`,
    { alpha, ratio },
  )
}

const round = (x: number): number => Number(x.toPrecision(4))

function fixedResult(trial: Trial, distance: (t: Trial) => number): SearchResult {
  return {
    chosen: trial,
    trials: [trial],
    targetMet: distance(trial) <= 0,
    alternatives: [],
  }
}

function parameterValues(network: Network, shares: Shares): Map<string, Float32Array> {
  return new Map(
    [...shares.values.keys()].map((name) => [name, network.graph.initializers.get(name)!.data as Float32Array]),
  )
}

interface Bench {
  readonly before: Trial
  readonly evaluate: (strength: Strength) => Promise<Trial>
}

/** The model with its own weights on every probe, and a way to try a strength on them. */
async function openBench(
  forward: Forward,
  weights: ReadonlyMap<string, Float32Array>,
  shares: Shares,
  { probes, signal, task }: ForgetRequest,
): Promise<Bench> {
  // Unseen members of an attribute may be lost with it: a model that never saw it knows less of them, too.
  const watched = task === 'attribute' && probes.retain ? (['retain'] as const) : (['retain', 'unseen'] as const)
  const run = async (examples: Examples | undefined): Promise<{ score: ProbeScore; answers: Answers } | undefined> =>
    examples && scoreOf(await forward.run(examples, { signal }), examples)
  const measure = async (
    strength: Strength,
    selected: number,
    base?: Record<'retain' | 'unseen', Answers | undefined>,
  ): Promise<{ trial: Trial; answers: Record<'retain' | 'unseen', Answers | undefined> }> => {
    const [forget, retain, unseen] = [await run(probes.forget), await run(probes.retain), await run(probes.unseen)]
    const falls = watched.flatMap((name) => {
      const [old, now] = [base?.[name], (name === 'retain' ? retain : unseen)?.answers]
      return old && now ? [fallBetween(old, now)] : []
    })
    return {
      trial: {
        strength,
        selected,
        forget: forget!.score,
        retain: retain?.score,
        unseen: unseen?.score,
        fall:
          falls.toSorted((a, b) => b.value - a.value)[0] ??
          (retain || unseen ? { value: 0, low: 0, high: 0 } : undefined),
      },
      answers: { retain: retain?.answers, unseen: unseen?.answers },
    }
  }
  await forward.hold(weights)
  const before = await measure({ share: 1, lambda: 1 }, 0)
  return {
    before: before.trial,
    async evaluate(strength) {
      const { changed, layers } = dampen(weights, shares, strength)
      await forward.hold(new Map([...weights].map(([name, old]) => [name, changed.get(name) ?? old])))
      const selected = layers.reduce((n, l) => n + l.selected, 0)
      return (await measure(strength, selected, before.answers)).trial
    },
  }
}

/** Accuracy, mean loss and right answers of scores. */
export function scoreOf(scores: Scores, { labels }: Examples): { score: ProbeScore; answers: Answers } {
  const outputs: Outputs = { ...scores, labels }
  const answers = rightShares(outputs)
  const losses = recordLosses(outputs)
  const mean = (values: ArrayLike<number>): number => {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[i]!
    return sum / values.length
  }
  return { score: { accuracy: mean(answers), loss: mean(losses), size: labels.length }, answers }
}
