import { isApart } from '../estimate.js'
import type { Decision, VerdictFacts } from './facts.js'
import { capital, percent } from './words.js'

/** A class counts as forgotten at or below this accuracy on its records. */
export const classLimit = 0.02

/**
 * A whole class is forgotten when the model names it for at most 2 % of its records: a model that never saw the class never
 * names it. Decided by the worse of the forget set and unseen records of the class, where both are there.
 */
export function decideClass({ subject, before, after, isExact = false }: VerdictFacts): Decision {
  const useUnseen = (after.unseen?.accuracy.value ?? 0) > after.forget.accuracy.value
  const now = (useUnseen && after.unseen ? after.unseen : after.forget).accuracy
  const then = (useUnseen && before.unseen ? before.unseen : before.forget).accuracy
  const kind = useUnseen ? `unseen records of ${subject}` : `the records of ${subject}`
  const change = `of ${now.n} ${useUnseen ? 'unseen records' : 'records'} of ${subject} it named ${percent(then.value)} right before and names ${percent(now.value)} now`
  if (then.value <= classLimit) {
    return {
      state: 'not forgotten',
      rule: 'nothing-to-see',
      sentence: `Nothing to see: the model named only ${percent(then.value)} of ${kind} right even before, so there was nothing to lose.`,
      advice: ['Check that the records belong to that class and that the preprocessing is the one of the training.'],
    }
  }
  if (now.value <= classLimit) {
    const chance =
      now.high > classLimit
        ? ` With ${now.n} records the true share may be as high as ${percent(now.high)} (95 % interval).`
        : ` The true share is at most ${percent(now.high)} (95 % interval).`
    return {
      state: 'forgotten',
      rule: 'class-not-named',
      sentence: `The model no longer recognises ${subject}: ${change}.${chance}`,
      advice: [],
    }
  }
  const advice = [
    'Let Lethe search the strength (--auto), or allow more loss on what stays (--keep).',
    ...(isExact
      ? ['Group the importances (--estimator grouped): for whole classes they select better than exact ones.']
      : []),
  ]
  if (now.value < then.value && isApart(now, then)) {
    return {
      state: 'partly forgotten',
      rule: 'class-named-less',
      sentence: `The model recognises ${subject} less, but still does: ${change}; forgotten would be at most ${percent(classLimit)}.`,
      advice,
    }
  }
  return {
    state: 'not forgotten',
    rule: 'class-still-named',
    sentence: `${capital(subject)} is not forgotten: ${change}.`,
    advice,
  }
}
