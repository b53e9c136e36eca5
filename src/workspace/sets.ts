import { idHash } from '../data/split.js'
import { type Examples, pick } from '../network/examples.js'
import type { Task } from '../unlearn/target.js'

/** Sample sizes: enough for intervals of about a point, small enough to try fifty strengths. */
const probeSizes = { forget: 500, retain: 2500, unseen: 2500 } as const
const evaluationSizes = { forget: 5000, retain: 5000 } as const

/** Data of a request, split by what each part is used for. Nothing that a strength is tried on is used to judge it. */
export interface RequestSets {
  readonly forget: Examples
  /** What the search looks at. */
  readonly probes: { readonly forget: Examples; readonly retain?: Examples; readonly unseen?: Examples }
  /** What the result is judged by. */
  readonly judges: {
    readonly forget: Examples
    readonly retain?: Examples
    readonly unseen?: Examples
    readonly test?: Examples
    readonly anyUnseen?: Examples
  }
}

export interface SetSources {
  readonly task: Task
  /** Answers are given for every token: losses of unseen members of an attribute are then what is aimed at. */
  readonly isByTokens?: boolean
  readonly data: Examples
  /** Rows of `data` to forget, ascending. */
  readonly forgetRows: ArrayLike<number>
  /** Data the model has not seen, for judging. */
  readonly test?: Examples
  /** Rows of `test` that are of the kind to forget (the same class or attribute). */
  readonly testForgetRows?: ArrayLike<number>
  /** Data for the search alone: unseen (records), or in place of retained data (class, attribute). */
  readonly probe?: Examples
  readonly probeForgetRows?: ArrayLike<number>
}

/** Splits the data of a request. Samples are taken in the order of a hash of the ids, so they do not depend on the data's order. */
export function requestSets(sources: SetSources): RequestSets {
  const { task, data, test, probe } = sources
  const forgetRows = Array.from(sources.forgetRows)
  const forget = pick(data, forgetRows)
  const retained = byHash(data, without(data.size, forgetRows))
  const [probeRetain, rest] = [retained.slice(0, probeSizes.retain), retained.slice(probeSizes.retain)]
  const judgeRetain = rest.length > 0 ? rest.slice(0, evaluationSizes.retain) : probeRetain
  const forgetOrder = byHash(data, forgetRows)
  const stays =
    probe && pick(probe, byHash(probe, without(probe.size, sources.probeForgetRows ?? [])).slice(0, probeSizes.retain))
  const { search, judge } = unseenRows(sources, forget)
  const retain = probeRetain.length > 0 ? pick(data, probeRetain) : task === 'records' ? undefined : stays
  const testRows = test && (task === 'records' ? judge.rest : without(test.size, sources.testForgetRows ?? []))
  return {
    forget,
    probes: {
      forget: pick(data, forgetOrder.slice(0, probeSizes.forget)),
      ...(retain && retain.size > 0 && { retain }),
      ...(search && { unseen: search }),
    },
    judges: {
      forget: pick(data, forgetOrder.slice(0, evaluationSizes.forget)),
      ...(judgeRetain.length > 0 && { retain: pick(data, judgeRetain) }),
      ...(judge.unseen && judge.unseen.size > 0 && { unseen: judge.unseen }),
      ...(test && testRows && testRows.length > 0 && { test: pick(test, testRows) }),
      ...(test && { anyUnseen: test }),
    },
  }
}

/**
 * Unseen data comparable to the forget set. Class and attribute: test records of the same kind (by tokens one half of them is for
 * the search). Records: test records with the labels in like numbers; where there is no probe, one half of the test data is for
 * the search and the other for judging.
 */
function unseenRows(
  { task, isByTokens = false, test, testForgetRows = [], probe, probeForgetRows = [] }: SetSources,
  forget: Examples,
): { search: Examples | undefined; judge: { unseen: Examples | undefined; rest: number[] } } {
  if (task !== 'records') {
    const kind = Array.from(testForgetRows)
    if (!isByTokens) return { search: undefined, judge: { unseen: some(test, kind), rest: [] } }
    const own = some(probe, Array.from(probeForgetRows))
    const order = test ? byHash(test, kind) : []
    const half = own ? 0 : Math.floor(order.length / 2)
    return {
      search: own ?? some(test, order.slice(0, half)),
      judge: { unseen: some(test, order.slice(half)), rest: [] },
    }
  }
  const all = test ? byHash(test, rows(test.size)) : []
  const half = probe ? 0 : Math.floor(all.length / 2)
  const search = probe
    ? likeLabels(probe, byHash(probe, rows(probe.size)), forget)
    : test && likeLabels(test, all.slice(0, half), forget)
  const rest = all.slice(half)
  return { search, judge: { unseen: test && likeLabels(test, rest, forget), rest } }
}

function some(examples: Examples | undefined, rows: readonly number[]): Examples | undefined {
  return examples && rows.length > 0 ? pick(examples, rows) : undefined
}

/** Rows with the labels of the forget set in like proportions, as many as there are up to the probe size. */
function likeLabels(examples: Examples, from: readonly number[], forget: Examples): Examples {
  const wanted = new Map<number, number>()
  for (const label of forget.labels) wanted.set(label, (wanted.get(label) ?? 0) + 1)
  const byLabel = new Map<number, number[]>()
  for (const row of from) {
    const label = examples.labels[row]!
    byLabel.set(label, [...(byLabel.get(label) ?? []), row])
  }
  let times = Math.max(1, Math.floor(probeSizes.unseen / forget.size))
  for (const [label, count] of wanted)
    times = Math.min(times, Math.max(1, Math.floor((byLabel.get(label)?.length ?? 0) / count)))
  return pick(
    examples,
    [...wanted].flatMap(([label, count]) => (byLabel.get(label) ?? []).slice(0, count * times)),
  )
}

const rows = (size: number): number[] => Array.from({ length: size }, (_, i) => i)

function without(size: number, excluded: ArrayLike<number>): number[] {
  const out = new Set(Array.from(excluded))
  return rows(size).filter((row) => !out.has(row))
}

function byHash(examples: Examples, from: readonly number[]): number[] {
  return from
    .map((row) => ({ row, key: idHash(examples.id(row)) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.row - b.row))
    .map(({ row }) => row)
}
