import type { Estimate } from '../estimate.js'
import type { ModelFacts } from '../facts.js'

export type Task = 'class' | 'attribute' | 'records'

/** All that a verdict is made from: numbers of the models before and after, and how they were obtained. */
export interface VerdictFacts {
  readonly task: Task
  /** What was to be forgotten, as it stands in a sentence: `class "cat"`, `person p07`, `the 100 records`. */
  readonly subject: string
  /** K, the number of classes. */
  readonly classes: number
  /** What the model answers for: records (default), or every token of them. */
  readonly answers?: 'records' | 'tokens'
  readonly before: ModelFacts
  readonly after: ModelFacts
  /** A model trained without the forget set: the truth, where there is one. */
  readonly retrained?: ModelFacts
  /** Accuracy on the forget set that a model without it is expected to have, where nobody retrained one. */
  readonly target?: number
  /** Whether the importances are exact per example: grouped ones select whole classes better. */
  readonly isExact?: boolean
  /** Whether accuracy on what stays was held within its limit while the strength was chosen. */
  readonly floor: 'kept' | 'broken' | 'not checked'
}

export type VerdictState = 'forgotten' | 'partly forgotten' | 'not forgotten'

/** The rule that decided, one name for each. */
export type VerdictRule =
  | 'class-not-named'
  | 'class-named-less'
  | 'class-still-named'
  | 'as-retrained'
  | 'as-target'
  | 'below-truth'
  | 'towards-truth'
  | 'far-from-truth'
  | 'members-visible'
  | 'no-truth'
  | 'indistinguishable'
  | 'fingerprint'
  | 'less-distinguishable'
  | 'still-distinguishable'
  | 'nothing-to-see'
  | 'not-measured'

/** What a task's rule decides; the sentence ends in a full stop. */
export interface Decision {
  readonly state: VerdictState
  readonly rule: VerdictRule
  readonly sentence: string
  readonly advice: readonly string[]
}

/** How forget records look beside unseen ones, read off an AUC and its interval. */
export type Visibility = 'like unseen' | 'known' | 'fingerprint' | 'unclear'

/** AUCs this near to 0.5 count as equal to it. */
export const areaMargin = 0.05

/**
 * `like unseen`: the interval contains 0.5 and the area is within 0.05 of it, or the whole interval is within 0.05 of it.
 * `known`: the interval lies above 0.5 (losses lower than unseen records have). `fingerprint`: below 0.5. Else `unclear`:
 * an area away from 0.5 that too few records were measured for.
 */
export function visibility({ value, low, high }: Estimate): Visibility {
  if (isWithin(low - 0.5, areaMargin) && isWithin(high - 0.5, areaMargin)) return 'like unseen'
  if (low > 0.5) return 'known'
  if (high < 0.5) return 'fingerprint'
  return isWithin(value - 0.5, areaMargin) ? 'like unseen' : 'unclear'
}

/** True where a difference is at most the margin, rounding of the subtraction forgiven. */
export function isWithin(difference: number, margin: number): boolean {
  return Math.abs(difference) <= margin + 1e-12
}
