// @ts-check
// The page "which operators have a gradient?", made of the tables of rules and of what the node tests found.
import { newestOpset } from './check.js'
import { limits, natures, refusedContrib } from './operators.js'

/**
 * @typedef {{ op: string, since: number[], removed: number | null }} Operator an operator of the standard and its versions
 * @typedef {import('./check.js').Outcome & { expands: boolean, opset: number }} Tested
 * @typedef {{ op: string, domain?: string, since: number, until?: number }} Entry
 * @typedef {{ rules: readonly Entry[], constant: readonly Entry[], lowerings: readonly Entry[] }} Tables
 *
 * @typedef {object} Facts
 * @property {Record<string, string>} versions
 * @property {number} opset the newest that the onnx package has
 * @property {Operator[]} operators
 * @property {Tested[]} outcomes
 * @property {Tables} tables
 * @property {(op: string) => string[]} rows our own tests of an operator
 */

/** The opset whose node tests the share is counted over. */
const counted = 22

/** Written out where what a sequence holds is known (src/lower/sequences.ts), before any shape is. */
const sequences = new Set(['SequenceAt', 'ConcatFromSequence', 'SequenceConstruct', 'SplitToSequence'])

/** State of an operator by the tables alone. @param {Tables} tables @param {string} op @param {string} [domain] */
export function stateOf(tables, op, domain = '') {
  const isIt = (/** @type {Entry} */ e) => e.op === op && (e.domain ?? '') === domain
  if (tables.constant.some(isIt) && domain === '') return 'no gradient, passes constants'
  const isLimited = domain === '' && op in limits
  if (tables.rules.some(isIt)) return isLimited ? 'gradient with limits' : 'gradient'
  if (tables.lowerings.some(isIt)) return isLimited ? 'lowered, with limits' : 'lowered'
  if (domain === '' && sequences.has(op)) return 'lowered, with limits'
  return domain === '' && natures.has(op) ? 'nothing to differentiate' : 'not supported'
}

/** Opsets that an operator is handled in, "7–26"; empty where none. @param {Tables} tables @param {string} op @param {number} [first] the standard's first version */
export function rangeOf(tables, op, first = 1) {
  const entries = [...tables.rules, ...tables.lowerings].filter((e) => e.op === op && !e.domain)
  if (entries.length === 0) return sequences.has(op) ? `13–${newestOpset}` : ''
  const from = Math.max(first, Math.min(...entries.map((e) => e.since)))
  const to = Math.max(...entries.map((e) => e.until ?? newestOpset))
  return from === to ? `${from}` : `${from}–${to}`
}

