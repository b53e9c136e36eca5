import { LetheError } from '../errors.js'
import type { Answer, FaceAnswer, ModelFacts, ReportFacts, VerdictState } from './facts.js'
import { drawGroups } from './figures/groups.js'
import { drawLayers } from './figures/layers.js'
import { drawLosses } from './figures/losses.js'
import { drawTradeoff } from './figures/tradeoff.js'
import { decimal, duration, escapeText, percent } from './html.js'

const looks = {
  forgotten: { tone: 'good', sign: '✓', words: 'Forgotten' },
  'partly forgotten': { tone: 'mid', sign: '◐', words: 'Partly forgotten' },
  'not forgotten': { tone: 'bad', sign: '✗', words: 'Not forgotten' },
} as const satisfies Record<VerdictState, { tone: string; sign: string; words: string }>

/** The verdict in one sentence, and what it does not cover. */
export function verdictSection({ verdict }: ReportFacts): string {
  const { tone, sign, words } = looks[verdict.state]
  const limits = verdict.limits.map((limit) => `<li>${escapeText(limit)}</li>`).join('')
  return [
    `<div class="verdict ${tone}"><strong><span aria-hidden="true">${sign}</span> ${words}</strong>`,
    `<p>${escapeText(verdict.sentence)}</p></div>`,
    limits === '' ? '' : `<h3>What this does not say</h3><ul>${limits}</ul>`,
  ].join('')
}

/** What was asked, in one sentence. */
export function askedSection({ asked }: ReportFacts): string {
  const { task, selector, forgetCount, retainCount, testCount } = asked
  const counts = [
    `${decimal(forgetCount, 12)} records to forget`,
    `${decimal(retainCount, 12)} to keep`,
    testCount === null ? 'no test records' : `${decimal(testCount, 12)} for the test`,
  ].join(', ')
  return `<h2>What was asked</h2><p>${escapeText(task)}: <code>${escapeText(selector)}</code>; ${counts}.</p>`
}

interface Row {
  readonly name: string
  readonly hint: string
  readonly value: (model: ModelFacts) => string
}

const rows: readonly Row[] = [
  {
    name: 'Accuracy on what was to be forgotten',
    hint: 'as low as the retrained model has it: forgotten',
    value: (m) => percent(m.forgetAccuracy),
  },
  { name: 'Accuracy on the rest', hint: 'should stay as it was', value: (m) => percent(m.retainAccuracy) },
  { name: 'Test accuracy', hint: 'on records that no model has seen', value: (m) => percent(m.testAccuracy) },
  {
    name: 'Membership attack, AUC',
    hint: '0.5 is guessing; 1 tells every forgotten record from unseen ones',
    value: (m) => decimal(m.attackAuc),
  },
  {
    name: 'Membership attack, found at 1 % false alarms',
    hint: '1 % is guessing',
    value: (m) => percent(m.attackTpr),
  },
  { name: 'Time', hint: 'to make this model', value: (m) => duration(m.seconds) },
]

/** Models side by side: one row a measure, so that it fits a phone. */
export function modelsSection({ models }: ReportFacts): string {
  if (models.length === 0) return ''
  const mine = (model: ModelFacts): string => (model.name === 'forgotten' ? ' mine' : '')
  const head = models.map((m) => `<th scope="col" class="num${mine(m)}">${escapeText(m.name)}</th>`).join('')
  const body = rows.map(({ name, hint, value }) => {
    const cells = models.map((m) => `<td class="num${mine(m)}">${value(m)}</td>`).join('')
    return `<tr><th scope="row">${name}<span class="hint">${hint}</span></th>${cells}</tr>`
  })
  return [
    '<h2>The models side by side</h2><div class="card scroll">',
    `<table class="models" style="--models:${models.length}"><thead><tr><td></td>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`,
  ].join('')
}

