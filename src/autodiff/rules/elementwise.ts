import { dy, input, type Rule } from '../rule.js'

/** Elementwise operators of several inputs with broadcasting; the walk sums gradients back to each input's shape. */
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
]
