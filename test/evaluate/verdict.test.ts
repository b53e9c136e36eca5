import { describe, expect, it } from 'vitest'
import { type Estimate, wilson } from '../../src/evaluate/estimate.js'
import type { ModelFacts } from '../../src/evaluate/facts.js'
import { aucInterval } from '../../src/evaluate/roc.js'
import { type VerdictFacts, visibility } from '../../src/evaluate/verdict/facts.js'
import { verdict } from '../../src/evaluate/verdict/verdict.js'

const set = (right: number, n: number, loss = 1) => ({ accuracy: wilson(right, n), loss })
const area = (value: number, n = 400, others = 1000): Estimate => ({ value, ...aucInterval(value, n, others), n })

/** A model by what it gets right of the forget set, with the AUC of its membership and what it gets right of test data. */
function model(right: number, n: number, membership?: Estimate, test?: readonly [number, number]): ModelFacts {
  return {
    forget: set(right, n),
    ...(membership && { membership }),
    ...(test && { test: set(test[0], test[1]) }),
  }
}

function facts(
  task: VerdictFacts['task'],
  before: ModelFacts,
  after: ModelFacts,
  more: Partial<VerdictFacts> = {},
): VerdictFacts {
  const subject = { class: 'class "cat"', attribute: 'person p07', records: 'the 400 records' }[task]
  return { task, subject, classes: 10, before, after, floor: 'kept', ...more }
}

interface Row {
  name: string
  facts: VerdictFacts
  state: string
  rule: string
  says: string
}

const classRows: Row[] = [
  {
    name: 'nothing of 1000 named',
    facts: facts('class', model(935, 1000), model(4, 1000)),
    state: 'forgotten',
    rule: 'class-not-named',
    says: 'The model no longer recognises class "cat": of 1000 records of class "cat" it named 93.5 % right before and names 0.4 % now. The true share is at most 1.0 % (95 % interval).',
  },
  {
    name: 'at the limit exactly',
    facts: facts('class', model(900, 1000), model(20, 1000)),
    state: 'forgotten',
    rule: 'class-not-named',
    says: 'the true share may be as high as 3.1 %',
  },
  {
    name: 'nothing of 20: few records',
    facts: facts('class', model(18, 20), model(0, 20)),
    state: 'forgotten',
    rule: 'class-not-named',
    says: 'With 20 records the true share may be as high as 16.1 %',
  },
  {
    name: 'just above the limit',
    facts: facts('class', model(900, 1000), model(21, 1000)),
    state: 'partly forgotten',
    rule: 'class-named-less',
    says: 'forgotten would be at most 2.0 %',
  },
  {
    name: 'within chance of before',
    facts: facts('class', model(90, 100), model(86, 100)),
    state: 'not forgotten',
    rule: 'class-still-named',
    says: 'Class "cat" is not forgotten',
  },
  {
    name: 'better than before',
    facts: facts('class', model(500, 1000), model(900, 1000)),
    state: 'not forgotten',
    rule: 'class-still-named',
    says: 'named 50.0 % right before and names 90.0 % now',
  },
  {
    name: 'never known',
    facts: facts('class', model(1, 100), model(0, 100)),
    state: 'not forgotten',
    rule: 'nothing-to-see',
    says: 'only 1.0 % of the records of class "cat" right even before',
  },
  {
    name: 'forgotten on the training records only: unseen ones decide',
    facts: facts(
      'class',
      { ...model(990, 1000), unseen: set(900, 1000) },
      { ...model(0, 1000), unseen: set(300, 1000) },
    ),
    state: 'partly forgotten',
    rule: 'class-named-less',
    says: 'of 1000 unseen records of class "cat" it named 90.0 % right before and names 30.0 % now',
  },
]

