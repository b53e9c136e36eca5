import type { Dataset } from '../data/dataset.js'
import { type Selector, select } from '../data/select.js'
import type { Progress, WorkOptions } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import { type Verdict, verdict } from '../evaluate/verdict/verdict.js'
import { isTokenLoss, type LossName } from '../fisher/loss.js'
import { estimateImportance } from '../importance/estimate.js'
import type { Importance } from '../importance/importance.js'
import { wholeOf } from '../importance/sample.js'
import { checkStore, isSummed, type Store, unseenIds } from '../importance/store.js'
import { pick } from '../network/examples.js'
import { chooseParameters, type ParameterChoice } from '../network/kinds.js'
import { checkStrength, type Plan, planForgetting, type StrengthChoice } from '../unlearn/forget.js'
import { forgetShares } from '../unlearn/shares.js'
import type { Task } from '../unlearn/target.js'
import { type Judgement, judge } from './judge.js'
import type { Workspace } from './open.js'
import { type RequestSets, requestSets } from './sets.js'

/** A request to forget: which records of which data, with what to try strengths on and to judge by. */
export interface ForgetOptions {
  readonly store: Store
  /** The training data, or only the records to forget (then every one of them is meant where no selector is given). */
  readonly data: Dataset
  readonly selectors: readonly Selector[]
  readonly seed?: number
  /** Data the model has not seen, for the verdict. */
  readonly test?: Dataset
  /** Data to try strengths on where no training data is kept. */
  readonly probe?: Dataset
  readonly strength?: StrengthChoice
  /** Which parameters may change; default all that the store has. */
  readonly parameters?: ParameterChoice
  readonly signal?: AbortSignal
  /** Progress of each phase. */
  readonly onProgress?: (phase: Phase, progress: Progress) => void
}

export type Phase = 'importance of the forget set' | 'strengths' | 'evaluation'

/** A planned request: the plan, the sets it stands on, and what is forgotten in words. */
export interface PlannedRequest {
  readonly task: Task
  readonly subject: string
  readonly plan: Plan
  /** Name of the estimator of the importances. */
  readonly estimator: string
  readonly sets: RequestSets
  readonly forgetIds: readonly string[]
  /** What accuracies count: records, or tokens of them. */
  readonly answers: 'records' | 'tokens'
}

/**
 * Plans a request: importance of the forget set in the way of the store, then the strength. Writes nothing.
 * Throws `store-mismatch`, `forget-unseen` (names records), `forget-all`, `forget-empty`, `strength-void`, `cancelled`.
 */
export async function planRequest(workspace: Workspace, options: ForgetOptions): Promise<PlannedRequest> {
  const { network, pool } = workspace
  const { store, data, test, probe, selectors, seed = 0 } = options
  checkStore(store, { digest: workspace.file.digest, output: network.loss.output, loss: network.loss.loss })
  // The data may be all of it or the forget records alone: that everything is selected is judged against the store.
  const rows = select(data, selectors, { seed, allowAll: true })
  const count = store.importance.population?.count ?? store.importance.count
  if (rows.length >= count) {
    throw new LetheError(
      'forget-all',
      `The forget set is all of the ${count} records the store was made from; nothing would be left.`,
    )
  }
  const task = taskOf(selectors, network.loss.loss)
  const all = workspace.examples(data, store.importance.settings.groupBy)
  const forgetIds = Array.from(rows, (row) => data.id(row))
  refuseUnseen(store, forgetIds)
  refuseVoid(options.strength, count / rows.length)
  const chosen = chooseParameters(network, options.parameters ?? {})
  const known = only(store.importance, chosen)
  // Of a sample, what it has of the forget set is taken out again.
  const isIn = known.population ? isSummed(store) : () => false
  const sampled = rows.filter((row) => isIn(data.id(row)))
  const total = rows.length + (sampled.length === rows.length ? 0 : sampled.length)
  const estimate = (of: ArrayLike<number>, before: number): Promise<Importance> =>
    estimateImportance(network, pool, pick(all, of), {
      settings: store.importance.settings,
      parameters: new Set(known.sums.keys()),
      signal: options.signal,
      onProgress: ({ done }) => options.onProgress?.('importance of the forget set', { done: before + done, total }),
    })
  const forget = await estimate(rows, 0)
  const isAll = sampled.length === rows.length
  const inSample = isAll ? forget : sampled.length > 0 ? await estimate(sampled, rows.length) : undefined
  // What the sample has of the forget set is part of it; in all data as it is estimated the forget set is, whatever was given.
  if (known.population && inSample && known.settings.estimator === 'exact') forgetShares(known, inSample)
  const sameKind = (d: Dataset | undefined): Int32Array | undefined =>
    d && task !== 'records' ? select(d, selectors, { seed, allowAll: true, allowNone: true }) : undefined
  const sets = requestSets({
    task,
    isByTokens: network.tokens !== undefined,
    data: all,
    forgetRows: rows,
    ...(test && { test: workspace.examples(test), testForgetRows: sameKind(test) }),
    ...(probe && { probe: workspace.examples(probe), probeForgetRows: sameKind(probe) }),
  })
  const plan = await planForgetting(network, pool, {
    all: wholeOf(known, forget, inSample),
    forget,
    task,
    probes: sets.probes,
    strength: options.strength,
    signal: options.signal,
    onTrial: (done, total) => options.onProgress?.('strengths', { done, total }),
  })
  const subject = subjectOf(task, selectors, rows.length)
  const answers = network.tokens === undefined ? 'records' : 'tokens'
  return { task, subject, plan, estimator: store.importance.settings.estimator, sets, forgetIds, answers }
}