/** @param {Facts} facts */
export function page(facts) {
  const { operators, outcomes, tables, versions } = facts
  const own = countOf(facts)
  const standard = operators.map((o) => row(facts, o))
  const contrib = [...new Set(tables.lowerings.filter((l) => l.domain).map((l) => l.op)), ...refusedContrib]
  const tests = (/** @type {string} */ state) => outcomes.filter((o) => o.state === state).length
  const differentiable = outcomes.length - tests('nature') - tests('runtime')
  return [
    '# Which operators have a gradient?',
    '',
    '<!-- Written by scripts/ops/run.js; run it again instead of editing. -->',
    '',
    `Every operator of the ONNX standard up to opset ${newestOpset}, and what Lethe does with it where a gradient must pass. The standard's own`,
    'node tests (of the `onnx` package) are run through Lethe: the graph must give the expected outputs, and the gradient by every',
    'floating-point input must be the one that differences of the function itself show.',
    '',
    `**${own.passing.length} of ${own.all.length} floating-point differentiable operators of opset ${counted}'s node tests pass (${percent(own.passing.length, own.all.length)} %; ≥ 95 % is the bar).**`,
    `Of the tests themselves ${tests('passes')} of ${differentiable} pass, ${tests('refused')} are refused by name, ${tests('WRONG')} are wrong. ${tests('nature')} have nothing to differentiate;`,
    `${tests('runtime')} cannot be run by ONNX Runtime itself, or not with the expected outputs.`,
    '',
    ...notPassing(facts, own),
    ...notRun(facts),
    '## How a node test is checked',
    '',
    '- Floating-point inputs become parameters, all others constants. The graph is rewritten as any model is (local functions, composite',
    '  operators), and must give the expected outputs within the tolerances of the test.',
    '- Its outputs are weighed at random and added up. Along the gradient and two random directions, for each input, Richardson-extrapolated',
    '  central differences of that sum must agree with the gradient to 5·10⁻³: float32 rounding (6·10⁻⁸) over steps of about',
    '  10⁻³ leaves 10⁻⁴, and sums of it a few times more; a wrong rule is off by tens of percent. Of five first steps the best',
    '  counts: a long one may cross a kink, a short one drowns in rounding.',
    `- Where the data lie on a kink, a tie or the end of a domain (\`acosh\` at 1), they are moved by 5 % of their size, seeded, to up to`,
    `  six places, of which one must pass as a whole; ${outcomes.filter((o) => o.moved).length} tests need it.`,
    '- Tests in half or double precision are run in float32, as models are. Tests written for an opset after the newest that the runtime knows',
    `  (${newestOpset}) are run in that one.`,
    '- Not differentiated by: sizes and regions (`Resize`), the depth of `OneHot`, the ratio of `Dropout`, running statistics.',
    '- An operator passes when all its own tests do that have something to differentiate and that the runtime can run. *Written out*: the',
    "  same tests with the operator replaced by the standard's definition of it in other operators.",
    '',
    '```sh',
    'python scripts/ops/export.py node-tests   # needs the onnx package, downloads nothing',
    'npm run build && node scripts/ops/run.js node-tests --write docs/ops.md',
    '```',
    '',
    '## States',
    '',
    '| state | meaning |',
    '|---|---|',
    '| gradient | has a rule; *with limits*: the note says what is refused by name |',
    '| lowered | written in operators that have rules, before gradients are made |',
    '| no gradient, passes constants | its derivative is zero wherever it exists: nothing flows back, and nothing stops |',
    '| nothing to differentiate | and no rule: refused by name where a gradient would have to pass |',
    '| not supported | differentiable, but without a rule: refused by name |',
    '',
    'Sizes, axes, pads and steps must not depend on data anywhere; that is no limit of one operator. What a refusal says, and what to do, is in',
    '[gradients.md](gradients.md); which models are taken, in [models.md](models.md).',
    '',
    '## The standard',
    '',
    'Versions are those in which the standard defined the operator anew; opsets those that Lethe differentiates it in. Lethe reads models of',
    "opset 9 and later. Tests: passing of those that have something to differentiate. Own rows: Lethe's tests of the operator, with the",
    'gradients of every example, in `test/cases/ops` or `test/lower`.',
    '',
    '| operator | versions | opsets | state | node tests | written out | own rows | note |',
    '|---|---|---|---|---|---|---|---|',
    ...standard,
    '',
    '## Contrib operators of ONNX Runtime (`com.microsoft`)',
    '',
    'Those with a simple meaning are lowered. All others are refused by name, with the advice to export without runtime fusion; those that',
    "ONNX Runtime's optimiser writes most are listed. `SimplifiedLayerNormalization`, which it writes in the domain of the standard, is lowered.",
    '',
    '| operator | state | own rows |',
    '|---|---|---|',
    ...contrib.map((op) => {
      const state = stateOf(tables, op, 'com.microsoft')
      return `| com.microsoft.${op} | ${state} | ${state === 'lowered' ? names(facts.rows(op).filter((r) => r.startsWith('lower/'))) : ''} |`
    }),
    '',
    `Versions: ${Object.entries(versions)
      .map(([k, v]) => `${k} ${v}`)
      .join(', ')}.`,
    '',
  ].join('\n')
}

/** @param {Facts} facts @param {Operator} operator */
function row(facts, { op, since, removed }) {
  const { tables, outcomes } = facts
  const state = stateOf(tables, op)
  const of = (/** @type {boolean} */ expands) => {
    const tests = outcomes.filter((o) => o.op === op && o.expands === expands && isJudged(o))
    return tests.length ? `${tests.filter((o) => o.state === 'passes').length} of ${tests.length}` : ''
  }
  const reason = state === 'not supported' ? 'no rule yet' : ''
  const unrun = outcomes.filter((o) => o.op === op && o.state === 'runtime').length
  const notes = [
    limits[op] ?? natures.get(op) ?? reason,
    removed ? `deprecated in ${removed}` : '',
    Math.min(...since) > newestOpset ? 'the runtime does not know it' : unrun ? `${unrun} not run by the runtime` : '',
  ].filter(Boolean)
  const own = state === 'nothing to differentiate' || state === 'not supported' ? '' : names(facts.rows(op))
  const range = rangeOf(tables, op, Math.min(...since))
  return `| ${op} | ${since.join(', ')} | ${range} | ${state} | ${of(false)} | ${of(true)} | ${own} | ${notes.join('; ')} |`
}