const retrained = (right: number, n: number, membership?: Estimate) => ({ retrained: model(right, n, membership) })
const attributeRows: Row[] = [
  {
    name: 'as the retrained model',
    facts: facts('attribute', model(98, 100), model(43, 100), retrained(45, 100)),
    state: 'forgotten',
    rule: 'as-retrained',
    says: 'The model now does on person p07 what a model that never saw it would: on 100 records of person p07 it was right 98.0 % of the time before and is right 43.0 % now; a model trained without it reaches 45.0 % (95 % interval 35.6 % to 54.8 %).',
  },
  {
    name: 'within five points of many',
    facts: facts('attribute', model(9800, 10000), model(4990, 10000), retrained(4500, 10000)),
    state: 'forgotten',
    rule: 'as-retrained',
    says: '49.9 % now',
  },
  {
    name: 'above the retrained model',
    facts: facts('attribute', model(98, 100), model(70, 100), retrained(30, 100)),
    state: 'partly forgotten',
    rule: 'towards-truth',
    says: 'knows person p07 less than before, but better than a model that never saw it would',
  },
  {
    name: 'hardly moved',
    facts: facts('attribute', model(98, 100), model(95, 100), retrained(30, 100)),
    state: 'not forgotten',
    rule: 'far-from-truth',
    says: 'The model still knows person p07',
  },
  {
    name: 'below the retrained model',
    facts: facts('attribute', model(98, 100), model(2, 100), retrained(45, 100)),
    state: 'partly forgotten',
    rule: 'below-truth',
    says: 'has lost more of person p07 than it should',
  },
  {
    name: 'wide intervals do not make half the way the whole way',
    facts: facts('attribute', model(10, 12), model(8, 12), retrained(5, 12)),
    state: 'not forgotten',
    rule: 'far-from-truth',
    says: 'on 12 records',
  },
  {
    name: 'the retrained model does as the original',
    facts: facts('attribute', model(95, 100), model(60, 100), retrained(93, 100)),
    state: 'not forgotten',
    rule: 'nothing-to-see',
    says: 'even before, the model did on person p07 what a model without it does',
  },
  {
    name: 'losses still give the records away',
    facts: facts('attribute', model(98, 100, area(0.9)), model(45, 100, area(0.7)), retrained(45, 100, area(0.5))),
    state: 'partly forgotten',
    rule: 'members-visible',
    says: 'its losses still give the records away',
  },
  {
    name: 'the retrained model looks the same to the attack',
    facts: facts('attribute', model(98, 100, area(0.9)), model(45, 100, area(0.6)), retrained(45, 100, area(0.6))),
    state: 'forgotten',
    rule: 'as-retrained',
    says: 'what a model that never saw it would',
  },
  {
    name: 'as the target',
    facts: facts('attribute', model(98, 100), model(22, 100), { target: 0.25 }),
    state: 'forgotten',
    rule: 'as-target',
    says: '25.0 % is expected of a model that never saw it',
  },
  {
    name: 'no truth, no unseen records',
    facts: facts('attribute', model(98, 100), model(5, 100)),
    state: 'partly forgotten',
    rule: 'no-truth',
    says: 'how well a model that never saw it would do is not known',
  },
  {
    name: 'no truth, nothing moved',
    facts: facts('attribute', model(98, 100), model(97, 100)),
    state: 'not forgotten',
    rule: 'no-truth',
    says: 'this cannot be called forgotten',
  },
  {
    name: 'no truth: the losses decide',
    facts: facts('attribute', model(98, 100, area(0.8)), model(40, 100, area(0.5))),
    state: 'forgotten',
    rule: 'indistinguishable',
    says: 'By their losses, the records of person p07 can no longer be told',
  },
]

