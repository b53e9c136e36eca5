import type { Estimate } from '../estimate.js'
import { type Decision, type VerdictFacts, visibility } from './facts.js'
import { areaWithin, capital } from './words.js'

const advice = [
  'Forget more records at once, or retrain without them: that is the only sure way.',
  'A stronger attack (with models trained without the records) would say more about single records.',
]

/**
 * Records are forgotten when their losses cannot be told from those of comparable unseen records, and could be before.
 *
 * Where the attack could not tell them even before, there is nothing to see; where before lies inside the interval of
 * after, nothing has changed; losses above those of unseen records are a fingerprint of their own.
 */
export function decideRecords({ subject, before, after }: VerdictFacts): Decision {
  const [then, now] = [before.membership, after.membership]
  if (!then || !now) {
    return {
      state: 'not forgotten',
      rule: 'not-measured',
      sentence: `Whether ${subject} are forgotten was not measured: there were no comparable unseen records to hold them against.`,
      advice: ['Give records of the same kind that the model never saw (test data), so that losses can be compared.'],
    }
  }
  const areas = `0.5 is indistinguishable; before ${areaWithin(then)}, now ${areaWithin(now)}`
  const seenNow = visibility(now)
  if (visibility(then) !== 'known') {
    const since =
      seenNow === 'fingerprint'
        ? ' Now their losses stand out as too high, which marks them.'
        : seenNow === 'known'
          ? ' Now it can tell them: the change made them more visible.'
          : ''
    return {
      state: 'not forgotten',
      rule: 'nothing-to-see',
      sentence: `Nothing to see: the attack could not tell ${subject} from unseen ones even before (AUC, ${areas}), so it cannot show that anything was forgotten.${since}`,
      advice,
    }
  }
  const isChanged = !(now.low <= then.value && then.value <= now.high)
  if (seenNow === 'fingerprint') {
    return {
      state: 'partly forgotten',
      rule: 'fingerprint',
      sentence: `The model no longer treats ${subject} as known, but now does worse on them than on records it never saw, which gives them away in the other direction (AUC, ${areas}).`,
      advice: [
        'Choose a weaker strength: the losses should be like those of unseen records, neither lower nor higher.',
      ],
    }
  }
  if (!isChanged) {
    return {
      state: 'not forgotten',
      rule: 'still-distinguishable',
      sentence: `${capital(subject)} are not forgotten: the attack tells them from unseen ones about as well as before (AUC, ${areas}).`,
      advice: [...advice, 'Noise on the changed weights hides single records, at a price in accuracy.'],
    }
  }
  if (seenNow === 'like unseen') {
    return {
      state: 'forgotten',
      rule: 'indistinguishable',
      sentence: `By their losses, ${subject} can no longer be told from records that the model never saw (AUC, ${areas}).`,
      advice: [],
    }
  }
  return {
    state: now.value < then.value ? 'partly forgotten' : 'not forgotten',
    rule: now.value < then.value ? 'less-distinguishable' : 'still-distinguishable',
    sentence:
      now.value < then.value
        ? `The model gives ${subject} away less than before, but ${uncertain(now)} (AUC, ${areas}).`
        : `${capital(subject)} are not forgotten: the attack tells them from unseen ones better than before (AUC, ${areas}).`,
    advice,
  }
}

function uncertain(now: Estimate): string {
  return visibility(now) === 'unclear' ? 'too few were measured to call them forgotten' : 'they can still be told'
}
