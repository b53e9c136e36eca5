import { int, intAttribute, ints, textAttribute } from '../../graph/graph.js'
import { given, type Lowering, type LoweringContext, refuse, traced } from '../lowering.js'

/**
 * Losses inside a model. x [N, K, *] over classes, targets t [N, *], weights w [K]: ℓ = −w[t]·x[t], and 0 where t is ignored;
 * `mean` is Σℓ/Σw[t]. ONNX NegativeLogLikelihoodLoss-12 and SoftmaxCrossEntropyLoss-12, where x = log softmax(scores).
 */
export const loss: readonly Lowering[] = [
  { op: 'NegativeLogLikelihoodLoss', since: 12, expand: (c) => [negativeLogLikelihood(c, given(c, 0))] },
  {
    op: 'SoftmaxCrossEntropyLoss',
    since: 12,
    expand: (c) => {
      const logs = logSoftmax(c)
      return [negativeLogLikelihood(c, logs), logs]
    },
  },
]

/** Over axis 1. Until opset 12 LogSoftmax takes all axes behind it as one. */
function logSoftmax({ w, node, opset }: LoweringContext): string {
  const scores = node.inputs[0]!
  if (opset >= 13) return w.op('LogSoftmax', [scores], { axis: int(1) })
  return w.sub(scores, w.op('ReduceLogSumExp', [scores], { axes: ints([1]), keepdims: int(1) }))
}

function negativeLogLikelihood(c: LoweringContext, x: string): string {
  const { w } = c
  const reduction = textAttribute(c.node, 'reduction', 'mean')
  if (reduction !== 'none' && reduction !== 'sum' && reduction !== 'mean') refuse(c, `the reduction "${reduction}"`)
  const { targets, isIgnored } = targetsOf(c)
  const zero = w.scalar(0)
  const picked = w.squeeze(w.op('GatherElements', [x, w.unsqueeze(targets, 1)], { axis: int(1) }), 1)
  const weights = c.I[2] ? w.op('Gather', [given(c, 2), targets]) : undefined
  const kept = weights && isIgnored ? w.where(isIgnored, zero, weights) : weights
  const counts = kept ?? (isIgnored && w.where(isIgnored, zero, w.scalar(1)))
  const losses = w.op('Neg', [picked])
  const weighed = counts ? w.mul(losses, counts) : losses
  if (reduction === 'none') return weighed
  const all = { keepdims: int(0) }
  if (reduction === 'sum') return w.op('ReduceSum', [weighed], all)
  if (!counts) return w.op('ReduceMean', [weighed], all)
  return w.op('Div', [w.op('ReduceSum', [weighed], all), w.op('ReduceSum', [counts], all)])
}

/** Targets, with class 0 in place of those that are ignored, and where these are. */
function targetsOf(c: LoweringContext): { targets: string; isIgnored?: string } {
  const { w } = c
  const name = given(c, 1)
  if (!c.node.attributes.ignore_index) return { targets: name }
  const cast = (v: string): string => (traced(c, 1).dtype === 'int64' ? v : w.op('Cast', [v], { to: int(7) }))
  const wide = cast(name)
  const isIgnored = w.op('Equal', [wide, w.int(intAttribute(c.node, 'ignore_index', 0))])
  return { targets: w.where(isIgnored, w.int(0), wide), isIgnored }
}
