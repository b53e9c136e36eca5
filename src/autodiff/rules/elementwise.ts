import type { Val } from '../../graph/emitter.js'
import { isFloat } from '../../tensor/tensor.js'
import { constantNumbers, dy, input, output, type Rule, type RuleContext, type Thunk, x } from '../rule.js'

/** Arithmetic with broadcasting; the walk sums gradients back to each input's shape. */
export const elementwise: readonly Rule[] = [
  { op: 'Add', since: 7, lifts: true, vjp: (c) => [() => dy(c), () => dy(c)] },
  { op: 'Sub', since: 7, lifts: true, vjp: (c) => [() => dy(c), () => c.e.unary('Neg', dy(c))] },
  {
    // y = a·b: da = dy·b, db = dy·a
    op: 'Mul',
    since: 7,
    lifts: true,
    vjp: (c) => [() => c.e.mul(dy(c), input(c, 1)), () => c.e.mul(dy(c), input(c, 0))],
  },
  {
    // y = a/b: da = dy/b, db = −dy·y/b
    op: 'Div',
    since: 7,
    lifts: true,
    vjp: (c) => [
      () => c.e.div(dy(c), input(c, 1)),
      () => c.e.unary('Neg', c.e.mul(dy(c), c.e.div(output(c), input(c, 1)))),
    ],
  },
  {
    // With fmod, y = a − b·n with n = a/b cut to a whole number: da = dy, db = −dy·n. Without, the numbers are whole.
    op: 'Mod',
    since: 10,
    lifts: true,
    vjp: (c) => [
      () => dy(c),
      () => {
        const n = c.e.div(c.e.sub(input(c, 0), output(c)), input(c, 1))
        return c.e.unary('Neg', c.e.mul(dy(c), n))
      },
    ],
  },
  { op: 'Pow', since: 7, lifts: true, vjp: (c) => [powBase(c), powExponent(c)] },
  { op: 'Max', since: 8, lifts: true, vjp: (c) => extremum(c, (v, y) => c.e.less(v, y)) },
  { op: 'Min', since: 8, lifts: true, vjp: (c) => extremum(c, (v, y) => c.e.greater(v, y)) },
  { op: 'Sum', since: 8, lifts: true, vjp: (c) => c.I.map(() => () => dy(c)) },
  {
    op: 'Mean',
    since: 8,
    lifts: true,
    vjp: (c) => c.I.map(() => () => c.e.mul(dy(c), c.e.scalar(1 / c.I.length))),
  },
  {
    // y = a where the condition holds, else b
    op: 'Where',
    since: 9,
    lifts: true,
    vjp: (c) => [
      undefined,
      () => c.e.where(input(c, 0), dy(c), c.e.scalar(0)),
      () => c.e.where(input(c, 0), c.e.scalar(0), dy(c)),
    ],
  },
  { op: 'Neg', since: 6, lifts: true, vjp: (c) => [() => c.e.unary('Neg', dy(c))] },
  // y = √x: dx = dy/(2y)
  { op: 'Sqrt', since: 6, lifts: true, vjp: (c) => [() => c.e.div(dy(c), c.e.mul(output(c), c.e.scalar(2)))] },
  {
    // y = 1/x: dx = −dy·y²
    op: 'Reciprocal',
    since: 6,
    lifts: true,
    vjp: (c) => [() => c.e.unary('Neg', c.e.mul(dy(c), c.e.mul(output(c), output(c))))],
  },
  { op: 'Exp', since: 6, lifts: true, vjp: (c) => [() => c.e.mul(dy(c), output(c))] },
  { op: 'Log', since: 6, lifts: true, vjp: (c) => [() => c.e.div(dy(c), x(c))] },
  // The gradient at 0 is 0, as PyTorch has it.
  { op: 'Abs', since: 6, lifts: true, vjp: (c) => [() => c.e.mul(dy(c), signOf(c, x(c)))] },
  {
    // d erf(x)/dx = 2/√π·exp(−x²)
    op: 'Erf',
    since: 9,
    lifts: true,
    vjp: (c) => [
      () => {
        const bell = c.e.unary('Exp', c.e.unary('Neg', c.e.mul(x(c), x(c))))
        return c.e.mul(dy(c), c.e.mul(bell, c.e.scalar(2 / Math.sqrt(Math.PI))))
      },
    ],
  },
  { op: 'Identity', since: 1, lifts: true, moves: true, vjp: (c) => [() => dy(c)] },
  // Of a tensor, which is always there: itself. ONNX OptionalGetElement-18.
  { op: 'OptionalGetElement', since: 18, lifts: true, vjp: (c) => [() => dy(c)] },
  // From an integer or a boolean nothing flows back: it is constant between its steps.
  { op: 'Cast', since: 6, lifts: true, vjp: (c) => [castBack(c)] },
  { op: 'CastLike', since: 15, lifts: true, vjp: (c) => [castBack(c), undefined] },
]

