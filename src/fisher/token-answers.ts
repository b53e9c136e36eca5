import type { TokenLoss } from './loss.js'
import { confidenceOf, entropyOf, lossOf, spreadOf } from './spread.js'

/** Label of a token that has none. */
export const ignoredLabel = -100

/** A model's answers at the labelled tokens of N records; scores themselves are not kept, which would be far too many. */
export interface TokenAnswers {
  readonly loss: TokenLoss
  /** Where the tokens of each record begin in the arrays below, [N + 1]; every record has at least one. */
  readonly starts: Int32Array
  /** Classes, [M]: M labelled tokens. */
  readonly labels: Int32Array
  /** Cross-entropy of each token, nats, [M]. */
  readonly losses: Float64Array
  /** 1 where the largest score is the label's, [M]. */
  readonly right: Uint8Array
  /** Entropy of each softmax, nats, [M]. */
  readonly entropies: Float64Array
  /** Largest probability of each softmax, [M]. */
  readonly confidences: Float64Array
}

/** Answers while they are collected, record by record. */
export interface TokenCollector {
  /** Adds the next record: scores [T, K] from `from` on, labels [T]. False where a score of a labelled token is not finite. */
  add(scores: Float32Array, from: number, labels: Int32Array, classes: number): boolean
  finish(): TokenAnswers
}

/** A collector without records. */
export function collectAnswers(loss: TokenLoss): TokenCollector {
  const starts = [0]
  const kept = { labels: growing(), losses: growing(), right: growing(), entropies: growing(), confidences: growing() }
  return {
    add(scores, from, labels, classes) {
      for (let t = 0; t < labels.length; t++) {
        const label = labels[t]!
        if (label === ignoredLabel) continue
        const start = from + t * classes
        const spread = spreadOf(scores, start, classes)
        const value = lossOf(scores, start, label, spread)
        if (!Number.isFinite(value)) return false
        kept.labels.push(label)
        kept.losses.push(value)
        kept.right.push(spread.top === start + label ? 1 : 0)
        kept.entropies.push(entropyOf(spread))
        kept.confidences.push(confidenceOf(spread))
      }
      starts.push(kept.labels.values().length)
      return true
    },
    finish: () => ({
      loss,
      starts: Int32Array.from(starts),
      labels: Int32Array.from(kept.labels.values()),
      losses: kept.losses.values(),
      right: Uint8Array.from(kept.right.values()),
      entropies: kept.entropies.values(),
      confidences: kept.confidences.values(),
    }),
  }
}

/** A float64 array that grows. */
function growing(): { push(value: number): void; values(): Float64Array } {
  let data = new Float64Array(64)
  let length = 0
  return {
    push(value) {
      if (length === data.length) {
        const larger = new Float64Array(2 * length)
        larger.set(data)
        data = larger
      }
      data[length++] = value
    },
    values: () => data.subarray(0, length),
  }
}

/** Answers of some of the records, in the order of `rows`. */
export function selectAnswers(answers: TokenAnswers, rows: ArrayLike<number>): TokenAnswers {
  const starts = new Int32Array(rows.length + 1)
  const tokens: number[] = []
  for (let i = 0; i < rows.length; i++) {
    for (let m = answers.starts[rows[i]!]!; m < answers.starts[rows[i]! + 1]!; m++) tokens.push(m)
    starts[i + 1] = tokens.length
  }
  const { labels, losses, right, entropies, confidences } = answers
  return {
    loss: answers.loss,
    starts,
    labels: Int32Array.from(tokens, (m) => labels[m]!),
    losses: Float64Array.from(tokens, (m) => losses[m]!),
    right: Uint8Array.from(tokens, (m) => right[m]!),
    entropies: Float64Array.from(tokens, (m) => entropies[m]!),
    confidences: Float64Array.from(tokens, (m) => confidences[m]!),
  }
}

/** Mean over the tokens of each record, [N]: of losses that is ℓ_n. */
export function meanOfTokens({ starts }: TokenAnswers, values: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: starts.length - 1 }, (_, n) => {
    let sum = 0
    for (let m = starts[n]!; m < starts[n + 1]!; m++) sum += values[m]!
    return sum / (starts[n + 1]! - starts[n]!)
  })
}
