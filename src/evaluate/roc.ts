import { LetheError } from '../errors.js'
import { type Estimate, wilson, z95 } from './estimate.js'

/**
 * Area under the ROC curve of a score that should be higher for members: P(member > other) + ½ P(member = other),
 * exactly, ties counted half (the Mann–Whitney statistic divided by the number of pairs). O((M + N) log N).
 *
 * 0.5: the score tells nothing; 1: members always score higher; 0: always lower. The interval is `aucInterval`'s; `n` is
 * the number of members. Throws `value-not-finite` (NaN), `usage` (one side is empty).
 */
export function auc(members: Float64Array, others: Float64Array): Estimate {
  checkScores(members, others)
  const sorted = others.toSorted()
  let halves = 0
  for (const score of members) halves += countBelow(sorted, score, false) + countBelow(sorted, score, true)
  const value = halves / 2 / (members.length * others.length)
  return { value, ...aucInterval(value, members.length, others.length), n: members.length }
}

/**
 * 95 % interval of an area A measured on M members and N others: all areas θ with |A − θ| ≤ z √V(θ), where
 * V(θ) = [θ(1−θ) + (M−1)(Q₁−θ²) + (N−1)(Q₂−θ²)] / MN, Q₁ = θ/(2−θ), Q₂ = 2θ²/(1+θ).
 *
 * V is Hanley and McNeil's variance, taken at θ instead of at A (a score interval, as Wilson's for a share): it does not
 * collapse at A = 0 or 1, and since V(½) = (M+N+1)/(12MN) it contains ½ exactly where the Mann–Whitney test in its normal
 * approximation does not reject. Deterministic; no resampling.
 * Source: Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 143 (1982).
 */
export function aucInterval(area: number, members: number, others: number): { low: number; high: number } {
  const isWithin = (theta: number): boolean =>
    Math.abs(area - theta) <= z95 * Math.sqrt(aucVariance(theta, members, others))
  return { low: edge(area, 0, isWithin), high: edge(area, 1, isWithin) }
}

/** Hanley and McNeil's variance of an area θ; symmetric under θ → 1 − θ with the two sides exchanged. */
export function aucVariance(theta: number, members: number, others: number): number {
  const q1 = theta / (2 - theta) - theta ** 2
  const q2 = (2 * theta ** 2) / (1 + theta) - theta ** 2
  return Math.max(0, (theta * (1 - theta) + (members - 1) * q1 + (others - 1) * q2) / (members * others))
}

/**
 * Share of members found when at most a share `falsePositives` of the others is wrongly taken for a member, at the most
 * generous threshold that keeps to it. Wilson's interval, which leaves out the uncertainty of the threshold itself.
 * With fewer than 1/falsePositives others none may be wrong. Throws as `auc`.
 */
export function tprAtFpr(members: Float64Array, others: Float64Array, falsePositives: number): Estimate {
  checkScores(members, others)
  // A hair above, so that 1 % of 300 allows three.
  const allowed = Math.floor(falsePositives * others.length + 1e-9)
  if (allowed >= others.length) return wilson(members.length, members.length)
  const bar = others.toSorted()[others.length - 1 - allowed]!
  return wilson(members.filter((score) => score > bar).length, members.length)
}

function checkScores(members: Float64Array, others: Float64Array): void {
  if (members.length === 0 || others.length === 0) {
    throw new LetheError('usage', 'A membership attack needs at least one member and one record that is none.')
  }
  for (const [side, scores] of Object.entries({ member: members, other: others })) {
    const at = scores.findIndex(Number.isNaN)
    if (at >= 0) throw new LetheError('value-not-finite', `The score of ${side} ${at} is NaN.`, { record: at })
  }
}

/** Number of elements of an ascending array that are below a value, or (`orEqual`) not above it. */
function countBelow(sorted: Float64Array, value: number, orEqual: boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < value || (orEqual && sorted[middle] === value)) low = middle + 1
    else high = middle
  }
  return low
}

/** Last point on the way from `inside` to `limit` that still satisfies, by bisection to the resolution of a double. */
function edge(inside: number, limit: number, isWithin: (x: number) => boolean): number {
  if (isWithin(limit)) return limit
  let [near, far] = [inside, limit]
  for (let i = 0; i < 60; i++) {
    const middle = (near + far) / 2
    if (isWithin(middle)) near = middle
    else far = middle
  }
  return near
}
