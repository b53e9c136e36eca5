import type { Dataset } from '../data/dataset.js'
import { drawPeople } from '../data/people/people.js'
import type { Selector } from '../data/select.js'
import { LetheError } from '../errors.js'
import type { EstimatorSettings } from '../importance/estimators/estimator.js'

/** The three scenarios of the field: a whole class, a part of a class, single records. */
export const tasks = ['subclass', 'class', 'random'] as const
export type DemoTask = (typeof tasks)[number]

export interface Scenario {
  readonly task: DemoTask
  readonly train: Dataset
  readonly test: Dataset
  readonly selectors: readonly Selector[]
  /** How importances are estimated: coherent ones, grouped by what may be forgotten, select better (docs/importance.md). */
  readonly estimator: EstimatorSettings
  /** The request as a command line would say it. */
  readonly request: string
  readonly title: string
}

/** One whom the others of the family do not give away: a model trained without this person does not know the face. */
const forgottenPerson = 'p23'
const randomCount = 100

/** Data and request of a scenario. Throws `usage` for an unknown task. */
export function openScenario(task: string, seed: number, person = forgottenPerson): Scenario {
  const known = tasks.find((t) => t === task)
  if (!known) throw new LetheError('usage', `--task is ${tasks.join(', ')}; got "${task}".`)
  const train = drawPeople({ split: 'train', seed })
  const test = drawPeople({ split: 'test', seed })
  const family = train.classes?.[0] ?? '0'
  const asked = {
    subclass: {
      estimator: { estimator: 'grouped', groupSize: 64, groupBy: 'person' },
      selectors: [{ kind: 'attribute', minus: false, name: 'person', values: [person] }],
      request: `person=${person}`,
      title: `Forgetting one person, ${person}`,
    },
    class: {
      estimator: { estimator: 'grouped', groupSize: 64 },
      selectors: [{ kind: 'class', minus: false, values: [family] }],
      request: `class=${family}`,
      title: `Forgetting a whole family, ${family}`,
    },
    random: {
      estimator: { estimator: 'exact' },
      selectors: [{ kind: 'random', minus: false, count: randomCount }],
      request: `random=${randomCount}`,
      title: `Forgetting ${randomCount} random pictures`,
    },
  } as const satisfies Record<DemoTask, Pick<Scenario, 'estimator' | 'selectors' | 'request' | 'title'>>
  return { task: known, train, test, ...asked[known] }
}