const recordRow = (
  name: string,
  before: Estimate | undefined,
  after: Estimate | undefined,
  rest: Omit<Row, 'name' | 'facts'>,
): Row => ({
  name,
  facts: facts('records', model(400, 400, before), model(380, 400, after)),
  ...rest,
})
const recordRows: Row[] = [
  recordRow('told before, not now', area(0.7), area(0.51), {
    state: 'forgotten',
    rule: 'indistinguishable',
    says: 'By their losses, the 400 records can no longer be told from records that the model never saw (AUC, 0.5 is indistinguishable; before 0.70 (95 % interval 0.67 to 0.73), now 0.51 (95 % interval 0.48 to 0.54)).',
  }),
  recordRow('a surely tiny difference is none', area(0.7, 40000, 40000), area(0.52, 40000, 40000), {
    state: 'forgotten',
    rule: 'indistinguishable',
    says: 'can no longer be told',
  }),
  recordRow('not told even before', area(0.51), area(0.5), {
    state: 'not forgotten',
    rule: 'nothing-to-see',
    says: 'Nothing to see: the attack could not tell the 400 records from unseen ones even before',
  }),
  recordRow('not told before, too high now', area(0.51), area(0.3), {
    state: 'not forgotten',
    rule: 'nothing-to-see',
    says: 'Now their losses stand out as too high',
  }),
  recordRow('not told before, told now', area(0.51), area(0.7), {
    state: 'not forgotten',
    rule: 'nothing-to-see',
    says: 'the change made them more visible',
  }),
  recordRow('as before', area(0.62), area(0.61), {
    state: 'not forgotten',
    rule: 'still-distinguishable',
    says: 'The 400 records are not forgotten: the attack tells them from unseen ones about as well as before',
  }),
  recordRow('barely told before, barely not now: no change', area(0.545), area(0.525), {
    state: 'not forgotten',
    rule: 'still-distinguishable',
    says: 'about as well as before',
  }),
  recordRow('told less', area(0.8), area(0.6), {
    state: 'partly forgotten',
    rule: 'less-distinguishable',
    says: 'but they can still be told',
  }),
  recordRow('told better', area(0.6), area(0.8), {
    state: 'not forgotten',
    rule: 'still-distinguishable',
    says: 'better than before',
  }),
  recordRow('too high', area(0.7), area(0.3), {
    state: 'partly forgotten',
    rule: 'fingerprint',
    says: 'gives them away in the other direction',
  }),
  recordRow('too few to say', area(0.95, 10, 20), area(0.6, 10, 20), {
    state: 'partly forgotten',
    rule: 'less-distinguishable',
    says: 'too few were measured to call them forgotten',
  }),
  recordRow('not measured', undefined, undefined, {
    state: 'not forgotten',
    rule: 'not-measured',
    says: 'no comparable unseen records',
  }),
]

describe.each([
  ['a class', classRows],
  ['an attribute', attributeRows],
  ['records', recordRows],
] as const)('verdict on %s', (_, rows) => {
  it.each(rows)('$name', ({ facts, state, rule, says }) => {
    const result = verdict(facts)
    expect({ state: result.state, rule: result.rule }).toEqual({ state, rule })
    expect(result.sentence).toContain(says)
  })

  it.each(rows)('$name: has limits, whole sentences, and advice where something is left to do', ({ facts }) => {
    const { state, sentence, reasons, limits, advice } = verdict(facts)
    expect(limits.length).toBeGreaterThan(1)
    expect(advice.length > 0).toBe(state !== 'forgotten')
    for (const text of [sentence, ...reasons, ...limits, ...advice]) {
      expect(text).toMatch(/^[A-Z].*[.]$/)
      expect(text).not.toMatch(/NaN|undefined|Infinity/)
    }
  })
})

describe('the price on what stays is in the sentence, and leaves the state alone', () => {
  const before = model(935, 1000, undefined, [9100, 10000])
  it.each([
    ['none', [9090, 10000], 'kept', ''],
    [
      'clear',
      [8800, 10000],
      'kept',
      'This has a price: accuracy on unseen records of what stays went from 91.0 % to 88.0 %.',
    ],
    ['too much', [8000, 10000], 'broken', 'went from 91.0 % to 80.0 %, more than was allowed.'],
    [
      'ruin',
      [1050, 10000],
      'not checked',
      'But the model is ruined: accuracy on unseen records of what stays went from 91.0 % to 10.5 %, about what guessing among 10 classes gives.',
    ],
  ] as const)('%s', (_, test, floor, says) => {
    const result = verdict(facts('class', before, model(0, 1000, undefined, test), { floor }))
    expect(result.state).toBe('forgotten')
    if (says) expect(result.sentence).toContain(says)
    else expect(result.sentence).toMatch(/\(95 % interval\)\.$/)
  })
})

