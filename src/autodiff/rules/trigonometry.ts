import type { Val } from '../../graph/emitter.js'
import { dy, output, type Rule, type RuleContext, x } from '../rule.js'

/** Trigonometric and hyperbolic functions and their inverses. At the end of a domain the gradient is infinite, as PyTorch has it. */
export const trigonometry: readonly Rule[] = [
  slope('Sin', 7, (c) => c.e.unary('Cos', x(c))),
  slope('Cos', 7, (c) => c.e.unary('Neg', c.e.unary('Sin', x(c)))),
  // 1 + y²
  slope('Tan', 7, (c) => c.e.add(c.e.mul(output(c), output(c)), one(c))),
  slope('Asin', 7, (c) => inverse(c, c.e.unary('Sqrt', unitMinusSquare(c)))),
  slope('Acos', 7, (c) => c.e.unary('Neg', inverse(c, c.e.unary('Sqrt', unitMinusSquare(c))))),
  slope('Atan', 7, (c) => inverse(c, c.e.add(square(c), one(c)))),
  slope('Sinh', 9, (c) => c.e.unary('Cosh', x(c))),
  slope('Cosh', 9, (c) => c.e.unary('Sinh', x(c))),
  slope('Asinh', 9, (c) => inverse(c, c.e.unary('Sqrt', c.e.add(square(c), one(c))))),
  // 1/√((x − 1)(x + 1)): exact near 1, where x² − 1 loses its digits.
  slope('Acosh', 9, (c) => inverse(c, c.e.unary('Sqrt', c.e.mul(c.e.sub(x(c), one(c)), c.e.add(x(c), one(c)))))),
  slope('Atanh', 9, (c) => inverse(c, unitMinusSquare(c))),
]

/** A rule for a function of one number: dx = dy·y′. */
function slope(op: string, since: number, derivative: (c: RuleContext) => Val): Rule {
  return { op, since, lifts: true, vjp: (c) => [() => c.e.mul(dy(c), derivative(c))] }
}

const one = (c: RuleContext): Val => c.e.scalar(1)
const square = (c: RuleContext): Val => c.e.mul(x(c), x(c))
const inverse = (c: RuleContext, v: Val): Val => c.e.unary('Reciprocal', v)
/** 1 − x² as (1 − x)(1 + x): exact near ±1. */
const unitMinusSquare = (c: RuleContext): Val => c.e.mul(c.e.sub(one(c), x(c)), c.e.add(x(c), one(c)))
