import { type Estimate, isApart } from '../estimate.js'
import { type Decision, isWithin, type VerdictFacts, visibility } from './facts.js'
import { decideRecords } from './records.js'
import { percent, percentWithin } from './words.js'

/** Accuracies this near to the truth's count as equal to it. */
export const truthMargin = 0.05

/**
 * A sub-class or a person is forgotten when the model does on it as a model that never saw it would: within five points, or
 * within the interval, of the retrained model (or of the target), and nearer to it than to where it was before. What others
 * of the same class teach stays, so the truth is seldom zero; below it is a trace too.
 */
export function decideAttribute(facts: VerdictFacts): Decision {
  const { subject, before, after, retrained, target } = facts
  const [then, now] = [before.forget.accuracy, after.forget.accuracy]
  const truth = retrained ? retrained.forget.accuracy : exactly(target)
  if (!truth) return withoutTruth(facts)
  const whose = retrained
    ? `a model trained without it reaches ${percentWithin(truth)}`
    : `${percent(truth.value)} is expected of a model that never saw it`
  const change = `on ${among(now, facts)} it was right ${percent(then.value)} of the time before and is right ${percent(now.value)} now; ${whose}`
  if (isNear(then, truth)) {
    return {
      state: 'not forgotten',
      rule: 'nothing-to-see',
      sentence: `Nothing to see: even before, the model did on ${subject} what a model without it does: ${change}.`,
      advice: ['Accuracy cannot show this forgetting; look at the membership attack, or at harder records of it.'],
    }
  }
  const isNearer = Math.abs(now.value - truth.value) < Math.abs(now.value - then.value)
  if (isNear(now, truth) && isNearer) return asTruth(facts, change)
  if (now.value < truth.value && truth.value < then.value) {
    return {
      state: 'partly forgotten',
      rule: 'below-truth',
      sentence: `The model has lost more of ${subject} than it should: ${change}. Doing worse than a model that never saw it is a trace in itself.`,
      advice: ['Choose a weaker strength, so that the model does as well as one that never saw these records.'],
    }
  }
  const moved = then.value - now.value
  const isFalling = moved > 0 && (isApart(now, then) || moved >= (then.value - truth.value) / 2)
  return {
    state: isFalling ? 'partly forgotten' : 'not forgotten',
    rule: isFalling ? 'towards-truth' : 'far-from-truth',
    sentence: isFalling
      ? `The model knows ${subject} less than before, but better than a model that never saw it would: ${change}.`
      : `The model still knows ${subject}: ${change}.`,
    advice: ['Choose a higher strength or allow more loss on what stays (--keep).'],
  }
}

function asTruth({ subject, after, retrained }: VerdictFacts, change: string): Decision {
  const isVisible = after.membership !== undefined && visibility(after.membership) === 'known'
  const isVisibleInTruth = retrained?.membership !== undefined && visibility(retrained.membership) === 'known'
  if (isVisible && !isVisibleInTruth) {
    return {
      state: 'partly forgotten',
      rule: 'members-visible',
      sentence: `The model does on ${subject} what it should (${change}), but its losses still give the records away as training data.`,
      advice: ['Choose a higher strength; accuracy alone hides what losses show.'],
    }
  }
  return {
    state: 'forgotten',
    rule: retrained ? 'as-retrained' : 'as-target',
    sentence: `The model now does on ${subject} what a model that never saw it would: ${change}.`,
    advice: [],
  }
}

/** Neither a retrained model nor a target: the membership attack decides; without it nothing is called forgotten. */
function withoutTruth(facts: VerdictFacts): Decision {
  const { subject, before, after } = facts
  if (before.membership && after.membership) return decideRecords({ ...facts, subject: `the records of ${subject}` })
  const [then, now] = [before.forget.accuracy, after.forget.accuracy]
  const isLower = now.value < then.value && isApart(now, then)
  return {
    state: isLower ? 'partly forgotten' : 'not forgotten',
    rule: 'no-truth',
    sentence: `On ${among(now, facts)} the model was right ${percent(then.value)} of the time before and is right ${percent(now.value)} now; how well a model that never saw it would do is not known, so this cannot be called forgotten.`,
    advice: ['Give a retrained model, a target accuracy, or comparable unseen records.'],
  }
}

/** The records that were asked, and whether for each of their tokens. */
function among({ n }: Estimate, { subject, answers }: VerdictFacts): string {
  return `${answers === 'tokens' ? 'the tokens of ' : ''}${n} records of ${subject}`
}

function isNear(a: Estimate, truth: Estimate): boolean {
  const isInside = (x: number, { low, high }: Estimate): boolean => low <= x && x <= high
  return isWithin(a.value - truth.value, truthMargin) || isInside(a.value, truth) || isInside(truth.value, a)
}

function exactly(target: number | undefined): Estimate | undefined {
  return target === undefined ? undefined : { value: target, low: target, high: target, n: Number.POSITIVE_INFINITY }
}
