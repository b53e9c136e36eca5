import type { Estimate } from '../evaluate/estimate.js'
import type { SetFacts } from '../evaluate/facts.js'
import type { Judgement } from '../workspace/judge.js'
import { percent, significant, table } from './terminal.js'

type Named = readonly [name: string, judgement: Pick<Judgement, 'facts' | 'attacks'> & Partial<Judgement>]

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
  const perplexity = (e: SetFacts | undefined): string =>
    e?.perplexity === undefined ? '–' : significant(e.perplexity)
  const of = models.some(([, m]) => m.answers?.forget.tokens) ? 'accuracy on tokens' : 'accuracy'
  const rows: [string, (m: Named[1]) => string][] = [
    [`${of}, forget set`, (m) => share(m.facts.forget.accuracy)],
    [`${of}, retained training data`, (m) => share(m.facts.retain?.accuracy)],
    [`${of}, test data of the rest`, (m) => share(m.facts.test?.accuracy)],
    [`${of}, unseen of the same kind`, (m) => share(m.facts.unseen?.accuracy)],
    ['mean loss, forget set', (m) => significant(m.facts.forget.loss)],
    ['perplexity, forget set', (m) => perplexity(m.facts.forget)],
    ['perplexity, retained training data', (m) => perplexity(m.facts.retain)],
    ['perplexity, test data of the rest', (m) => perplexity(m.facts.test)],
    ['perplexity, unseen of the same kind', (m) => perplexity(m.facts.unseen)],
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
