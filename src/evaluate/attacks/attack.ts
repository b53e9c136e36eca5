import type { Estimate } from '../estimate.js'
import type { Outputs } from '../outputs.js'

/** One model's answers on the sets that an attack looks at. */
export interface AttackInput {
  /** The records to be forgotten. */
  readonly forget: Outputs
  /** Comparable records that the model never saw: same classes in like numbers, same source. */
  readonly unseen: Outputs
  /** Training records that stay. */
  readonly retain?: Outputs
  /** Unseen records of every kind, what is forgotten included; the comparable ones stand in where there are none. */
  readonly anyUnseen?: Outputs
}

export interface AttackResult {
  readonly attack: string
  /** The attack's score, as its `scale` says. */
  readonly score: Estimate
  /** What the score would be if the attack knew nothing of the forget records, where that is known. */
  readonly neutral: number | undefined
  /** Further numbers by name, each an estimate. */
  readonly facts: Readonly<Record<string, Estimate>>
}

/** Tries to tell from a model's answers whether records were in its training data. */
export interface Attack {
  readonly name: string
  readonly title: string
  /** What the score means, in one line. */
  readonly scale: string
  /** Sets that must be there besides `forget` and `unseen`. */
  readonly needs: readonly 'retain'[]
  /** Throws `usage` where a needed set is absent or a set is empty; otherwise as `crossEntropyLosses`. */
  measure(input: AttackInput): AttackResult
}
