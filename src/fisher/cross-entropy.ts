import { addElements, takeElements } from '../autodiff/elements.js'
import type { Emitter, Val } from '../graph/emitter.js'
import { int } from '../graph/graph.js'

/** Values of a loss on a batch, and the cotangent that starts backward. */
export interface LossValues {
  /** ℓ_n, [N]. */
  readonly losses: Val
  /** ∂(Σ_n w_n ℓ_n)/∂z, of z's shape. */
  readonly seed: Val
}

/**
 * Cross-entropy of each example on scores z [N, K] with one-hot targets t [N, K] and weights w [N, 1]:
 * ℓ_n = log Σ_k exp z_nk − Σ_k t_nk z_nk, never a mean; seed = w·(softmax(z) − t).
 */
export function crossEntropy(e: Emitter, z: Val, targets: Val, weights: Val): LossValues {
  const shifted = e.sub(z, e.reduceMax(z, [1], true))
  const exp = e.unary('Exp', shifted)
  const total = e.reduceSum(exp, [1], true)
  const logTotal = e.unary('Log', total)
  const losses = e.sub(e.reshape(logTotal, [z.dims[0]!]), e.reduceSum(e.mul(shifted, targets), [1]))
  const seed = e.mul(e.sub(e.div(exp, total), targets), weights)
  return { losses, seed }
}

/**
 * Cross-entropy of each example on scores z [N, T, K] of its tokens, with labels y [N, T] (int32, any class where the token is
 * ignored), shares s [N, T] (1 over the number of labelled tokens of the example; 0 where ignored) and weights w [N, 1]:
 * ℓ_n = Σ_t s_nt (log Σ_k exp z_ntk − z_nty); seed = w s (softmax(z) − e_y).
 *
 * Tokens of an example are added here, before anything is squared. No one-hot is made: beside z there is one more array of its
 * size, in which the entry of each label is replaced. Operators: ONNX GatherElements-11 and ScatterElements-11.
 */
export function tokenCrossEntropy(
  e: Emitter,
  z: Val,
  { labels, shares, weights }: { readonly labels: Val; readonly shares: Val; readonly weights: Val },
): LossValues {
  const [N, T] = [z.dims[0]!, z.dims[1]!]
  const at = { index: e.reshape(labels, [N, T, 1]), axis: 2, dims: z.dims }
  const top = e.reduceMax(z, [2], true)
  const exp = e.unary('Exp', e.sub(z, top))
  const total = e.reduceSum(exp, [2], true)
  const own = e.sub(takeElements(e, z, at), top)
  const share = e.reshape(shares, [N, T, 1])
  const losses = e.reduceSum(e.mul(e.sub(e.unary('Log', total), own), share), [1, 2])
  const scale = e.mul(share, e.reshape(weights, [N, 1, 1]))
  const spread = e.mul(exp, e.div(scale, total))
  if (e.opset < 11) return { losses, seed: e.sub(spread, addElements(e, scale, at)) }
  const replaced = e.sub(takeElements(e, spread, at), scale)
  return { losses, seed: e.emit('ScatterElements', [spread, at.index, replaced], z.dims, { axis: int(2) }) }
}
