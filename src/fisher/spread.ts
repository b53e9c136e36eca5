/** Position of the largest of `length` values from `start` on; of equal ones the first. */
export function argmax(values: Float32Array, start: number, length: number): number {
  let best = start
  for (let k = start + 1; k < start + length; k++) if (values[k]! > values[best]!) best = k
  return best
}

/** With s_k = z_k − z_top of K scores: position of the top score, Σ_{k≠top} exp s_k and Σ_k s_k exp s_k. */
export interface Spread {
  readonly top: number
  readonly rest: number
  readonly weighted: number
}

/** The spread of `classes` scores from `start` on: what losses, entropies and confidences are made of without overflow. */
export function spreadOf(scores: Float32Array, start: number, classes: number): Spread {
  const top = argmax(scores, start, classes)
  let rest = 0
  let weighted = 0
  for (let k = start; k < start + classes; k++) {
    if (k === top) continue
    const s = scores[k]! - scores[top]!
    const e = Math.exp(s)
    rest += e
    // exp of a score far below the top is 0, and 0 times it must stay 0.
    if (e > 0) weighted += s * e
  }
  return { top, rest, weighted }
}

/**
 * Cross-entropy against a label in nats, log Σ_k exp z_k − z_y: log Σ exp = z_top + log1p(Σ_{k≠top} exp(z_k − z_top)). No
 * overflow, and losses far below 1e-16 keep their order, on which the membership attack stands. `label` counts from `start`.
 */
export function lossOf(scores: Float32Array, start: number, label: number, { top, rest }: Spread): number {
  return Math.log1p(rest) + (scores[top]! - scores[start + label]!)
}

/** Entropy of the softmax in nats, −Σ p_k log p_k = log Σ exp s_k − Σ p_k s_k, so that 0·log 0 never occurs. */
export function entropyOf({ rest, weighted }: Spread): number {
  return Math.log1p(rest) - weighted / (1 + rest)
}

/** Largest probability of the softmax. */
export function confidenceOf({ rest }: Spread): number {
  return 1 / (1 + rest)
}
