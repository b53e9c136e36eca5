import { LetheError } from '../../errors.js'
import { type Estimate, wilson } from '../estimate.js'
import { fitLogistic, type LogisticFit } from '../logistic.js'
import { recordEntropies } from '../outputs.js'
import type { Attack } from './attack.js'

/**
 * The attack of the published SSD code: a balanced logistic regression on the entropy of the softmax, taught to tell
 * retained training data (members) from test data; the score is the share of forget records that it calls members.
 *
 * The published call is scikit-learn's LogisticRegression(class_weight="balanced", solver="lbfgs",
 * multi_class="multinomial") with C = 1. On two groups the multinomial form fits two opposite slopes ±w, each penalised
 * by ½w²: for the difference u = 2w that is ¼u², hence C = 2 in the ordinary form used here.
 * The attack never sees labels, nor whether an answer is right. Its score for a model that never saw the records is not
 * known beforehand: read it beside the share of test records called members, or beside a retrained model's score.
 * Source: get_membership_attack_prob in metrics.py of github.com/if-loops/selective-synaptic-dampening (Foster, Schoepf,
 * Brintrup, AAAI 2024, arXiv 2308.07707), which takes it from arXiv 2205.08096; the two forms: scikit-learn issue 12193.
 */
export const entropyLogistic = {
  name: 'entropy-logistic',
  title: 'Entropy (published SSD attack)',
  scale: 'share of forget records that the attack takes for training data',
  needs: ['retain'],
  measure({ forget, unseen, retain, anyUnseen = unseen }) {
    if (!retain) throw new LetheError('usage', 'The entropy attack needs retained training records to learn from.')
    const members = recordEntropies(retain)
    const others = recordEntropies(anyUnseen)
    const fit = fitLogistic(members, others, { c: 2, balanced: true })
    return {
      attack: 'entropy-logistic',
      score: calledMembers(recordEntropies(forget), fit),
      neutral: undefined,
      facts: { retainCalledMembers: calledMembers(members, fit), unseenCalledMembers: calledMembers(others, fit) },
    }
  },
} as const satisfies Attack

function calledMembers(xs: Float64Array, { slope, intercept }: LogisticFit): Estimate {
  return wilson(xs.filter((x) => slope * x + intercept > 0).length, xs.length)
}
