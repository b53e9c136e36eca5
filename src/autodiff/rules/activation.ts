import { dy, output, type Rule } from '../rule.js'

/** Elementwise operators of one input. */
export const activation: readonly Rule[] = [
  {
    // y = max(x, 0); the gradient at 0 is 0, as PyTorch has it.
    op: 'Relu',
    since: 6,
    lifts: true,
    vjp: (c) => [() => c.e.mul(dy(c), c.e.indicator(c.e.greater(output(c), c.e.scalar(0))))],
  },
]
