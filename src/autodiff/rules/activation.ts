import type { Emitter, Val } from '../../graph/emitter.js'
import { float } from '../../graph/graph.js'
import { toNumbers } from '../../tensor/tensor.js'
import { geluBack } from '../gelu.js'
import {
  constantNumbers,
  dy,
  floatOf,
  input,
  output,
  type Rule,
  type RuleContext,
  refuse,
  type Thunk,
  textOf,
  x,
} from '../rule.js'

/** Activation functions. What the gradient is at a kink follows PyTorch; `test/autodiff/conventions.test.ts` has each. */
export const activation: readonly Rule[] = [
  // y = max(x, 0); the gradient at 0 is 0.
  slope('Relu', 6, (c) => aboveZero(c.e, output(c))),
  // α·x left of 0; the gradient at 0 is α.
  slope('LeakyRelu', 6, (c) => rightOfZero(c, c.e.scalar(1), c.e.scalar(floatOf(c, 'alpha', 0.01)))),
  {
    // y = s·x left of 0 with a trained s; the gradient at 0 is s. ds = dy·x left of 0.
    op: 'PRelu',
    since: 7,
    lifts: true,
    vjp: (c) => [
      () => rightOfZero(c, dy(c), c.e.mul(dy(c), input(c, 1))),
      () => rightOfZero(c, c.e.scalar(0), c.e.mul(dy(c), x(c))),
    ],
  },
  // x where x > α, else 0; the gradient at α is 0.
  slope('ThresholdedRelu', 10, (c) => c.e.indicator(c.e.greater(x(c), c.e.scalar(floatOf(c, 'alpha', 1))))),
  // x moved towards 0 by the bias where |x| > λ, else 0; the gradient at ±λ is 0.
  slope('Shrink', 9, (c) => c.e.indicator(c.e.greater(c.e.unary('Abs', x(c)), c.e.scalar(floatOf(c, 'lambd', 0.5))))),
  {
    // y = α·(exp(x) − 1) left of 0: dy/dx = y + α; the gradient at 0 is α.
    op: 'Elu',
    since: 6,
    lifts: true,
    vjp: (c) => [
      () => {
        const left = c.e.add(output(c), c.e.scalar(floatOf(c, 'alpha', 1)))
        return c.e.mul(dy(c), rightOfZero(c, c.e.scalar(1), left))
      },
    ],
  },
  {
    // y = γ·Elu(x): dy/dx = y + γ·α left of 0 and γ right of it. Defaults of ONNX Selu-6.
    op: 'Selu',
    since: 6,
    lifts: true,
    vjp: (c) => [
      () => {
        const alpha = floatOf(c, 'alpha', 1.6732632423543772)
        const gamma = floatOf(c, 'gamma', 1.0507009873554805)
        const left = c.e.add(output(c), c.e.scalar(gamma * alpha))
        return c.e.mul(dy(c), rightOfZero(c, c.e.scalar(gamma), left))
      },
    ],
  },
  // y = α·(exp(x/α) − 1) left of 0: dy/dx = y/α + 1.
  slope('Celu', 12, (c) => {
    const left = c.e.add(c.e.div(output(c), c.e.scalar(floatOf(c, 'alpha', 1))), c.e.scalar(1))
    return rightOfZero(c, c.e.scalar(1), left)
  }),
  // y(1 − y)
  slope('Sigmoid', 6, (c) => c.e.mul(output(c), c.e.sub(c.e.scalar(1), output(c)))),
  // 1 − y²
  slope('Tanh', 6, (c) => c.e.sub(c.e.scalar(1), c.e.mul(output(c), output(c)))),
  slope('Softplus', 1, (c) => c.e.unary('Sigmoid', x(c))),
  // y = x/(1 + |x|): dy/dx = 1/(1 + |x|)²
  slope('Softsign', 1, (c) => {
    const t = c.e.add(c.e.unary('Abs', x(c)), c.e.scalar(1))
    return c.e.unary('Reciprocal', c.e.mul(t, t))
  }),
  // y = max(0, min(1, α·x + β)): α strictly inside, 0 on the bounds.
  slope('HardSigmoid', 6, (c) => {
    const inside = c.e.mul(
      c.e.indicator(c.e.greater(output(c), c.e.scalar(0))),
      c.e.indicator(c.e.less(output(c), c.e.scalar(1))),
    )
    return c.e.mul(inside, c.e.scalar(floatOf(c, 'alpha', 0.2)))
  }),
  // y = x·max(0, min(1, x/6 + 1/2)): x/3 + 1/2 inside; 0 at −3, 1 at 3.
  slope('HardSwish', 14, (c) => {
    const inside = c.e.add(c.e.mul(x(c), c.e.scalar(1 / 3)), c.e.scalar(0.5))
    const atMostOne = c.e.where(c.e.less(x(c), c.e.scalar(3)), inside, c.e.scalar(1))
    return c.e.where(c.e.greater(x(c), c.e.scalar(-3)), atMostOne, c.e.scalar(0))
  }),
  {
    op: 'Gelu',
    since: 20,
    lifts: true,
    vjp: (c) => {
      const mode = textOf(c, 'approximate', 'none')
      if (mode === 'none') return [() => exactGelu(c)]
      if (mode === 'tanh') return [() => c.e.mul(dy(c), tanhGelu(c))]
      return refuse(c, `approximate "${mode}"`)
    },
  },
  // y = x·σ(αx): dy/dx = s + αy(1 − s) with s = σ(αx)
  slope('Swish', 24, (c) => {
    const alpha = c.e.scalar(floatOf(c, 'alpha', 1))
    const s = c.e.unary('Sigmoid', c.e.mul(x(c), alpha))
    return c.e.add(s, c.e.mul(c.e.mul(output(c), alpha), c.e.sub(c.e.scalar(1), s)))
  }),
  // y = x·t with t = tanh(softplus(x)): dy/dx = t + x·σ(x)·(1 − t²)
  slope('Mish', 18, (c) => {
    const t = c.e.unary('Tanh', c.e.unary('Softplus', x(c)))
    const inner = c.e.mul(c.e.mul(x(c), c.e.unary('Sigmoid', x(c))), c.e.sub(c.e.scalar(1), c.e.mul(t, t)))
    return c.e.add(t, inner)
  }),
  {
    op: 'Clip',
    since: 6,
    until: 10,
    lifts: true,
    vjp: (c) => {
      // Without the attribute nothing is out of bounds.
      const bound = (name: 'min' | 'max'): Val | undefined => c.node.attributes[name] && c.e.scalar(floatOf(c, name, 0))
      const isRelu6 = bound('min') && floatOf(c, 'min', 0) === 0 && floatOf(c, 'max', 0) === 6
      return [() => (isRelu6 ? relu6(c) : inBounds(c, bound('min'), bound('max')))]
    },
  },
  {
    // y = min(max(x, low), high). Where the bounds cross, y = high. Constants 0 and 6 are what ReLU6 is exported as.
    op: 'Clip',
    since: 11,
    lifts: true,
    vjp: (c) => {
      const [low, high] = [c.I[1], c.I[2]]
      const is = (i: number, value: number): boolean => c.isConstant(i) && constantNumbers(c, i)?.[0] === value
      return [
        () => (is(1, 0) && is(2, 6) ? relu6(c) : inBounds(c, low, high)),
        low && (() => atLow(c, low, high)),
        high && (() => atHigh(c, low, high)),
      ]
    },
  },
  { op: 'Dropout', since: 7, until: 11, lifts: true, vjp: (c) => [() => dy(c)] },
  {
    // The ratio does nothing in inference.
    op: 'Dropout',
    since: 12,
    lifts: true,
    vjp: (c) => {
      const training = c.constant(2)
      if (training && toNumbers(training)[0] !== 0) refuse(c, 'training_mode')
      return [() => dy(c)]
    },
  },
]

