import { LetheError } from '../errors.js'
import { argmax, confidenceOf, entropyOf, lossOf, spreadOf } from '../fisher/spread.js'
import { meanOfTokens, selectAnswers, type TokenAnswers } from '../fisher/token-answers.js'

/**
 * Class scores of N records and their labels, with K classes: `logits` [N, K] row by row before any softmax, `labels` [N].
 * Of a model that answers for every token, `tokens` holds what is known, and `logits` nothing: read it through
 * `recordLosses`, `rightShares`, `recordEntropies` and `recordConfidences`, which know both.
 */
export interface Outputs {
  readonly logits: Float32Array
  readonly labels: Int32Array
  readonly classes: number
  readonly tokens?: TokenAnswers
}

/** Outputs of a model that answers for every token. Labels of records play no part. */
export function makeTokenOutputs(tokens: TokenAnswers, labels: Int32Array, classes: number): Outputs {
  return { logits: new Float32Array(), labels, classes, tokens }
}

/** ℓ_n of each record in nats, [N]: its cross-entropy, or the mean of that over its tokens. */
export function recordLosses({ logits, labels, classes, tokens }: Outputs): Float64Array {
  return tokens ? meanOfTokens(tokens, tokens.losses) : crossEntropyLosses(logits, labels, classes)
}

/** Share of right answers of each record, [N]: 0 or 1, or the share of its labelled tokens that are predicted right. */
export function rightShares(outputs: Outputs): ArrayLike<number> {
  return outputs.tokens ? meanOfTokens(outputs.tokens, outputs.tokens.right) : correctness(outputs)
}

/** Entropy of each record's softmax in nats, [N], or its mean over the tokens. */
export function recordEntropies({ logits, classes, tokens }: Outputs): Float64Array {
  return tokens ? meanOfTokens(tokens, tokens.entropies) : entropies(logits, classes)
}

/** Largest probability of each record's softmax, [N], or its mean over the tokens. */
export function recordConfidences(outputs: Outputs): Float64Array {
  return outputs.tokens ? meanOfTokens(outputs.tokens, outputs.tokens.confidences) : confidences(outputs)
}

/**
 * Outputs of checked form. Throws `shape-mismatch` (not N·K scores), `label-range` (names the record), `value-not-finite`.
 */
export function makeOutputs(logits: Float32Array, labels: Int32Array, classes: number): Outputs {
  if (classes < 1 || logits.length !== labels.length * classes) {
    throw new LetheError(
      'shape-mismatch',
      `${labels.length} records of ${classes} classes need ${labels.length * classes} scores, got ${logits.length}.`,
    )
  }
  const label = labels.findIndex((y) => y < 0 || y >= classes)
  if (label >= 0) {
    throw new LetheError(
      'label-range',
      `Record ${label} has label ${labels[label]}; the model has classes 0 to ${classes - 1}.`,
      { record: label, label: labels[label], classes },
    )
  }
  const score = logits.findIndex((z) => !Number.isFinite(z))
  if (score >= 0) {
    const record = Math.floor(score / classes)
    throw new LetheError(
      'value-not-finite',
      `The model's score of record ${record} for class ${score % classes} is ${logits[score]}.`,
      { record },
    )
  }
  return { logits, labels, classes }
}

/** Outputs of some of the records, in the order of `rows`. */
export function selectOutputs({ logits, labels, classes, tokens }: Outputs, rows: ArrayLike<number>): Outputs {
  if (tokens) {
    const own = Int32Array.from({ length: rows.length }, (_, i) => labels[rows[i]!]!)
    return makeTokenOutputs(selectAnswers(tokens, rows), own, classes)
  }
  const picked = new Float32Array(rows.length * classes)
  const pickedLabels = new Int32Array(rows.length)
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    picked.set(logits.subarray(row * classes, (row + 1) * classes), i * classes)
    pickedLabels[i] = labels[row]!
  }
  return makeOutputs(picked, pickedLabels, classes)
}

/** Probabilities p_nk = exp z_nk / Σ_j exp z_nj, [N, K] row by row; never overflows. */
export function softmaxRows(logits: Float32Array, classes: number): Float64Array {
  const out = new Float64Array(logits.length)
  for (let start = 0; start < logits.length; start += classes) {
    const top = logits[argmax(logits, start, classes)]!
    let total = 0
    for (let k = start; k < start + classes; k++) total += out[k] = Math.exp(logits[k]! - top)
    for (let k = start; k < start + classes; k++) out[k]! /= total
  }
  return out
}

/**
 * Cross-entropy of each record, [N], in nats: ℓ_n = log Σ_k exp z_nk − z_ny.
 *
 * Taken relative to the largest score, log Σ exp = z_top + log1p(Σ_{k≠top} exp(z_k − z_top)): no overflow, and losses far
 * below 1e-16 keep their order, on which the membership attack stands. Throws as `makeOutputs`.
 */
export function crossEntropyLosses(logits: Float32Array, labels: Int32Array, classes: number): Float64Array {
  makeOutputs(logits, labels, classes)
  return Float64Array.from(labels, (y, n) => {
    return lossOf(logits, n * classes, y, spreadOf(logits, n * classes, classes))
  })
}

/**
 * Entropy of each record's softmax, [N], in nats: H_n = −Σ_k p_nk log p_nk, between 0 and log K.
 * Computed as log Σ exp(s_k) − Σ p_k s_k with s_k = z_k − z_top, so that 0·log 0 never occurs.
 */
export function entropies(logits: Float32Array, classes: number): Float64Array {
  return Float64Array.from({ length: logits.length / classes }, (_, n) => {
    return entropyOf(spreadOf(logits, n * classes, classes))
  })
}

/** 1 where the largest score is the label's, else 0, [N]. Of equal scores the first class counts, as in argmax of NumPy. */
export function correctness({ logits, labels, classes }: Outputs): Uint8Array {
  return Uint8Array.from(labels, (y, n) => (argmax(logits, n * classes, classes) === n * classes + y ? 1 : 0))
}

/** Largest probability of each record's softmax, [N]: how sure the model is, right or wrong. */
export function confidences({ logits, classes }: Outputs): Float64Array {
  return Float64Array.from({ length: logits.length / classes }, (_, n) => {
    return confidenceOf(spreadOf(logits, n * classes, classes))
  })
}
