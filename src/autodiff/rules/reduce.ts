import type { Val } from '../../graph/emitter.js'
import {
  axesOf,
  constantNumbers,
  dy,
  intOf,
  intsOf,
  output,
  positiveAxis,
  type Rule,
  type RuleContext,
  x,
} from '../rule.js'
import { signOf } from './elementwise.js'

/**
 * Reductions over some axes of x. Axes come as an attribute, later as an input: since opset 13 for ReduceSum, since 18 for
 * the others. In formulas y and dy have their reduced axes as ones.
 */
export const reduce: readonly Rule[] = [
  // dx = dy
  reduction('ReduceSum', 13, (c, r) => c.e.expand(r.dy, [...c.lead, ...x(c).dims])),
  // dx = dy/n
  reduction('ReduceMean', 18, (c, r) => c.e.expand(c.e.mul(r.dy, c.e.scalar(1 / r.count)), [...c.lead, ...x(c).dims])),
  reduction('ReduceMax', 18, (c, r) => toWinners(c, r, c.e.less(x(c), r.y))),
  reduction('ReduceMin', 18, (c, r) => toWinners(c, r, c.e.greater(x(c), r.y))),
  reduction('ReduceProd', 18, toFactors),
  // y = Σ|x|: dx = dy·sign(x), 0 at 0
  reduction('ReduceL1', 18, (c, r) => c.e.mul(r.dy, signOf(c, x(c)))),
  // y = √Σx²: dx = dy·x/y, 0 where y is
  reduction('ReduceL2', 18, (c, r) => {
    const isPositive = c.e.greater(r.y, c.e.scalar(0))
    return c.e.mul(c.e.div(r.dy, c.e.where(isPositive, r.y, c.e.scalar(1))), x(c))
  }),
  // y = Σx²: dx = 2·dy·x
  reduction('ReduceSumSquare', 18, (c, r) => c.e.mul(c.e.mul(r.dy, c.e.scalar(2)), x(c))),
  // y = ln Σx: dx = dy/Σx
  reduction('ReduceLogSum', 18, (c, r) => {
    const each = c.e.div(r.dy, c.e.reduceSum(x(c), r.axes, true))
    return c.e.expand(each, [...c.lead, ...x(c).dims])
  }),
  // y = ln Σexp(x): dx = dy·exp(x − y); not a number where all x are −∞, as PyTorch has it
  reduction('ReduceLogSumExp', 18, (c, r) => c.e.mul(r.dy, c.e.unary('Exp', c.e.sub(x(c), r.y)))),
]

interface Reduced {
  /** Reduced axes of x, counted from the front. */
  readonly axes: readonly number[]
  /** Elements of x behind each element of y. */
  readonly count: number
  /** Output and cotangent with the reduced axes kept as ones; the cotangent has `lead` in front. */
  readonly y: Val
  readonly dy: Val
}

function reduction(op: string, axesAsInputSince: number, dx: (c: RuleContext, r: Reduced) => Val): Rule {
  const vjp: Rule['vjp'] = (c) => [
    () => {
      const axes = reducedAxes(c, axesAsInputSince)
      const kept = x(c).dims.map((d, i) => (axes.includes(i) ? 1 : d))
      return dx(c, {
        axes,
        count: axes.reduce((n, i) => n * x(c).dims[i]!, 1),
        y: c.e.reshape(output(c), kept),
        dy: c.e.reshape(dy(c), [...c.lead, ...kept]),
      })
    },
  ]
  return { op, since: 1, lifts: true, vjp }
}

/** None with `noop_with_empty_axes`: the operator then works on each element by itself (ReduceL2 is |x|), as ONNX Runtime has it. */
function reducedAxes(c: RuleContext, axesAsInputSince: number): readonly number[] {
  const asInput = c.opset >= axesAsInputSince
  const axes = asInput ? constantNumbers(c, 1) : intsOf(c, 'axes', undefined)
  if (axes && axes.length > 0) return axes.map((axis) => positiveAxis(axis, x(c).dims.length))
  return asInput && intOf(c, 'noop_with_empty_axes', 0) === 1 ? [] : axesOf(x(c))
}

/** Elements that tie for the extremum share the cotangent evenly, as PyTorch's amax and amin. */
function toWinners(c: RuleContext, r: Reduced, loses: Val): Val {
  const { e } = c
  const winners = e.reduceSum(e.indicator(e.not(loses)), r.axes, true)
  return e.where(loses, e.scalar(0), e.div(r.dy, winners))
}

/** y = Πx: dx = dy·(product of the others), exact with zeros: with a zero among the others it is 0. */
function toFactors(c: RuleContext, r: Reduced): Val {
  const { e } = c
  const zero = e.scalar(0)
  const isZero = e.equal(x(c), zero)
  const nonZero = e.where(isZero, e.scalar(1), x(c))
  const others = e.div(e.reduceProd(nonZero, r.axes, true), nonZero)
  const zeros = e.indicator(isZero)
  const zerosAmongOthers = e.sub(e.reduceSum(zeros, r.axes, true), zeros)
  return e.mul(r.dy, e.where(e.greater(zerosAmongOthers, zero), zero, others))
}
