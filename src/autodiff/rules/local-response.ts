import type { Val } from '../../graph/emitter.js'
import { dy, floatOf, intOf, type Rule, type RuleContext, x } from '../rule.js'

/** Normalisation by neighbouring channels. */
export const localResponse: readonly Rule[] = [
  {
    // y = x·D^−β with D = bias + α/size·Σ x² over the window of a channel:
    // dx = dy·D^−β − 2αβ/size·x·Σ dy·x·D^(−β−1) over the channels in whose windows x is. ONNX LRN-13.
    op: 'LRN',
    since: 1,
    vjp: (c) => [() => localResponseBack(c)],
  },
]

function localResponseBack(c: RuleContext): Val {
  const { e } = c
  const size = intOf(c, 'size', 1)
  const [alpha, beta] = [floatOf(c, 'alpha', 1e-4), floatOf(c, 'beta', 0.75)]
  const [below, above] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)]
  const sums = windowSum(c, e.mul(x(c), x(c)), below, above)
  const D = e.add(e.mul(sums, e.scalar(alpha / size)), e.scalar(floatOf(c, 'bias', 1)))
  const direct = e.mul(dy(c), e.pow(D, e.scalar(-beta)))
  const turned = windowSum(c, e.div(e.mul(direct, x(c)), D), above, below)
  return e.sub(direct, e.mul(e.mul(x(c), turned), e.scalar((2 * alpha * beta) / size)))
}

/** Sum over the channels from c − below to c + above, as shifted slices. */
function windowSum(c: RuleContext, v: Val, below: number, above: number): Val {
  const { e } = c
  const C = v.dims[1]!
  const [b, a] = [Math.min(below, C - 1), Math.min(above, C - 1)]
  const zeros = v.dims.map(() => 0)
  const padded = e.pad(v, zeros.with(1, b), zeros.with(1, a))
  return Array.from({ length: b + a + 1 }, (_, k) => e.slice(padded, [1], [k], [k + C])).reduce((s, w) => e.add(s, w))
}