/** Importances of the chosen parameters alone. */
function only(importance: Importance, chosen: ReadonlySet<string>): Importance {
  return { ...importance, sums: new Map([...importance.sums].filter(([name]) => chosen.has(name))) }
}

/** The verdict on a planned request, with the numbers of the model before and after. */
export async function judgeRequest(
  workspace: Workspace,
  { task, subject, plan, estimator, sets, answers }: PlannedRequest,
  options: { signal?: AbortSignal; retrained?: Judgement; onProgress?: ForgetOptions['onProgress'] } = {},
): Promise<{ before: Judgement; after: Judgement; verdict: Verdict }> {
  const { network, pool } = workspace
  const told = (part: number): WorkOptions => ({
    signal: options.signal,
    onProgress: ({ done, total }) =>
      options.onProgress?.('evaluation', { done: part * total + done, total: 2 * total }),
  })
  const before = await judge(network, pool, sets.judges, new Map(), told(0))
  const after = await judge(network, pool, sets.judges, plan.changed, told(1))
  return {
    before,
    after,
    verdict: verdict({
      task,
      subject,
      classes: network.classes,
      answers,
      before: before.facts,
      after: after.facts,
      ...(options.retrained && { retrained: options.retrained.facts }),
      isExact: estimator === 'exact',
      floor: plan.floor,
    }),
  }
}

/**
 * What the selectors mean: whole classes, members of an attribute, or single records. Under a loss by tokens the class of a record is
 * nothing that the model names, but an attribute as any other.
 */
export function taskOf(selectors: readonly Selector[], loss: LossName = 'cross-entropy'): Task {
  const plain = selectors.filter((s) => !s.minus)
  if (selectors.some((s) => s.minus) || plain.length === 0) return 'records'
  if (plain.every((s) => s.kind === 'class' || s.kind === 'label')) return isTokenLoss(loss) ? 'attribute' : 'class'
  return plain.every((s) => s.kind === 'attribute') ? 'attribute' : 'records'
}

function subjectOf(task: Task, selectors: readonly Selector[], count: number): string {
  const named = selectors.flatMap((s) => {
    if (s.kind === 'class' || s.kind === 'label') return [`class ${s.values.join(', ')}`]
    return s.kind === 'attribute' ? [`${s.name} ${s.values.join(', ')}`] : []
  })
  return task === 'records' || named.length === 0 ? `the ${count} records` : named.join(' and ')
}

/** A threshold that can select nothing is known from the counts alone, before any gradient is made. */
function refuseVoid(strength: StrengthChoice | undefined, ratio: number): void {
  if (strength === undefined || strength.kind === 'auto') return
  const share = strength.kind === 'alpha' ? strength.alpha / ratio : strength.share
  checkStrength({ share, lambda: strength.lambda }, { ratio })
}

function refuseUnseen(store: Store, ids: readonly string[]): void {
  const unseen = unseenIds(store, ids)
  if (unseen.length === 0) return
  throw new LetheError(
    'forget-unseen',
    `${unseen.length} of the ${ids.length} records to forget are not in the data that the store was made from (${unseen
      .slice(0, 3)
      .map((id) => `"${id}"`)
      .join(', ')}); the model was not trained on them, or their ids have changed.`,
    { records: unseen.slice(0, 20), count: unseen.length },
  )
}
