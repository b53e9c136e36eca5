import type { Dataset } from '../data/dataset.js'
import { drawPeople } from '../data/people/people.js'
import type { Selector } from '../data/select.js'
import { LetheError } from '../errors.js'

/** The three scenarios of the field: a whole class, a part of a class, single records. */
export const tasks = ['subclass', 'class', 'random'] as const
export type DemoTask = (typeof tasks)[number]

export interface Scenario {
  readonly task: DemoTask
  readonly train: Dataset
  readonly test: Dataset
  readonly selectors: readonly Selector[]
  /** The request as a command line would say it. */
  readonly request: string
  readonly title: string
}

const forgottenPerson = 'p02'
const randomCount = 100

/** Data and request of a scenario. Throws `usage` for an unknown task. */
export function openScenario(task: string, seed: number): Scenario {
  const known = tasks.find((t) => t === task)
  if (!known) throw new LetheError('usage', `--task is ${tasks.join(', ')}; got "${task}".`)
  const train = drawPeople({ split: 'train', seed })
  const test = drawPeople({ split: 'test', seed })
  const family = train.classes?.[0] ?? '0'
  const asked = {
    subclass: {
      selectors: [{ kind: 'attribute', minus: false, name: 'person', values: [forgottenPerson] }],
      request: `person=${forgottenPerson}`,
      title: `Forgetting one person, ${forgottenPerson}`,
    },
    class: {
      selectors: [{ kind: 'class', minus: false, values: [family] }],
      request: `class=${family}`,
      title: `Forgetting a whole family, ${family}`,
    },
    random: {
      selectors: [{ kind: 'random', minus: false, count: randomCount }],
      request: `random=${randomCount}`,
      title: `Forgetting ${randomCount} random pictures`,
    },
  } as const satisfies Record<DemoTask, { selectors: readonly Selector[]; request: string; title: string }>
  return { task: known, train, test, ...asked[known] }
}