it('reasons hold every number that was given', () => {
  const before = { ...model(98, 100, area(0.8), [910, 1000]), retain: set(990, 1000, 0.03) }
  const after = { ...model(43, 100, area(0.52), [905, 1000]), retain: set(985, 1000, 0.04) }
  const { reasons } = verdict(facts('attribute', before, after, retrained(45, 100, area(0.5))))
  expect(reasons).toMatchInlineSnapshot(`
    [
      "Accuracy on the records to forget (100): 98.0 % before, 43.0 % (95 % interval 33.7 % to 52.8 %) now (−55.0 points), retrained 45.0 %; mean loss 1.000 before, 1.000 now.",
      "Accuracy on kept training records (1000): 99.0 % before, 98.5 % (95 % interval 97.5 % to 99.1 %) now (−0.5 points, within the uncertainty); mean loss 0.030 before, 0.040 now.",
      "Accuracy on unseen records of what stays (1000): 91.0 % before, 90.5 % (95 % interval 88.5 % to 92.2 %) now (−0.5 points, within the uncertainty); mean loss 1.000 before, 1.000 now.",
      "Telling the records to forget from unseen ones by their losses (AUC, 0.5 is indistinguishable): 0.80 (95 % interval 0.77 to 0.83) before, 0.52 (95 % interval 0.49 to 0.55) now, 0.50 (95 % interval 0.47 to 0.53) for the retrained model.",
      "The limit on what may be lost on what stays was kept.",
    ]
  `)
})

it('limits name few records, an unchecked floor, and what was not there', () => {
  const { limits } = verdict(facts('class', model(18, 20), model(0, 20), { floor: 'not checked' }))
  const text = limits.join(' ')
  for (const part of [
    'Attacks give lower bounds',
    'Only 20 records',
    'Membership was not measured',
    'No model trained without',
    'Floor not checked',
    'elsewhere was not measured',
  ]) {
    expect(text).toContain(part)
  }
})

it('with two classes, three quarters right is not guessing', () => {
  const [before, after] = [model(900, 1000, undefined, [9000, 10000]), model(0, 1000, undefined, [7500, 10000])]
  expect(verdict(facts('class', before, after, { classes: 2 })).sentence).toContain('This has a price')
})

describe('visibility of an area', () => {
  const at = (value: number, low: number, high: number): Estimate => ({ value, low, high, n: 9 })
  it.each([
    [at(0.5, 0.4, 0.6), 'like unseen'],
    [at(0.55, 0.48, 0.62), 'like unseen'],
    [at(0.56, 0.48, 0.64), 'unclear'],
    [at(0.52, 0.45, 0.55), 'like unseen'],
    [at(0.44, 0.36, 0.52), 'unclear'],
    [at(0.52, 0.505, 0.535), 'like unseen'],
    [at(0.53, 0.505, 0.555), 'known'],
    [at(0.47, 0.445, 0.495), 'fingerprint'],
    [at(0.9, 0.8, 0.95), 'known'],
    [at(0.1, 0.05, 0.2), 'fingerprint'],
  ])('%o', (estimate, expected) => {
    expect(visibility(estimate)).toBe(expected)
  })
})

it('grouped importances are advised for a class that stays only where they were exact', () => {
  const known = facts('class', model(90, 100), model(86, 100))
  const advice = (isExact: boolean): string => verdict({ ...known, isExact }).advice.join(' ')
  expect(advice(true)).toContain('--estimator grouped')
  expect(advice(false)).not.toContain('--estimator grouped')
})
