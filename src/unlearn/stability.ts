import { argmax } from '../fisher/spread.js'
import type { Stage } from '../importance/importance.js'
import type { Stratum } from '../importance/sample.js'
import { type Examples, pick } from '../network/examples.js'
import type { Forward } from '../network/forward.js'
import type { Network } from '../network/network.js'
import { dampen, type Strength } from './dampen.js'
import { type Shares, shareQuantiles } from './shares.js'

/** Agreement of the two halves at which a sample is large enough. */
export const stableAt = 0.99
/** Fractions of the weights that are selected until a label is forgotten. Searches for ten classes of CIFAR-10 ended with 0.05 to 1.1 % of a ResNet-20. */
const fractions = Array.from({ length: 25 }, (_, i) => 0.0002 * 2 ** (i / 2))
/** What is left of a weight that matters to the label alone: λ is this times R = |D|/|D_f|, 0.3 for one of ten classes. */
const left = 0.03
/** A label is known where at least this share of its records is named so, and forgotten where at most that share is. */
const [knownAt, forgottenAt] = [0.5, 0.05]

/** Sums of one half of the sample: of each label that is tried, and of the rest. */
export interface Half {
  readonly labels: Map<number | undefined, Map<string, Float64Array>>
  readonly counts: Map<number | undefined, number>
}

/** What two halves are compared with. */
export interface Comparison {
  readonly network: Network
  /** A session whose weights vary. */
  readonly forward: Forward
  readonly halves: readonly [Half, Half]
  readonly strata: readonly Stratum[]
  /** Labels that are tried as the forget set. */
  readonly labels: ReadonlySet<number>
  readonly probe: Examples
  /** |D|. */
  readonly total: number
  /** Examples in the sample. */
  readonly count: number
}

/**
 * Takes each label as the forget set, with the shares of either half: dampens with the weakest of a ladder of strengths under which the label is forgotten, as a request
 * would, and compares. Strengths are found for each half by itself: the response to a strength is so steep that of two good halves one may forget at a threshold at
 * which the other just does not.
 *
 * Means over the labels: the share of the weights that both halves select, or neither does; and the share of the probe that both models answer alike. What a record of the label
 * is taken for once it is not recognised counts as alike. A label that one half forgets and the other under none of the strengths has no answers alike; one that neither
 * forgets, or that the model does not know, is left out, and there is no agreement where most of those known are.
 */
export async function compareHalves(c: Comparison): Promise<Stage> {
  const sizes = new Map(c.strata.map(({ label, rows }) => [label, rows.length]))
  // A label of a single group is in one half alone.
  const both = [...c.labels].filter((label) => c.halves.every((half) => half.counts.has(label)))
  if (both.length === 0) return { count: c.count, selection: 0 }
  const weights = new Map(
    [...c.network.parameters].map(({ name }) => [name, c.network.graph.initializers.get(name)!.data as Float32Array]),
  )
  const before = await answersWith(c.forward, weights, c.probe)
  let [selection, answers, known, tried] = [0, 0, 0, 0]
  for (const label of both) {
    const own = rowsOf(c.probe, label)
    const of = async (half: Half): Promise<Outcome> => {
      const shares = sharesIn(c.halves, [half], label, [sizes.get(label)!, c.total])
      return forget({ c, weights, shares, own: pick(c.probe, own), label })
    }
    const [a, b] = [await of(c.halves[0]), await of(c.halves[1])]
    selection += selectedAlike(a, b) / both.length
    if (own.filter((i) => before[i] === label).length < knownAt * own.length) continue
    known++
    if (a.isForgotten || b.isForgotten) tried++
    if (!a.isForgotten || !b.isForgotten) continue
    const alike = a.answers.filter((k, i) => {
      const isForgotten = c.probe.labels[i] === label && k !== label && b.answers[i] !== label
      return k === b.answers[i] || isForgotten
    })
    answers += alike.length / c.probe.size
  }
  return { count: c.count, selection, answers: tried > 0 && tried >= known / 2 ? answers / tried : 0 }
}

/** True where two halves that compare so decide alike. */
export const isAlike = ({ selection, answers = 0 }: Stage): boolean => selection >= stableAt && answers >= stableAt

function rowsOf(examples: Examples, label: number): number[] {
  return Array.from({ length: examples.size }, (_, i) => i).filter((i) => examples.labels[i] === label)
}

