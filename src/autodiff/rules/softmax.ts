import type { Val } from '../../graph/emitter.js'
import { dy, intOf, output, positiveAxis, type Rule, type RuleContext, x } from '../rule.js'

/**
 * Softmax and its logarithm. Until opset 12 they flatten x to [∏ axes before, ∏ axes from `axis` on] and normalise rows, so
 * that all axes from `axis` (default 1) on are one; since 13 they normalise along one axis (default −1).
 * ONNX Softmax-11, Softmax-13.
 */
export const softmax: readonly Rule[] = [
  { op: 'Softmax', since: 1, until: 12, lifts: true, vjp: (c) => [() => softmaxBack(c, axesFrom(c))] },
  { op: 'Softmax', since: 13, lifts: true, vjp: (c) => [() => softmaxBack(c, oneAxis(c))] },
  { op: 'LogSoftmax', since: 1, until: 12, lifts: true, vjp: (c) => [() => logSoftmaxBack(c, axesFrom(c))] },
  { op: 'LogSoftmax', since: 13, lifts: true, vjp: (c) => [() => logSoftmaxBack(c, oneAxis(c))] },
]

/** dx = y·(dy − Σ dy·y) */
function softmaxBack(c: RuleContext, axes: readonly number[]): Val {
  const y = output(c)
  const isLast = axes.length === 1 && axes[0] === y.dims.length - 1 && c.lead.length === 0
  const mean = isLast ? c.e.dotLast(dy(c), y) : sumOver(c, c.e.mul(dy(c), y), axes)
  return c.e.mul(y, c.e.sub(dy(c), mean))
}

/** dx = dy − exp(y)·Σ dy */
function logSoftmaxBack(c: RuleContext, axes: readonly number[]): Val {
  return c.e.sub(dy(c), c.e.mul(c.e.unary('Exp', output(c)), sumOver(c, dy(c), axes)))
}

/** Sum over axes of x, kept as ones; `lead` stays in front. */
function sumOver(c: RuleContext, v: Val, axes: readonly number[]): Val {
  return c.e.reduceSum(
    v,
    axes.map((axis) => axis + c.lead.length),
    true,
  )
}

function axesFrom(c: RuleContext): readonly number[] {
  const rank = x(c).dims.length
  const axis = positiveAxis(intOf(c, 'axis', 1), rank)
  return Array.from({ length: rank - axis }, (_, i) => axis + i)
}

function oneAxis(c: RuleContext): readonly number[] {
  return [positiveAxis(intOf(c, 'axis', -1), x(c).dims.length)]
}
