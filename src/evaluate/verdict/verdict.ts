import { isApart } from '../estimate.js'
import type { ModelFacts } from '../facts.js'
import { decideAttribute } from './attribute.js'
import { decideClass } from './class.js'
import type { Decision, Task, VerdictFacts, VerdictRule, VerdictState } from './facts.js'
import { decideRecords } from './records.js'
import { areaWithin, percent, percentWithin, points } from './words.js'

/** Whether a model has forgotten, in words for people who do not read papers, with what it rests on. */
export interface Verdict {
  readonly state: VerdictState
  /** The rule that decided. */
  readonly rule: VerdictRule
  /** One or two sentences with the numbers that decided and the price, where there is one. */
  readonly sentence: string
  /** Every number that was looked at, a sentence each. */
  readonly reasons: readonly string[]
  /** What the verdict does not show. Never empty. */
  readonly limits: readonly string[]
  /** What would help, where it is not forgotten. */
  readonly advice: readonly string[]
}

const rules = {
  class: decideClass,
  attribute: decideAttribute,
  records: decideRecords,
} as const satisfies Record<Task, (facts: VerdictFacts) => Decision>

/**
 * Verdict on a model that was to forget, by the rules of its task: a class (at most 2 % of its records named), an attribute
 * such as a person (what a model that never saw it does, within five points or the interval), records (losses that cannot
 * be told from unseen records', and could be before). The price on what stays is told, and never changes the state.
 */
export function verdict(facts: VerdictFacts): Verdict {
  const decision = rules[facts.task](facts)
  return {
    state: decision.state,
    rule: decision.rule,
    sentence: decision.sentence + price(facts),
    reasons: reasons(facts),
    limits: limits(facts),
    advice: decision.advice,
  }
}

type Kept = 'test' | 'retain'
const keptNames: Readonly<Record<Kept, string>> = {
  test: 'unseen records of what stays',
  retain: 'kept training records',
}

/** Added to the sentence where what stays has clearly suffered. */
function price({ before, after, floor, classes, answers }: VerdictFacts): string {
  const kind: Kept = before.test && after.test ? 'test' : 'retain'
  const then = before[kind]?.accuracy
  const now = after[kind]?.accuracy
  if (!then || !now) return floor === 'broken' ? ' The limit on what may be lost elsewhere was broken.' : ''
  const isWorse = now.value < then.value && isApart(now, then)
  if (!isWorse && floor !== 'broken') return ''
  const fall = `accuracy on ${ofTokens(answers)}${keptNames[kind]} went from ${percent(then.value)} to ${percent(now.value)}`
  // Nine tenths of the way from where it was to guessing.
  if (isWorse && now.value <= 1 / classes + (then.value - 1 / classes) / 10) {
    return ` But the model is ruined: ${fall}, about what guessing among ${classes} classes gives.`
  }
  return ` This has a price: ${fall}${floor === 'broken' ? ', more than was allowed' : ''}.`
}

function reasons({ before, after, retrained, floor, answers }: VerdictFacts): string[] {
  const sets = [
    ['forget', 'the records to forget'],
    ['unseen', 'comparable unseen records'],
    ['retain', keptNames.retain],
    ['test', keptNames.test],
  ] as const
  const out = sets.flatMap(([set, name]) => comparison(ofTokens(answers) + name, set, before, after, retrained))
  if (after.membership) {
    const then = before.membership ? `${areaWithin(before.membership)} before, ` : ''
    const truth = retrained?.membership ? `, ${areaWithin(retrained.membership)} for the retrained model` : ''
    out.push(
      `Telling the records to forget from unseen ones by their losses (AUC, 0.5 is indistinguishable): ${then}${areaWithin(after.membership)} now${truth}.`,
    )
  }
  if (floor !== 'not checked') out.push(`The limit on what may be lost on what stays was ${floor}.`)
  return out
}

function comparison(
  name: string,
  set: 'forget' | 'unseen' | 'retain' | 'test',
  before: ModelFacts,
  after: ModelFacts,
  retrained: ModelFacts | undefined,
): string[] {
  const [then, now, truth] = [before[set], after[set], retrained?.[set]]
  if (!then || !now) return []
  const difference = now.accuracy.value - then.accuracy.value
  const sure = isApart(now.accuracy, then.accuracy) ? '' : ', within the uncertainty'
  const other = truth ? `, retrained ${percent(truth.accuracy.value)}` : ''
  return [
    `Accuracy on ${name} (${now.accuracy.n}): ${percent(then.accuracy.value)} before, ${percentWithin(now.accuracy)} now (${points(difference)}${sure})${other}; mean loss ${then.loss.toFixed(3)} before, ${now.loss.toFixed(3)} now.`,
  ]
}

function ofTokens(answers: VerdictFacts['answers']): string {
  return answers === 'tokens' ? 'tokens of ' : ''
}

function limits({ before, after, retrained, floor, task }: VerdictFacts): string[] {
  const out = [
    'Attacks give lower bounds: what these tests do not find, a stronger one may.',
    'The verdict speaks of the answers the model gives, not of how fast it would learn the records again; that was not tested.',
  ]
  const { n, low, high } = after.forget.accuracy
  if (n < 100) {
    out.push(`Only ${n} records were to be forgotten: accuracy on them is known to ±${percent((high - low) / 2)}.`)
  }
  const area = after.membership
  if (!area || !before.membership) {
    out.push('Membership was not measured: there were no comparable unseen records.')
  } else if (area.high - area.low > 0.1) {
    out.push(
      `The membership AUC is known to ±${((area.high - area.low) / 2).toFixed(2)}: weaker traces than that stay unseen.`,
    )
  }
  if (!retrained && task !== 'records') out.push('No model trained without these records was there to compare with.')
  if (floor === 'not checked') out.push('Floor not checked: there was no data to watch accuracy on what stays.')
  if (!after.test && !after.retain) out.push('What the change costs elsewhere was not measured.')
  return out
}