/** What one half decides: its shares, the strength, and the answers of the dampened model to the probe. */
interface Outcome {
  readonly shares: Shares
  readonly strength: Strength
  readonly answers: readonly number[]
  readonly isForgotten: boolean
}

interface Request {
  readonly c: Comparison
  readonly weights: ReadonlyMap<string, Float32Array>
  readonly shares: Shares
  /** Records of the probe that are of the label. */
  readonly own: Examples
  readonly label: number
}

/** The weakest strength of the ladder that forgets the label, and what it makes of the model; the strongest where none does. */
async function forget({ c, weights, shares, own, label }: Request): Promise<Outcome> {
  const lambda = Math.min(1, left * shares.ratio)
  const strengths = sharesAbove(shares, fractions).map((share) => ({ share, lambda }))
  const answersAt = (strength: Strength, probe: Examples): Promise<number[]> =>
    answersWith(c.forward, new Map([...weights, ...dampen(weights, shares, strength).changed]), probe)
  const forgets = async (i: number): Promise<boolean> => {
    const answers = await answersAt(strengths[i]!, own)
    return answers.filter((k) => k === label).length <= forgottenAt * own.size
  }
  // Every other one first. In order: beyond the strength that forgets, a model may name everything so again.
  let high = 0
  while (high < strengths.length - 1 && !(await forgets(high))) high = Math.min(high + 2, strengths.length - 1)
  if (high > 0 && (await forgets(high - 1))) high--
  const strength = strengths[high]!
  const answers = await answersAt(strength, c.probe)
  const named = answers.filter((k, i) => k === label && c.probe.labels[i] === label).length
  return { shares, strength, answers, isForgotten: named <= forgottenAt * own.size }
}

async function answersWith(
  forward: Forward,
  weights: ReadonlyMap<string, Float32Array>,
  probe: Examples,
): Promise<number[]> {
  await forward.hold(weights)
  const { logits, classes } = await forward.run(probe)
  return Array.from({ length: probe.size }, (_, n) => argmax(logits, n * classes, classes) - n * classes)
}

/** Forget shares of a label: its own importance as all of the sample has it, that of the rest as the given halves do. */
function sharesIn(
  all: readonly Half[],
  halves: readonly Half[],
  label: number,
  [size, total]: readonly [number, number],
): Shares {
  const own = all.map(({ labels }) => labels.get(label)!)
  const others = halves.flatMap(({ labels }) =>
    [...labels].filter(([other]) => other !== label).map(([, sums]) => sums),
  )
  const counted = (of: readonly Half[], is: (other: number | undefined) => boolean): number =>
    of.flatMap(({ counts }) => [...counts]).reduce((n, [other, count]) => n + (is(other) ? count : 0), 0)
  const ownScale = size / counted(all, (l) => l === label)
  const restScale = (total - size) / (counted(halves, (l) => l !== label) || 1)
  const values = new Map<string, Float32Array>()
  let count = 0
  for (const [name, { length }] of own[0]!) {
    const s = new Float32Array(length)
    for (let i = 0; i < length; i++) {
      let [mine, rest] = [0, 0]
      for (const sums of own) mine += sums.get(name)![i]!
      for (const sums of others) rest += sums.get(name)?.[i] ?? 0
      s[i] = mine > 0 ? (mine * ownScale) / (mine * ownScale + rest * restScale) : 0
    }
    values.set(name, s)
    count += length
  }
  return { values, ratio: total / size, total: count }
}

/** For each fraction a share that about this part of the weights exceeds, one at least: in the middle between two of them. */
function sharesAbove(shares: Shares, fractions: readonly number[]): number[] {
  const counts = fractions.map((fraction) => Math.max(1, Math.round(fraction * shares.total)))
  const around = shareQuantiles(
    shares,
    counts.flatMap((count) => [(count - 0.5) / shares.total, (count + 0.5) / shares.total]),
  )
  return counts.map((_, i) => (around[2 * i]! + around[2 * i + 1]!) / 2)
}

/** Share of the weights that both outcomes select, or neither does. */
function selectedAlike(a: Outcome, b: Outcome): number {
  let alike = 0
  for (const [name, x] of a.shares.values) {
    const y = b.shares.values.get(name)!
    for (let i = 0; i < x.length; i++) if (x[i]! > a.strength.share === y[i]! > b.strength.share) alike++
  }
  return alike / a.shares.total
}
