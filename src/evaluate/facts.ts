import type { AttackResult } from './attacks/attack.js'
import { attacks } from './attacks/index.js'
import { type Estimate, meanEstimate } from './estimate.js'
import { shareRight } from './metrics/accuracy.js'
import { crossEntropyLosses, type Outputs } from './outputs.js'

/** One model's answers on the sets of records of a request; every set but the forget set may be missing. */
export interface Answers {
  readonly forget: Outputs
  /** Comparable records that the model never saw: same classes in like numbers, same source. */
  readonly unseen?: Outputs
  /** Training records that stay. */
  readonly retain?: Outputs
  /** Unseen records of what stays. */
  readonly test?: Outputs
  /** Unseen records of every kind, what is forgotten included, for attacks that learn from them; `test` where absent. */
  readonly anyUnseen?: Outputs
}

/** What is known of one set of records. */
export interface SetFacts {
  readonly accuracy: Estimate
  /** Mean cross-entropy, nats. */
  readonly loss: number
}

/** The numbers of one model that a verdict is made from. */
export interface ModelFacts {
  readonly forget: SetFacts
  readonly unseen?: SetFacts
  readonly retain?: SetFacts
  readonly test?: SetFacts
  /** AUC of the loss threshold, forget records against comparable unseen ones; 0.5 = cannot be told apart. */
  readonly membership?: Estimate
}

/** Facts of one model, with every attack that its sets allow. Throws as `crossEntropyLosses`. */
export function measureModel(answers: Answers): { facts: ModelFacts; attacks: readonly AttackResult[] } {
  const { forget, unseen, retain, test, anyUnseen = test } = answers
  const results = unseen
    ? attacks
        .filter((attack) => attack.needs.every((set) => answers[set]))
        .map((attack) => attack.measure({ forget, unseen, retain, anyUnseen }))
    : []
  const membership = results.find((r) => r.attack === 'loss-threshold')?.score
  return {
    facts: {
      forget: setFacts(forget),
      ...(unseen && { unseen: setFacts(unseen) }),
      ...(retain && { retain: setFacts(retain) }),
      ...(test && { test: setFacts(test) }),
      ...(membership && { membership }),
    },
    attacks: results,
  }
}

function setFacts(outputs: Outputs): SetFacts {
  const losses = crossEntropyLosses(outputs.logits, outputs.labels, outputs.classes)
  return { accuracy: shareRight(outputs), loss: meanEstimate(losses).value }
}
