import type { Plan } from '../unlearn/forget.js'
import type { Trial } from '../unlearn/trial.js'
import type { PlannedRequest } from '../workspace/request.js'
import { count, percent, significant, smallPercent, table } from './terminal.js'

/** A plan as JSON: everything but the new weights. */
export function planJson({ task, subject, plan, forgetIds }: PlannedRequest): unknown {
  const { changed, ...facts } = plan
  return { task, subject, forgetCount: forgetIds.length, changedTensors: [...changed.keys()], ...facts }
}

/** A plan for people: the choice, the shares, the layers and the trade-off curve. */
export function describePlan(request: PlannedRequest): string {
  const { plan } = request
  return [headline(request), '', histogram(plan), '', layers(plan), '', tradeOff(plan), ...alternatives(plan)].join(
    '\n',
  )
}

/** One paragraph: what is to be forgotten, the strength and what it does to the probes. */
export function headline({ subject, plan, forgetIds, answers }: PlannedRequest): string {
  const { chosen, before } = plan
  const selected = plan.layers.reduce((n, l) => n + l.selected, 0)
  const total = plan.layers.reduce((n, l) => n + l.count, 0)
  const retain =
    chosen.retain && before.retain
      ? `, on the rest ${percent(before.retain.accuracy)} → ${percent(chosen.retain.accuracy)}`
      : ''
  return [
    `forget ${subject} (${count(forgetIds.length)} records, R = ${significant(plan.ratio, 4)})`,
    `target: ${plan.target}: ${plan.targetMet ? 'reached' : 'not reached'}`,
    `floor: at most ${plain(plan.keep * 100)} points lost on the rest: ${plan.floor}`,
    `τ = ${significant(plan.strength.share, 4)}, λ = ${plain(plan.strength.lambda)} (α = ${significant(plan.alpha, 4)}) dampens ${count(selected)} of ${count(total)} weights (${smallPercent(selected / total)})`,
    `accuracy on ${answers === 'tokens' ? 'tokens of ' : ''}the forget probe ${percent(before.forget.accuracy)} → ${percent(chosen.forget.accuracy)}${retain}`,
  ].join('\n')
}

function histogram({ histogram: bins }: Plan): string {
  const most = Math.max(...bins.map((n) => Math.log10(n + 1)), 1)
  const rows = bins.map((n, i) => {
    const bar = '█'.repeat(Math.round((20 * Math.log10(n + 1)) / most))
    return `${(i / bins.length).toFixed(2)}–${((i + 1) / bins.length).toFixed(2)}  ${bar.padEnd(20)}  ${count(n)}`
  })
  return ['weights by forget share (bars logarithmic)', ...rows].join('\n')
}

function layers({ layers: all }: Plan): string {
  const rows = all
    .filter((l) => l.selected > 0)
    .map((l) => [
      l.name,
      count(l.count),
      count(l.selected),
      smallPercent(l.selected / l.count),
      significant(l.meanFactor),
    ])
  return rows.length > 0
    ? table(['parameter', 'weights', 'dampened', 'share', 'mean factor'], rows)
    : 'no weight is selected'
}

function tradeOff({ trials, chosen }: Plan): string {
  const rows = [...trials]
    .sort((a, b) => b.strength.lambda - a.strength.lambda || b.strength.share - a.strength.share)
    .map((t) => trialRow(t, t === chosen ? '◀' : ''))
  return table(['τ', 'λ', 'dampened', 'forget', 'retain', 'fall in points (95 % interval)', ''], rows)
}

/** A number as short as its first three digits allow: 1, 0.3, 0.0123. */
function plain(x: number): string {
  return String(Number(x.toPrecision(3)))
}

function trialRow(t: Trial, mark: string): string[] {
  const points = (x: number): string => (x * 100).toFixed(2)
  const fall = t.fall ? `${points(t.fall.value)} (${points(t.fall.low)} to ${points(t.fall.high)})` : '–'
  return [
    significant(t.strength.share),
    plain(t.strength.lambda),
    count(t.selected),
    percent(t.forget.accuracy),
    t.retain ? percent(t.retain.accuracy, 2) : '–',
    fall,
    mark,
  ]
}

function alternatives({ alternatives: others, targetMet }: Plan): string[] {
  if (targetMet || others.length === 0) return []
  return [
    '',
    'Target and floor cannot both be met; the floor is kept. The nearest choices beyond it would cost:',
    table(
      ['τ', 'λ', 'dampened', 'forget', 'retain', 'fall in points (95 % interval)', ''],
      others.map((t) => trialRow(t, '')),
    ),
  ]
}
