import type { Strength } from './dampen.js'

/** What a candidate strength did to the probes. Accuracies in [0, 1], losses in nats. */
export interface Trial {
  readonly strength: Strength
  readonly selected: number
  readonly forget: ProbeScore
  readonly retain: ProbeScore | undefined
  readonly unseen: ProbeScore | undefined
  /** Fall of accuracy on what stays (the worse of retain and unseen), with its interval; undefined without probe. */
  readonly fall: Fall | undefined
}

export interface ProbeScore {
  readonly accuracy: number
  readonly loss: number
  readonly size: number
}

/** Where forgetting should end. */
export interface Target {
  readonly description: string
  /** How far a trial is from it, on either side: 0 or less is reached, larger is farther. */
  readonly distance: (trial: Trial) => number
  /** True where a trial has forgotten as much as it should, or more. */
  readonly isPast: (trial: Trial) => boolean
}

/** One correct (1) or wrong (0) answer an example, or the share of its tokens that are right. */
export type Answers = ArrayLike<number>

/** How far accuracy fell between two models on the same examples (negative: it rose), with its 95 % interval. */
export interface Fall {
  readonly value: number
  readonly low: number
  readonly high: number
}

/**
 * Fall in accuracy from the paired changes: mean of d = before − after over examples, ± 1.96·√(var d / n). Pairing makes the
 * interval far narrower than those of the two accuracies.
 */
export function fallBetween(before: Answers, after: Answers): Fall {
  const n = before.length
  let sum = 0
  let squares = 0
  for (let i = 0; i < n; i++) {
    const d = before[i]! - after[i]!
    sum += d
    squares += d * d
  }
  const value = sum / n
  const half = 1.96 * Math.sqrt(Math.max(0, squares / n - value * value) / n)
  return { value, low: value - half, high: value + half }
}
