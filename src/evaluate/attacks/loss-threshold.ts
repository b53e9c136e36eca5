import { type Outputs, recordLosses } from '../outputs.js'
import { auc, tprAtFpr } from '../roc.js'
import type { Attack } from './attack.js'

/**
 * Loss threshold: a record with a loss below a threshold is taken for training data. The score is the area under the ROC
 * curve over all thresholds, forget records against comparable unseen ones; 0.5 = they cannot be told apart, above = the
 * forget records still have the lower losses of training data, below = they stand out by higher losses.
 *
 * Source: Yeom, Giacomelli, Fredrikson, Jha, Privacy Risk in Machine Learning (CSF 2018, arXiv 1709.01604): lower loss,
 * likelier a member. A true-positive rate at a low false-positive rate beside the area: Carlini et al., Membership
 * Inference Attacks From First Principles (2022, arXiv 2112.03570).
 */
export const lossThreshold = {
  name: 'loss-threshold',
  title: 'Loss threshold',
  scale: 'AUC: 0.5 = forget records and unseen records cannot be told apart',
  needs: [],
  measure({ forget, unseen }) {
    const members = memberScores(forget)
    const others = memberScores(unseen)
    return {
      attack: 'loss-threshold',
      score: auc(members, others),
      neutral: 0.5,
      facts: { tprAtOnePercentFpr: tprAtFpr(members, others, 0.01) },
    }
  },
} as const satisfies Attack

/** The lower the loss, the more a record looks like training data. */
function memberScores(outputs: Outputs): Float64Array {
  return recordLosses(outputs).map((loss) => -loss)
}
