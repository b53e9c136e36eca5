import type { Estimate } from '../evaluate/estimate.js'
import type { Judgement } from '../workspace/judge.js'
import { percent, significant, table } from './terminal.js'

type Named = readonly [name: string, judgement: Pick<Judgement, 'facts' | 'attacks'>]

/** Table of models: accuracy on each set, and the membership attacks, a column a model. */
export function factRows(models: readonly Named[]): string {
  const share = (e: Estimate | undefined): string =>
    e ? `${percent(e.value)} (${(e.low * 100).toFixed(1)}–${(e.high * 100).toFixed(1)})` : '–'
  const attack =
    (name: string): ((m: Named[1]) => string) =>
    (m) => {
      const result = m.attacks.find((a) => a.attack === name)
      return result
        ? `${result.score.value.toFixed(3)} (${result.score.low.toFixed(3)}–${result.score.high.toFixed(3)})`
        : '–'
    }
  const rows: [string, (m: Named[1]) => string][] = [
    ['accuracy, forget set', (m) => share(m.facts.forget.accuracy)],
    ['accuracy, retained training data', (m) => share(m.facts.retain?.accuracy)],
    ['accuracy, test data of the rest', (m) => share(m.facts.test?.accuracy)],
    ['accuracy, unseen of the same kind', (m) => share(m.facts.unseen?.accuracy)],
    ['mean loss, forget set', (m) => significant(m.facts.forget.loss)],
    ['membership AUC, loss threshold', attack('loss-threshold')],
    [
      '  true positives at 1 % false',
      (m) => share(m.attacks.find((a) => a.attack === 'loss-threshold')?.facts.tprAtOnePercentFpr),
    ],
    ['called members by the entropy attack', attack('entropy-logistic')],
  ]
  const shown = rows.filter(([, read]) => models.some(([, m]) => read(m) !== '–'))
  return table(
    ['', ...models.map(([name]) => name)],
    shown.map(([label, read]) => [label, ...models.map(([, m]) => read(m))]),
  )
}
