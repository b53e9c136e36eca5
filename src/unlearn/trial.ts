import type { Strength } from './dampen.js'

/** What a candidate strength did to the probes. Accuracies in [0, 1], losses in nats. */
export interface Trial {
  readonly strength: Strength
  readonly selected: number
  readonly forget: ProbeScore
  readonly retain: ProbeScore | undefined
  readonly unseen: ProbeScore | undefined
  /** Upper end of the 95 % interval of the fall of retain accuracy (the worse of retain and unseen); undefined without probe. */
  readonly worstFall: number | undefined
}

export interface ProbeScore {
  readonly accuracy: number
  readonly loss: number
  readonly size: number
}

/** Where forgetting should end, and how far a trial is from it: 0 is reached, larger is farther. */
export interface Target {
  readonly description: string
  readonly distance: (trial: Trial) => number
}

/** One correct (1) or wrong (0) answer an example. */
export type Answers = Uint8Array

/**
 * Upper end of the 95 % interval of the fall in accuracy between two models on the same examples, from the paired changes:
 * fall + 1.96·√(var/n), var the variance of (before − after) over examples.
 */
export function upperFall(before: Answers, after: Answers): number {
  const n = before.length
  let sum = 0
  let squares = 0
  for (let i = 0; i < n; i++) {
    const d = before[i]! - after[i]!
    sum += d
    squares += d * d
  }
  const mean = sum / n
  return mean + 1.96 * Math.sqrt(Math.max(0, squares / n - mean * mean) / n)
}