/** A rule for a function of one number: dx = dy·y′. */
function slope(op: string, since: number, derivative: (c: RuleContext) => Val): Rule {
  const vjp = (c: RuleContext): Thunk[] => [() => c.e.mul(dy(c), derivative(c))]
  return { op, since, lifts: true, vjp }
}

/**
 * 1 where y > 0, for y ≥ 0, in one operator instead of a comparison and its cast: min(1, 2¹⁰⁰·y). That is 1 for every y from 8e-31 on, and no y below 2.6e8 leaves
 * what float32 holds on the way.
 */
function aboveZero(e: Emitter, y: Val): Val {
  return e.unary('HardSigmoid', y, { alpha: float(2 ** 100), beta: float(0) })
}

/** `right` where x > 0, else `left`. */
function rightOfZero(c: RuleContext, right: Val, left: Val): Val {
  return c.e.where(c.e.greater(x(c), c.e.scalar(0)), right, left)
}

/** y = x·Φ(x), with Φ of the standard normal: x/2·(1 + erf(x/√2)). */
function exactGelu(c: RuleContext): Val {
  const { e } = c
  const u = e.mul(x(c), e.scalar(Math.SQRT1_2))
  return geluBack(e, dy(c), u, e.add(e.unary('Erf', u), e.scalar(1)))
}

