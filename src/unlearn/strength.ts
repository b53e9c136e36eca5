import { LetheError } from '../errors.js'
import type { Strength } from './dampen.js'
import type { Target, Trial } from './trial.js'

export interface SearchOptions {
  /** Largest fall of retain accuracy allowed; 0.01 is one point. */
  readonly keep: number
  readonly target: Target
  /** Quantiles of the shares: τ for each fraction of the parameters. */
  readonly quantiles: (fractions: readonly number[]) => number[]
  readonly evaluate: (strength: Strength) => Promise<Trial>
  readonly onTrial?: (done: number, planned: number) => void
}

export interface SearchResult {
  readonly chosen: Trial
  readonly trials: readonly Trial[]
  readonly targetMet: boolean
  /** The nearest choices that were not taken: reaching the target at what fall, or the best under a wider floor. */
  readonly alternatives: readonly Trial[]
}

/** Fractions of all parameters that the coarse scan selects: even steps on a logarithmic scale. */
const coarse = [0.0002, 0.0005, 0.001, 0.002, 0.004, 0.007, 0.012, 0.02, 0.035, 0.06, 0.1, 0.17, 0.28, 0.45, 0.7]
const lambdas = [1, 0.3]
/** Tried too where those reach nothing: with few classes R is small, and λ·I_D/I_Df ≥ λ/R dampens little. */
const smallLambdas = [0.1, 0.01]
const fineSteps = 5

interface Point {
  readonly fraction: number
  readonly trial: Trial
}

/**
 * Finds threshold and λ together: a coarse scan over how many parameters are selected, for each λ, then a finer one where
 * it matters, because the response is neither smooth nor monotonic. Where a trial has gone as far as the target within the
 * floor, the finer scan looks for the weakest strength that still does; where none has, for the strongest that keeps the floor.
 *
 * Among trials that keep the floor, one that reaches the target with the highest retain accuracy wins; where none does,
 * the one nearest to the target. Without a probe the floor is not checked and the weakest strength that reaches the target wins.
 * Throws `strength-void` where not even the strongest setting selects a weight.
 */
export async function findStrength(options: SearchOptions): Promise<SearchResult> {
  const { keep, target } = options
  const trials: Trial[] = []
  const seen = new Set<string>()
  const planned = lambdas.length * (coarse.length + fineSteps)
  const attempt = async (fraction: number, lambda: number): Promise<Trial | undefined> => {
    const share = Math.min(options.quantiles([fraction])[0]!, 0.999)
    const key = `${share}:${lambda}`
    if (seen.has(key) || !(share >= 0)) return undefined
    seen.add(key)
    const trial = await options.evaluate({ share, lambda })
    trials.push(trial)
    options.onTrial?.(trials.length, Math.max(planned, trials.length))
    return trial
  }

  const lines = new Map<number, Point[]>()
  const scan = async (lambda: number): Promise<void> => {
    const line: Point[] = []
    lines.set(lambda, line)
    for (const fraction of coarse) {
      const trial = await attempt(fraction, lambda)
      if (!trial) continue
      line.push({ fraction, trial })
      const tried = line.map((p) => p.trial)
      if (isPointless(tried, options)) break
    }
  }
  const isPassed = (): boolean => trials.some((t) => keepsFloor(t, keep) && target.isPast(t))
  for (const lambda of lambdas) await scan(lambda)
  for (const lambda of smallLambdas) if (!isPassed()) await scan(lambda)

  const holds = isPassed() ? target.isPast : (t: Trial): boolean => !keepsFloor(t, keep)
  for (const [lambda, line] of lines) {
    let [low, high] = crossing(line, holds) ?? [1, 1]
    for (let i = 0; i < fineSteps && high / low > 1.01; i++) {
      const middle = Math.sqrt(low * high)
      const trial = await attempt(middle, lambda)
      if (!trial) break
      if (holds(trial)) high = middle
      else low = middle
    }
  }
  options.onTrial?.(trials.length, trials.length)
  if (trials.every((t) => t.selected === 0)) {
    throw new LetheError(
      'strength-void',
      'No parameter matters to the forget set more than its part of the data; nothing can be selected.',
    )
  }
  return choose(trials, options)
}

function choose(trials: readonly Trial[], { keep, target }: SearchOptions): SearchResult {
  const usable = trials.filter((t) => keepsFloor(t, keep))
  const reached = usable.filter((t) => target.distance(t) <= 0)
  const isChecked = trials.some((t) => t.fall !== undefined)
  const byRetain = (a: Trial, b: Trial): number => quality(b) - quality(a) || a.selected - b.selected
  const byDistance = (a: Trial, b: Trial): number => target.distance(a) - target.distance(b) || byRetain(a, b)
  const byDamage = (a: Trial, b: Trial): number =>
    (a.fall?.value ?? 0) - (b.fall?.value ?? 0) || a.selected - b.selected
  const best = reached.toSorted(isChecked ? byRetain : byDamage)[0]
  const beyond = trials.filter((t) => !keepsFloor(t, keep)).sort(byDamage)
  return {
    chosen: best ?? usable.toSorted(byDistance)[0] ?? trials.toSorted(byDamage)[0]!,
    trials,
    targetMet: best !== undefined,
    alternatives: best ? [] : [...beyond.filter((t) => target.distance(t) <= 0).slice(0, 1), ...beyond.slice(0, 1)],
  }
}

/** Retain quality of a trial: accuracy, and loss where accuracies are equal. */
function quality(t: Trial): number {
  return (t.retain?.accuracy ?? t.unseen?.accuracy ?? 0) - 1e-3 * (t.retain?.loss ?? t.unseen?.loss ?? 0)
}

function keepsFloor(t: Trial, keep: number): boolean {
  return t.fall === undefined || t.fall.value <= keep
}

/** True once selecting more leads nowhere: beyond the floor with the target reached, or far beyond it five times. */
function isPointless(line: readonly Trial[], { keep, target }: SearchOptions): boolean {
  const last = line.at(-1)!
  if (!keepsFloor(last, 2 * keep) && target.isPast(last)) return true
  return line.length >= 5 && line.slice(-5).every((t) => !keepsFloor(t, 5 * keep))
}

/** Fractions of the first two neighbours between which a condition begins to hold. */
function crossing(line: readonly Point[], holds: (t: Trial) => boolean): [number, number] | undefined {
  const i = line.findIndex((p, at) => at > 0 && holds(p.trial) && !holds(line[at - 1]!.trial))
  return i > 0 ? [line[i - 1]!.fraction, line[i]!.fraction] : undefined
}
