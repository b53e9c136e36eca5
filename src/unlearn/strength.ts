import { LetheError } from '../errors.js'
import type { Strength } from './dampen.js'
import type { Target, Trial } from './trial.js'

export interface SearchOptions {
  /** Largest fall of retain accuracy allowed, its interval included; 0.01 is one point. */
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
  readonly floor: 'kept' | 'not checked'
  /** The nearest choices that were not taken: reaching the target at what fall, or the best under a wider floor. */
  readonly alternatives: readonly Trial[]
}

/** Fractions of all parameters that the coarse scan selects: even steps on a logarithmic scale. */
const coarse = [0.0002, 0.0005, 0.001, 0.002, 0.004, 0.007, 0.012, 0.02, 0.035, 0.06, 0.1, 0.17, 0.28]
const lambdas = [1, 0.3]
const fineSteps = 5

/**
 * Finds threshold and λ together: a coarse scan over how many parameters are selected, for each λ, then a finer one
 * between the neighbours of the best trials, because the response is neither smooth nor monotonic.
 *
 * Among trials that keep the floor, one that reaches the target with the highest retain accuracy wins; where none does,
 * the one nearest to the target. Without a probe the floor is not checked and the weakest strength that reaches the target wins.
 * Throws `strength-void` where not even the strongest setting selects a weight.
 */
export async function findStrength(options: SearchOptions): Promise<SearchResult> {
  const trials: Trial[] = []
  const seen = new Set<string>()
  const planned = lambdas.length * (coarse.length + fineSteps * 2)
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

  for (const lambda of lambdas) {
    const line: { fraction: number; trial: Trial }[] = []
    for (const fraction of coarse) {
      const trial = await attempt(fraction, lambda)
      if (!trial) continue
      line.push({ fraction, trial })
      if (
        isPointless(
          line.map((p) => p.trial),
          options,
        )
      )
        break
    }
    for (const [from, to] of intervals(line, options)) {
      let [low, high] = [from, to]
      for (let i = 0; i < fineSteps; i++) {
        const middle = Math.sqrt(low * high)
        const trial = await attempt(middle, lambda)
        if (!trial) break
        // Move towards the weakest selection that reaches the target, else to the strongest that keeps the floor.
        if (options.target.distance(trial) <= 0 || !keepsFloor(trial, options.keep)) high = middle
        else low = middle
      }
    }
  }
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
  const byRetain = (a: Trial, b: Trial): number => quality(b) - quality(a) || a.selected - b.selected
  const byDistance = (a: Trial, b: Trial): number => target.distance(a) - target.distance(b) || byRetain(a, b)
  const weakest = (a: Trial, b: Trial): number => a.selected - b.selected
  const checked = trials.some((t) => t.worstFall !== undefined)
  const chosen =
    reached.sort(checked ? byRetain : weakest)[0] ??
    usable.toSorted(byDistance)[0] ??
    trials.toSorted((a, b) => (a.worstFall ?? 0) - (b.worstFall ?? 0))[0]!
  const beyond = trials.filter((t) => !keepsFloor(t, keep)).sort((a, b) => (a.worstFall ?? 0) - (b.worstFall ?? 0))
  return {
    chosen,
    trials,
    targetMet: reached.length > 0,
    floor: checked ? 'kept' : 'not checked',
    alternatives:
      reached.length > 0 ? [] : [...beyond.filter((t) => target.distance(t) <= 0).slice(0, 1), ...beyond.slice(0, 1)],
  }
}

/** Retain quality of a trial: accuracy, and loss where accuracies are equal. */
function quality(t: Trial): number {
  return (t.retain?.accuracy ?? t.unseen?.accuracy ?? 0) - 1e-3 * (t.retain?.loss ?? t.unseen?.loss ?? 0)
}

function keepsFloor(t: Trial, keep: number): boolean {
  return t.worstFall === undefined || t.worstFall <= keep
}

function isBroken(t: Trial, keep: number): boolean {
  return t.worstFall !== undefined && t.worstFall > 5 * keep
}

/** True once selecting more leads nowhere: far below the floor twice with the target reached, or five times in any case. */
function isPointless(line: readonly Trial[], { keep, target }: SearchOptions): boolean {
  const last = line.at(-1)!
  const needed = target.distance(last) <= 0 ? 2 : 5
  return line.length >= needed && line.slice(-needed).every((t) => isBroken(t, keep))
}

/** Intervals of fractions worth a finer scan: where the target is crossed, and where the floor is. */
function intervals(line: readonly { fraction: number; trial: Trial }[], options: SearchOptions): [number, number][] {
  const found: [number, number][] = []
  for (let i = 1; i < line.length; i++) {
    const [a, b] = [line[i - 1]!, line[i]!]
    const crossesTarget = options.target.distance(a.trial) > 0 && options.target.distance(b.trial) <= 0
    const crossesFloor = keepsFloor(a.trial, options.keep) && !keepsFloor(b.trial, options.keep)
    if (crossesTarget || crossesFloor) found.push([a.fraction, b.fraction])
  }
  return found.slice(0, 2)
}