/** y = x/2·(1 + t), t = tanh(√(2/π)·(x + a·x³)), a = 0.044715: (1 + t)/2 + x/2·(1 − t²)·√(2/π)·(1 + 3a·x²). */
function tanhGelu(c: RuleContext): Val {
  const { e } = c
  const k = Math.sqrt(2 / Math.PI)
  const square = e.mul(x(c), x(c))
  const bent = e.add(e.mul(square, e.scalar(0.044715 * k)), e.scalar(k))
  const t = e.unary('Tanh', e.mul(x(c), bent))
  const rate = e.add(e.mul(square, e.scalar(3 * 0.044715 * k)), e.scalar(k))
  const inner = e.mul(e.mul(x(c), rate), e.sub(e.scalar(1), e.mul(t, t)))
  return e.mul(e.add(e.add(t, e.scalar(1)), inner), e.scalar(0.5))
}

/** dy where 0 < y < 6, which is where x is: not on the bounds, as PyTorch's relu6 and TensorFlow's. */
function relu6(c: RuleContext): Val {
  const { e } = c
  const inside = e.and(e.greater(output(c), e.scalar(0)), e.less(output(c), e.scalar(6)))
  return e.mul(dy(c), e.indicator(inside))
}

/** dy where low ≤ x ≤ high: on the bounds too, as PyTorch's clamp (not its hardtanh, which gives 0 there). */
function inBounds(c: RuleContext, low: Val | undefined, high: Val | undefined): Val {
  const [below, above] = [low && c.e.less(x(c), low), high && c.e.greater(x(c), high)]
  const outside = below && above ? c.e.or(below, above) : (below ?? above)
  // A product with 0 and 1 takes two thirds of the time of two choices by Where.
  return outside ? c.e.mul(dy(c), c.e.indicator(c.e.not(outside))) : dy(c)
}

function atLow(c: RuleContext, low: Val, high: Val | undefined): Val {
  const below = c.e.where(c.e.less(x(c), low), dy(c), c.e.scalar(0))
  return high ? c.e.where(c.e.less(high, low), c.e.scalar(0), below) : below
}

function atHigh(c: RuleContext, low: Val | undefined, high: Val): Val {
  const above = c.e.where(c.e.greater(x(c), high), dy(c), c.e.scalar(0))
  return low ? c.e.where(c.e.less(high, low), dy(c), above) : above
}
