import { access } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Dataset } from '../../data/dataset.js'
import { type Selector, select } from '../../data/select.js'
import { LetheError } from '../../errors.js'
import { metrics } from '../../evaluate/metrics/index.js'
import type { MetricRow } from '../../evaluate/metrics/metric.js'
import type { Outputs } from '../../evaluate/outputs.js'
import { readFault } from '../../files/fault.js'
import { openForward } from '../../network/forward.js'
import { type Judgement, judge, outputsOf } from '../../workspace/judge.js'
import { taskOf } from '../../workspace/request.js'
import { type RequestSets, requestSets } from '../../workspace/sets.js'
import type { Workspace } from '../../workspace/workspace-node.js'
import type { Verb } from '../command.js'
import { factRows } from '../facts-text.js'
import { dataOptions, forgetOptions, modelsOptions } from '../options.js'
import {
  listOf,
  lossOfStore,
  type Options,
  openData,
  openModel,
  openStore,
  preprocessingOf,
  selectorsOf,
  settingsOf,
} from '../session.js'
import { percent, significant, type Terminal, table } from '../terminal.js'

/** `lethe evaluate`: accuracies and membership attacks of one or more models on the same data. */
export const evaluate: Verb = {
  name: 'evaluate',
  summary: 'measure models on forget, retained and unseen data, with two membership attacks',
  configure: (program) =>
    forgetOptions(dataOptions(modelsOptions(program))).option(
      '-i, --importance <file>',
      'importance store: its preprocessing is used',
    ),
  async run(options, _, terminal) {
    const given = listOf(options.model)
    const settings = await settingsOf({ ...options, model: given[0] })
    const models = settings.model === undefined ? [] : [settings.model, ...given.slice(1)]
    if (models.length === 0)
      throw new LetheError('usage', '--model is missing; add it to the command or to lethe.json.')
    // A misspelt second name is told before the first model is measured.
    for (const model of models) await checkReadable(model)
    const { data, test } = await openData(settings)
    const request = await requestOf(options, data, test)
    const store = options.importance === undefined ? undefined : (await openStore(options)).store
    const preprocessing = store && preprocessingOf(settings, store)
    const loss = settings.loss ?? (store && lossOfStore(store))
    const results: Measured[] = []
    for (const model of models) {
      const workspace = await openModel({ ...settings, model, loss }, data, preprocessing)
      try {
        results.push({ name: model, ...(await measure(workspace, request, terminal)) })
      } finally {
        await workspace.close()
      }
    }
    for (const note of [data, test].flatMap((set) => set?.notes?.() ?? [])) terminal.warn(note)
    const of = test ? 'test data' : 'data'
    const judged = results.flatMap((r) => (r.judgement ? [[r.name, r.judgement] as const] : []))
    const shown = [['forget', 'forget set'] as const, ['retain', 'retained training data'] as const].filter(([set]) =>
      results.some((r) => r.sets[set]),
    )
    const tables = [
      ...shown.map(([set, title]) => classTable(title, results, data.classes, (r) => r.sets[set])),
      classTable(of, results, (test ?? data).classes, (r) => r.overall),
    ]
    return {
      json: {
        data: of,
        models: results.map(({ name, overall, sets, judgement }) => ({
          name,
          overall,
          sets,
          facts: judgement?.facts,
          attacks: judgement?.attacks,
        })),
      },
      text: [...tables, ...(judged.length > 0 ? [factRows(judged)] : [])].join('\n\n'),
    }
  },
}

async function checkReadable(path: string): Promise<void> {
  await access(path).catch((error: unknown) => {
    throw readFault(error, path)
  })
}

/** Rows of every metric, by its name. */
type Rows = Readonly<Record<string, readonly MetricRow[]>>

interface Measured {
  readonly name: string
  /** On the test data, or the data where there is none. */
  readonly overall: Rows
  /** On the training records to forget and on those that stay, where a forget set is named. */
  readonly sets: { readonly forget?: Rows; readonly retain?: Rows }
  readonly judgement: Judgement | undefined
}

