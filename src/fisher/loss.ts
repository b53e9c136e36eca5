import { LetheError } from '../errors.js'
import type { Emitter, Val } from '../graph/emitter.js'
import { type Graph, intAttribute, type Node, producers, standardOpset } from '../graph/graph.js'

/** Where the loss attaches: the scores before any softmax. */
export interface LossPoint {
  readonly loss: 'cross-entropy'
  /** The model's output that is read as class scores. */
  readonly output: string
  /** The value that the loss is taken on: the output, or what goes into the softmax that makes it. */
  readonly logits: string
  readonly via: 'logits' | 'softmax' | 'log-softmax'
}

/**
 * Finds the value that cross-entropy attaches to. A model that ends in Softmax or LogSoftmax over the last axis is taken
 * before it: cross-entropy on those scores is the negative log-likelihood of its probabilities, and exact in float32.
 *
 * Throws `output-ambiguous` (several outputs, none chosen), `output-unknown`.
 */
export function findLoss(graph: Graph, chosen?: string): LossPoint {
  const names = graph.outputs.map((o) => o.name)
  if (chosen === undefined && names.length > 1) {
    throw new LetheError(
      'output-ambiguous',
      `The model has ${names.length} outputs (${names.join(', ')}); choose the class scores with --output.`,
      {
        outputs: names,
      },
    )
  }
  const output = chosen ?? names[0]
  if (output === undefined || !names.includes(output)) {
    throw new LetheError('output-unknown', `The model has no output "${output}"; it has ${names.join(', ')}.`, {
      outputs: names,
    })
  }
  const made = producers(graph)
  const node = skipIdentities(made.get(output), made)
  if (node?.op === 'Softmax' && isOverLast(node, graph))
    return { loss: 'cross-entropy', output, logits: node.inputs[0]!, via: 'softmax' }
  if (node?.op === 'LogSoftmax' && isOverLast(node, graph))
    return { loss: 'cross-entropy', output, logits: node.inputs[0]!, via: 'log-softmax' }
  return { loss: 'cross-entropy', output, logits: output, via: 'logits' }
}

function skipIdentities(node: Node | undefined, made: ReadonlyMap<string, Node>): Node | undefined {
  let at = node
  while (at?.op === 'Identity') at = made.get(at.inputs[0] ?? '')
  return at
}

/** True for the last axis of [N, K]: axis −1 or 1 (the default before opset 13 was 1, since then −1). */
function isOverLast(node: Node, graph: Graph): boolean {
  const axis = intAttribute(node, 'axis', standardOpset(graph) < 13 ? 1 : -1)
  return axis === -1 || axis === 1
}

/** Values of a loss on a batch, and the cotangent that starts backward. */
export interface LossValues {
  /** ℓ_n, [N]. */
  readonly losses: Val
  /** ∂(Σ_n w_n ℓ_n)/∂z, [N, K]. */
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
