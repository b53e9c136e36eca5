import { LetheError } from '../errors.js'

/**
 * Class scores of N records and their labels, with K classes: `logits` [N, K] row by row before any softmax, `labels` [N].
 */
export interface Outputs {
  readonly logits: Float32Array
  readonly labels: Int32Array
  readonly classes: number
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
export function selectOutputs({ logits, labels, classes }: Outputs, rows: ArrayLike<number>): Outputs {
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
    const { top, rest } = spread(logits, n * classes, classes)
    return Math.log1p(rest) + (logits[top]! - logits[n * classes + y]!)
  })
}

/**
 * Entropy of each record's softmax, [N], in nats: H_n = −Σ_k p_nk log p_nk, between 0 and log K.
 * Computed as log Σ exp(s_k) − Σ p_k s_k with s_k = z_k − z_top, so that 0·log 0 never occurs.
 */
export function entropies(logits: Float32Array, classes: number): Float64Array {
  return Float64Array.from({ length: logits.length / classes }, (_, n) => {
    const { rest, weighted } = spread(logits, n * classes, classes)
    return Math.log1p(rest) - weighted / (1 + rest)
  })
}

/** 1 where the largest score is the label's, else 0, [N]. Of equal scores the first class counts, as in argmax of NumPy. */
export function correctness({ logits, labels, classes }: Outputs): Uint8Array {
  return Uint8Array.from(labels, (y, n) => (argmax(logits, n * classes, classes) === n * classes + y ? 1 : 0))
}

/** Largest probability of each record's softmax, [N]: how sure the model is, right or wrong. */
export function confidences({ logits, classes }: Outputs): Float64Array {
  return Float64Array.from({ length: logits.length / classes }, (_, n) => {
    return 1 / (1 + spread(logits, n * classes, classes).rest)
  })
}

function argmax(values: Float32Array, start: number, length: number): number {
  let best = start
  for (let k = start + 1; k < start + length; k++) if (values[k]! > values[best]!) best = k
  return best
}

/** With s_k = z_k − z_top: position of the top score, Σ_{k≠top} exp s_k and Σ_k s_k exp s_k. */
function spread(logits: Float32Array, start: number, classes: number): { top: number; rest: number; weighted: number } {
  const top = argmax(logits, start, classes)
  let rest = 0
  let weighted = 0
  for (let k = start; k < start + classes; k++) {
    if (k === top) continue
    const s = logits[k]! - logits[top]!
    const e = Math.exp(s)
    rest += e
    // exp of a score far below the top is 0, and 0 times it must stay 0.
    if (e > 0) weighted += s * e
  }
  return { top, rest, weighted }
}