/** Sign of v: −1, 0 or 1, by comparisons (Sign has no WebGPU kernel). */
export function signOf(c: RuleContext, v: Val): Val {
  const zero = c.e.scalar(0)
  return c.e.sub(c.e.indicator(c.e.greater(v, zero)), c.e.indicator(c.e.less(v, zero)))
}

function castBack(c: RuleContext): Thunk | undefined {
  return isFloat(x(c).dtype) && isFloat(output(c).dtype) ? () => c.e.cast(dy(c), x(c).dtype) : undefined
}

/** y = x^p: dx = dy·p·x^(p−1), where p = 0 gives 0 even at x = 0. Short forms for the constant powers that models have. */
function powBase(c: RuleContext): Thunk | undefined {
  const { e } = c
  const p = c.isConstant(1) ? onlyNumber(constantNumbers(c, 1)) : undefined
  if (p === 0) return undefined
  if (p === 1) return () => dy(c)
  if (p === 2) return () => e.mul(dy(c), e.mul(x(c), e.scalar(2)))
  if (p === 3) return () => e.mul(dy(c), e.mul(e.mul(x(c), x(c)), e.scalar(3)))
  if (p === 0.5) return () => e.div(dy(c), e.mul(output(c), e.scalar(2)))
  if (p === -1) return () => e.unary('Neg', e.mul(dy(c), e.mul(output(c), output(c))))
  if (p !== undefined) return () => e.mul(dy(c), e.mul(e.pow(x(c), e.scalar(p - 1)), e.scalar(p)))
  return () => {
    const q = e.cast(input(c, 1), x(c).dtype)
    const slope = e.mul(q, e.pow(x(c), e.sub(q, e.scalar(1))))
    return e.mul(dy(c), e.where(e.equal(q, e.scalar(0)), e.scalar(0), slope))
  }
}

/** dp = dy·y·ln x. At x = 0 it is 0 for p ≥ 0 and −∞ for p < 0, for x < 0 it is not a number, as PyTorch has it. */
function powExponent(c: RuleContext): Thunk | undefined {
  const { e } = c
  const p = input(c, 1)
  if (!isFloat(p.dtype)) return undefined
  return () => {
    const zero = e.scalar(0)
    const slope = e.mul(output(c), e.unary('Log', x(c)))
    const atZero = e.where(e.less(p, zero), slope, zero)
    return e.mul(dy(c), e.where(e.equal(x(c), zero), atZero, slope))
  }
}

/** The number that all entries share. */
function onlyNumber(values: readonly number[] | undefined): number | undefined {
  return values?.every((v) => v === values[0]) ? values[0] : undefined
}

/**
 * Gradients of the largest (smallest) of several inputs: the cotangent goes to the input that wins; inputs that tie share
 * it evenly, as PyTorch has it for two. `loses` tells where an input is behind the output.
 */
function extremum(c: RuleContext, loses: (v: Val, y: Val) => Val): readonly Thunk[] {
  const { e } = c
  if (c.I.length === 1) return [() => dy(c)]
  const y = output(c)
  let known: { readonly losers: readonly Val[]; readonly share: Val } | undefined
  // Made by the first input that is wanted, shared by the others.
  const contest = (): { readonly losers: readonly Val[]; readonly share: Val } => {
    if (known) return known
    const losers = c.I.map((_, i) => loses(input(c, i), y))
    const beaten = losers.map((l) => e.indicator(l)).reduce((a, b) => e.add(a, b))
    known = { losers, share: e.div(dy(c), e.sub(e.scalar(c.I.length), beaten)) }
    return known
  }
  return c.I.map((_, i) => () => {
    const { losers, share } = contest()
    return e.where(losers[i]!, e.scalar(0), share)
  })
}