/** The figures, each with one sentence. */
export function figuresSection({ groups, losses, layers, tradeoff }: ReportFacts): string {
  const kind = escapeText(groups.kind)
  const figures = {
    groups: card(
      drawGroups(groups.kind, groups.accuracies),
      `Each row is one ${kind}: the line runs from the accuracy before to the one after; only the forgotten rows should move.`,
    ),
    losses: card(
      drawLosses(losses),
      'A low loss means that the model is sure of the right answer; after forgetting, the forgotten records should look like unseen ones.',
    ),
    tradeoff: card(
      drawTradeoff(tradeoff),
      'Each point is one strength: further down is more forgotten, further right is less harm to the rest.',
    ),
    layers: card(
      drawLayers(layers),
      'Dampened parameters are multiplied by a factor below 1; all others keep every bit.',
    ),
  }
  return [
    '<h2>What changed</h2><div class="figures">',
    `<div class="stack">${figures.groups}${figures.layers}</div>`,
    `<div class="stack">${figures.losses}${figures.tradeoff}</div></div>`,
  ].join('')
}

function card(svg: string, caption: string): string {
  return `<figure class="card">${svg}<figcaption>${caption}</figcaption></figure>`
}

/** Pictures of the forgotten records with the answers before and after. Throws `data-format` for anything but PNG data. */
export function facesSection({ faces }: ReportFacts): string {
  if (faces === undefined || faces.length === 0) return ''
  return [
    '<h2>What the model says of the forgotten pictures</h2>',
    `<div class="card"><p>The bar is how sure the model is of its answer.</p><ul class="faces">${faces.map(faceItem).join('')}</ul></div>`,
  ].join('')
}

function faceItem(face: FaceAnswer): string {
  if (!/^data:image\/png;base64,[A-Za-z0-9+/]+={0,2}$/.test(face.png)) {
    throw new LetheError('data-format', 'A picture of the report must be a data:image/png;base64 text.')
  }
  const label = escapeText(face.label)
  const answers = `${answer('before', face.before, face.label)}${answer('after', face.after, face.label)}`
  return `<li><img src="${face.png}" alt="picture of ${label}"><dl><dt>truth</dt><dd>${label}</dd>${answers}</dl></li>`
}

function answer(when: string, given: Answer, truth: string): string {
  const tone = given.class === truth ? 'right' : 'wrong'
  const sign = given.class === truth ? '✓' : '✗'
  const width = Number.isFinite(given.probability) ? Math.round(Math.min(Math.max(given.probability, 0), 1) * 100) : 0
  return [
    `<dt>${when}</dt><dd><span class="${tone}">${sign} ${escapeText(given.class)} ${percent(given.probability, 0)}</span>`,
    `<span class="meter"><i style="width:${width}%"></i></span></dd>`,
  ].join('')
}

/** How strongly, with which settings. */
export function detailsSection({ strength, settings }: ReportFacts): string {
  const share = strength.parameters > 0 ? strength.selected / strength.parameters : null
  const entries: [string, string][] = [
    ['Importances', escapeText(strength.estimator)],
    ['α (select where the importance for the forget set exceeds α times that for all)', decimal(strength.alpha, 4)],
    ['λ (dampening: the smaller, the stronger)', decimal(strength.lambda, 4)],
    ['τ = α / R (share of a parameter’s importance that the forget set must hold)', decimal(strength.tau, 4)],
    ['R (all records ÷ records to forget)', decimal(strength.ratio, 4)],
    [
      'Parameters dampened',
      `${decimal(strength.selected, 12)} of ${decimal(strength.parameters, 12)} (${percent(share, 2)})`,
    ],
    ...settings.map(({ name, value }): [string, string] => [escapeText(name), escapeText(String(value ?? '–'))]),
  ]
  const body = entries.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join('')
  return `<h2>Strength and settings</h2><div class="card"><table class="facts"><tbody>${body}</tbody></table></div>`
}

/** SHA-256 of everything that went in and came out. */
export function digestsSection({ digests }: ReportFacts): string {
  if (digests.length === 0) return ''
  const body = digests.map(
    ({ role, name, sha256 }) =>
      `<tr><th scope="row">${escapeText(role)}</th><td>${escapeText(name)}</td><td><code>${escapeText(sha256)}</code></td></tr>`,
  )
  return [
    '<h2>Digests</h2><p>Whoever has the same files can check that this report is about them.</p>',
    '<div class="card"><table class="facts digests"><thead><tr><th scope="col">what</th><th scope="col">name</th>',
    `<th scope="col">SHA-256</th></tr></thead><tbody>${body.join('')}</tbody></table></div>`,
  ].join('')
}
