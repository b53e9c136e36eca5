import type { AttackResult } from './attacks/attack.js'
import { attacks } from './attacks/index.js'
import { type Estimate, meanEstimate } from './estimate.js'
import { shareRight } from './metrics/accuracy.js'
import { perplexity } from './metrics/perplexity.js'
import { type Outputs, recordLosses } from './outputs.js'

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
  /** Share of right answers; of a model that answers for every token, the mean over records of the share of their tokens. */
  readonly accuracy: Estimate
  /** Mean over the records of their losses, nats. */
  readonly loss: number
  /** exp of the mean loss over all tokens; of next-token prediction alone. */
  readonly perplexity?: number
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
  const [perplexed] = perplexity.measure(outputs)
  return {
    accuracy: shareRight(outputs),
    loss: meanEstimate(recordLosses(outputs)).value,
    ...(perplexed && { perplexity: perplexed.value }),
  }
}
