import type { Val } from '../../graph/emitter.js'
import { int } from '../../graph/graph.js'
import { tensor } from '../../tensor/tensor.js'
import { constantNumbers, dy, input, intOf, positiveAxis, type Rule, type RuleContext, x } from '../rule.js'

/** Along an axis in order: running sums, sequences turned around, ranges. */
export const sequence: readonly Rule[] = [
  {
    // An element is in its own sum (unless `exclusive`) and in those behind it: the sum of dy in the other direction.
    op: 'CumSum',
    since: 11,
    lifts: true,
    vjp: (c) => [() => cumulate(c), undefined],
  },
  {
    op: 'CumProd',
    since: 26,
    lifts: true,
    vjp: (c) => [() => cumulateProducts(c), undefined],
  },
  {
    // The turn of the first sequence_lens[i] elements is its own inverse. ONNX ReverseSequence-10.
    op: 'ReverseSequence',
    since: 10,
    vjp: (c) => [() => c.e.emit('ReverseSequence', [dy(c), input(c, 1)], x(c).dims, c.node.attributes), undefined],
  },
  {
    // y_i = start + i·delta; the limit decides only how many there are. ONNX Range-11.
    op: 'Range',
    since: 11,
    lifts: true,
    vjp: (c) => {
      const at = c.lead.length
      const n = c.O[0]?.dims[0] ?? 0
      const steps = (): Val => {
        const counts = { dtype: 'float32' as const, dims: [n], data: Float32Array.from({ length: n }, (_, i) => i) }
        return c.e.constant(counts, 'steps')
      }
      return [() => c.e.reduceSum(dy(c), [at]), undefined, () => c.e.reduceSum(c.e.mul(dy(c), steps()), [at])]
    },
  },
]

const axisOf = (c: RuleContext): number => positiveAxis(constantNumbers(c, 1)?.[0] ?? 0, x(c).dims.length)

/**
 * y_k = Π_{j ≤ k} x_j: dx_i = (Π_{j < i} x_j)·Σ_{k ≥ i} dy_k·Π_{i < j ≤ k} x_j, exact with zeros. The products of the second factor
 * are a matrix over (i, k): running products of x with ones up to i.
 */
function cumulateProducts(c: RuleContext): Val {
  const { e } = c
  const lead = c.lead.length
  const rank = x(c).dims.length
  const order = [...[...Array(rank).keys()].filter((i) => i !== axisOf(c)), axisOf(c)]
  const last = e.transpose(x(c), order)
  const n = last.dims.at(-1)!
  const [exclusive, reverse] = [intOf(c, 'exclusive', 0), intOf(c, 'reverse', 0)]
  const products = (v: Val, exclusive: number): Val =>
    e.emit('CumProd', [v, e.int64s([v.dims.length - 1])], v.dims, { exclusive: int(exclusive), reverse: int(reverse) })
  // How far k (or j) is behind i.
  const mask = (from: number): Val => {
    const behind = (at: number): number => ((at % n) - Math.floor(at / n)) * (reverse ? -1 : 1)
    const bits = Uint8Array.from({ length: n * n }, (_, at) => Number(behind(at) >= from))
    return e.constant(tensor('bool', [n, n], bits), 'behind')
  }
  const rows = e.where(mask(1), e.reshape(last, [...last.dims.slice(0, -1), 1, n]), e.scalar(1))
  const between = e.where(mask(exclusive), products(rows, exclusive), e.scalar(0))
  const g = e.transpose(dy(c), [...c.lead.keys(), ...order.map((i) => i + lead)])
  const sums = e.reshape(e.matmul(between, e.reshape(g, [...g.dims, 1])), g.dims)
  const back = order.map((_, i) => order.indexOf(i) + lead)
  return e.transpose(e.mul(products(last, 1), sums), [...c.lead.keys(), ...back])
}

function cumulate(c: RuleContext): Val {
  const at = c.e.int64s([axisOf(c) + c.lead.length])
  return c.e.emit('CumSum', [dy(c), at], dy(c).dims, {
    exclusive: int(intOf(c, 'exclusive', 0)),
    reverse: int(1 - intOf(c, 'reverse', 0)),
  })
}