/** @param {readonly string[]} list */
const names = (list) => list.map((n) => `\`${n}\``).join(', ')

/** @param {Tested} o */
const isJudged = (o) => o.state === 'passes' || o.state === 'refused' || o.state === 'WRONG'

/**
 * Operators of the counted opset that have a node test with something to differentiate, and those of them that pass. An operator that
 * the runtime cannot run at all does not pass; a test of a definition that the counted opset has replaced does not count.
 * @param {Facts} facts
 */
function countOf({ operators, outcomes }) {
  const in22 = operators.filter(
    (o) => Math.min(...o.since) <= counted && !(o.removed && o.removed <= counted && isGone(o)),
  )
  const judged = in22.map((o) => {
    const definition = Math.max(...o.since.filter((v) => v <= counted))
    const tests = outcomes.filter((t) => t.op === o.op && !t.expands && t.state !== 'nature' && t.opset >= definition)
    return { op: o.op, tests }
  })
  const all = judged.filter(({ tests }) => tests.length > 0)
  const passing = all.filter(
    ({ tests }) =>
      tests.some((t) => t.state === 'passes') && tests.every((t) => t.state === 'passes' || t.state === 'runtime'),
  )
  return { all: all.map((o) => o.op), passing: passing.map((o) => o.op) }
}

/** Deprecated for good, and not defined anew since. @param {Operator} o */
const isGone = (o) => o.removed !== null && o.removed === Math.max(...o.since)

/** What does not pass, and why. @param {Facts} facts @param {{ all: string[], passing: string[] }} own */
function notPassing({ outcomes }, own) {
  const rows = outcomes.filter((o) => o.state === 'refused' || o.state === 'WRONG')
  if (rows.length === 0) return []
  /** @type {Map<string, { count: number, ops: Set<string> }>} */
  const reasons = new Map()
  for (const o of rows) {
    const why = (o.why ?? '')
      .split('\n')[0]
      ?.replace(/^Node "[^"]*" /, '')
      .replace(/ Freeze what .*$|[.;] [Ee]xport the model .*$/, '')
      .replace(/"[^"]{40,}"/g, 'a value')
    const key = `${o.op}: ${o.expands ? 'written out, ' : ''}${o.state === 'WRONG' ? '**wrong**: ' : ''}${o.code ? `\`${o.code}\`: ` : ''}${why}`
    const known = reasons.get(key) ?? { count: 0, ops: new Set() }
    reasons.set(key, { count: known.count + 1, ops: known.ops.add(o.op) })
  }
  const missing = own.all.filter((op) => !own.passing.includes(op))
  return [
    ...(missing.length ? [`Below the bar in opset ${counted}: ${missing.join(', ')}.`, ''] : []),
    '## What does not pass',
    '',
    ...[...reasons].map(([why, { count }]) => `- ${why} (${count} ${count === 1 ? 'test' : 'tests'})`),
    '',
  ]
}

/** What the runtime itself cannot run. @param {Facts} facts */
function notRun({ outcomes }) {
  const unrun = outcomes.filter((o) => o.state === 'runtime')
  const ops = [...new Set(unrun.map((o) => o.op))]
  return [
    '## What the runtime does not run',
    '',
    'Nothing can be compared where ONNX Runtime has no kernel for the test, or gives other values than the standard expects.',
    '',
    ...ops.map((op) => {
      const tests = unrun.filter((o) => o.op === op)
      const own = tests.filter((o) => /^of the runtime itself/.test(o.why ?? '')).length
      const what = own === tests.length ? 'other values' : own > 0 ? `no kernel, or (${own}) other values` : 'no kernel'
      return `- ${op}: ${what} (${tests.length} ${tests.length === 1 ? 'test' : 'tests'})`
    }),
    '',
  ]
}

/** @param {number} n @param {number} m */
const percent = (n, m) => ((100 * n) / m).toFixed(1)