/** What is measured: the data, and what is forgotten where that is named. */
interface Request {
  readonly data: Dataset
  readonly test: Dataset | undefined
  readonly selectors: readonly Selector[] | undefined
  readonly seed: number
}

async function requestOf(options: Options, data: Dataset, test: Dataset | undefined): Promise<Request> {
  const isNamed = listOf(options.forget).length > 0
  const selectors = isNamed ? (await selectorsOf(options)).selectors : undefined
  return { data, test, selectors, seed: Number(options.seed ?? 0) }
}

/** Every metric on the test data (the data where there is none), and the judging sets of the request. */
async function measure(
  workspace: Workspace,
  request: Request,
  { signal, progress }: Terminal,
): Promise<Omit<Measured, 'name'>> {
  const { network, pool, file } = workspace
  const name = basename(file.path)
  const sets = judgingSets(workspace, request)
  const forward = await openForward(network, pool)
  try {
    const outputs = await outputsOf(forward, workspace.examples(request.test ?? request.data), {
      signal,
      onProgress: progress(name),
    })
    const overall = measureAll(outputs)
    const onProgress = progress(`${name}, by set`)
    const judgement = sets && (await judge(network, pool, sets, new Map(), { signal, onProgress }))
    const { forget, retain } = judgement?.answers ?? {}
    const bySet = { ...(forget && { forget: measureAll(forget) }), ...(retain && { retain: measureAll(retain) }) }
    return { overall, sets: bySet, judgement }
  } finally {
    await forward.release()
  }
}

function measureAll(outputs: Outputs): Rows {
  return Object.fromEntries(metrics.map((m) => [m.name, m.measure(outputs)]))
}

function judgingSets(
  workspace: Workspace,
  { data, test, selectors, seed }: Request,
): RequestSets['judges'] | undefined {
  if (!selectors) return undefined
  const task = taskOf(selectors, workspace.network.loss.loss)
  const sameKind = test && task !== 'records' && select(test, selectors, { seed, allowAll: true, allowNone: true })
  return requestSets({
    task,
    isByTokens: workspace.network.tokens !== undefined,
    data: workspace.examples(data),
    forgetRows: select(data, selectors, { seed, allowAll: true }),
    ...(test && { test: workspace.examples(test) }),
    ...(sameKind && { testForgetRows: sameKind }),
  }).judges
}

/** Accuracy of each class and of all on one set of records, a column a model. */
function classTable(
  of: string,
  results: readonly Measured[],
  classes: readonly string[] | undefined,
  read: (model: Measured) => Rows | undefined,
): string {
  const isOfTokens = results.some((r) => (read(r)?.['token-accuracy'] ?? []).length > 0)
  const rowsOf = (rows: Rows | undefined): string[][] => [
    ...(rows?.['class-accuracy'] ?? []).map((r) => [
      typeof r.of === 'number' ? (classes?.[r.of] ?? String(r.of)) : 'all',
      percent(r.value),
      String(r.n),
    ]),
    ...(rows?.accuracy ?? []).map((r) => [
      isOfTokens ? 'mean of records' : 'all',
      percent(r.value, 2),
      isOfTokens ? `${r.n} records` : String(r.n),
    ]),
    ...(rows?.['token-accuracy'] ?? []).map((r) => ['all tokens', percent(r.value, 2), String(r.n)]),
    ...(rows?.perplexity ?? []).map((r) => ['(perplexity)', significant(r.value), String(r.n)]),
  ]
  const columns = results.map((r) => rowsOf(read(r)))
  return table(
    [
      `accuracy on ${isOfTokens ? 'tokens of ' : ''}${of}`,
      ...results.map((r) => r.name),
      isOfTokens ? 'tokens' : 'records',
    ],
    columns[0]!.map((row, i) => [row[0]!, ...columns.map((rows) => rows[i]?.[1] ?? '–'), row[2]!]),
  )
}
