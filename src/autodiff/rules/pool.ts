import type { Val } from '../../graph/emitter.js'
import { int, ints } from '../../graph/graph.js'
import { sizeOf, tensor } from '../../tensor/tensor.js'
import { dy, input, intOf, intsOf, output, type Rule, type RuleContext } from '../rule.js'
import { offsetsOf, reaching, scatterWindow, type Window, windowOf } from '../window.js'

/** Lower than any number a network makes: padding that is never the maximum. */
const lowest = -3.4e38

/** Pooling over windows and over all of space. x [N, C, *S], y [N, C, *Q]. */
export const pool: readonly Rule[] = [
  { op: 'MaxPool', since: 1, vjp: (c) => [() => maxPool(c)] },
  { op: 'AveragePool', since: 1, vjp: (c) => [() => averagePool(c)] },
  {
    op: 'GlobalAveragePool',
    since: 1,
    vjp: (c) => [() => c.e.mul(c.e.expand(dy(c), input(c, 0).dims), c.e.scalar(1 / sizeOf(input(c, 0).dims.slice(2))))],
  },
  {
    // Equal maxima share the gradient, as torch.amax has it.
    op: 'GlobalMaxPool',
    since: 1,
    vjp: (c) => [
      () => {
        const x = input(c, 0)
        const isMax = c.e.indicator(c.e.equal(x, output(c)))
        const share = c.e.div(dy(c), c.e.reduceSum(isMax, x.dims.map((_, i) => i).slice(2), true))
        return c.e.mul(isMax, share)
      },
    ],
  },
]

function window(c: RuleContext): { window: Window; S: readonly number[]; Q: readonly number[] } {
  const [S, Q] = [input(c, 0).dims.slice(2), dy(c).dims.slice(2)]
  const kernel = intsOf(c, 'kernel_shape', S)
  return { window: reaching(windowOf(c, kernel, S, Q), S, Q), S, Q }
}

/**
 * The gradient goes to the first maximum of each window in row-major order, as PyTorch has it: offset by offset, what equals
 * the maximum and is not taken yet.
 */
function maxPool(c: RuleContext): Val {
  const { window: w, S, Q } = window(c)
  const y = output(c)
  const padded = c.e.pad(input(c, 0), [0, 0, ...w.begin], [0, 0, ...w.end], lowest)
  const axes = S.map((_, i) => i + 2)
  let free: Val | undefined
  const parts = offsetsOf(w.kernel).map((offset) => {
    const starts = offset.map((o, i) => o * w.dilations[i]!)
    const ends = starts.map((s, i) => s + (Q[i]! - 1) * w.strides[i]! + 1)
    const isMax = c.e.indicator(c.e.equal(c.e.slice(padded, axes, starts, ends, w.strides), y))
    const taken = free ? c.e.mul(isMax, free) : isMax
    free = free ? c.e.sub(free, taken) : c.e.sub(c.e.scalar(1), isMax)
    return c.e.mul(dy(c), taken)
  })
  return scatterWindow(c.e, parts, w, S)
}

/** dy divided by the number of elements averaged, spread over each window: a transposed convolution with ones. */
function averagePool(c: RuleContext): Val {
  const { window: w, S, Q } = window(c)
  const C = input(c, 0).dims[1]!
  const counts = tensor('float32', [1, 1, ...Q], countsOf(c, w, S, Q))
  const g = c.e.div(dy(c), c.e.constant(counts, 'counts'))
  const isWhole = S.every((s, i) => s === w.kernel[i] && Q[i] === 1 && w.begin[i] === 0 && w.dilations[i] === 1)
  if (isWhole) return c.e.expand(g, input(c, 0).dims)
  const ones = tensor('float32', [C, 1, ...w.kernel], new Float32Array(C * sizeOf(w.kernel)).fill(1))
  const rest = S.map(
    (s, i) => s - ((Q[i]! - 1) * w.strides[i]! + w.dilations[i]! * (w.kernel[i]! - 1) + 1 - w.begin[i]! - w.end[i]!),
  )
  return c.e.emit('ConvTranspose', [g, c.e.constant(ones, 'ones')], input(c, 0).dims, {
    kernel_shape: ints(w.kernel),
    strides: ints(w.strides),
    dilations: ints(w.dilations),
    group: int(C),
    pads: ints([...w.begin, ...w.end]),
    output_padding: ints(rest),
  })
}

/** Elements that each window averages: those inside the input, or inside input and padding (`count_include_pad`). */
function countsOf(c: RuleContext, w: Window, S: readonly number[], Q: readonly number[]): Float32Array {
  const includesPad = intOf(c, 'count_include_pad', 0) === 1
  // Declared padding, without what ceil_mode reaches beyond.
  const declared = windowOf(c, w.kernel, S, Q)
  const perAxis = S.map((s, i) =>
    Array.from({ length: Q[i]! }, (_, q) => {
      const [low, high] = includesPad ? [-w.begin[i]!, s + declared.end[i]!] : [0, s]
      let count = 0
      for (let k = 0; k < w.kernel[i]!; k++) {
        const at = q * w.strides[i]! - w.begin[i]! + k * w.dilations[i]!
        if (at >= low && at < high) count++
      }
      return count
    }),
  )
  return Float32Array.from(offsetsOf(Q), (at) => at.reduce((n, q, i) => n * perAxis[i]![q]!, 1))
}
