import type { Val } from '../../graph/emitter.js'
import { int, ints } from '../../graph/graph.js'
import { sizeOf, tensor } from '../../tensor/tensor.js'
import { dy, input, intOf, intsOf, output, type Rule, type RuleContext, refuse } from '../rule.js'
import {
  isTiling,
  offsetsOf,
  padTo,
  reaching,
  repeat,
  scatterWindow,
  seenThrough,
  transposed,
  trimmed,
  type Window,
  windowOf,
} from '../window.js'
import { signOf } from './elementwise.js'

/** Lower than any number a network makes: padding that is never the maximum. */
const lowest = -3.4e38

/**
 * Pooling over windows and over all of space. x [N, C, *S], y [N, C, *Q].
 *
 * Where elements tie for a maximum, the first in row-major order gets the whole gradient, as in PyTorch.
 */
export const pool: readonly Rule[] = [
  { op: 'MaxPool', since: 1, vjp: (c) => [() => maxPool(c)] },
  { op: 'AveragePool', since: 1, vjp: (c) => [() => averagePool(c)] },
  {
    op: 'GlobalAveragePool',
    since: 1,
    vjp: (c) => [() => c.e.expand(c.e.mul(dy(c), c.e.scalar(1 / sizeOf(spaceOf(c)))), input(c, 0).dims)],
  },
  { op: 'GlobalMaxPool', since: 1, vjp: (c) => [() => globalMaxPool(c)] },
  { op: 'LpPool', since: 2, vjp: (c) => [() => lpPool(c)] },
  {
    op: 'GlobalLpPool',
    since: 2,
    vjp: (c) => [() => c.e.mul(powerSlope(c, powerOf(c)), overNorm(c, powerOf(c)))],
  },
  { op: 'MaxUnpool', since: 9, vjp: (c) => [() => maxUnpool(c), undefined, undefined] },
]

const spaceOf = (c: RuleContext): readonly number[] => input(c, 0).dims.slice(2)

/** A window and what it goes over; the kernel without what lies behind the input at its only position. */
function window(c: RuleContext): { window: Window; S: readonly number[]; Q: readonly number[] } {
  const [S, Q] = [spaceOf(c), dy(c).dims.slice(2)]
  return { window: reaching(trimmed(declaredWindow(c, S, Q), S, Q), S, Q), S, Q }
}

const declaredWindow = (c: RuleContext, S: readonly number[], Q: readonly number[]): Window =>
  windowOf(c, intsOf(c, 'kernel_shape', S), S, Q)

/** Offset by offset: what equals the maximum and is not taken yet. Needs no output of indices, which WebGPU has not. */
function maxPool(c: RuleContext): Val {
  const { window: w, S, Q } = window(c)
  const y = output(c)
  const padded = c.e.pad(input(c, 0), [0, 0, ...w.begin], [0, 0, ...w.end], lowest)
  let free: Val | undefined
  const parts = seenThrough(c.e, padded, w, Q).map((seen) => {
    const isMax = c.e.indicator(c.e.equal(seen, y))
    const taken = free ? c.e.mul(isMax, free) : isMax
    free = free ? c.e.sub(free, taken) : c.e.sub(c.e.scalar(1), isMax)
    return c.e.mul(dy(c), taken)
  })
  return scatterWindow(c.e, parts, w, S)
}

/** Maxima are numbered from the last to the first, the others are 0: the largest number is the first maximum. */
function globalMaxPool(c: RuleContext): Val {
  const x = input(c, 0)
  const S = spaceOf(c)
  const size = sizeOf(S)
  const numbers = tensor(
    'float32',
    [1, 1, ...S],
    Float32Array.from({ length: size }, (_, i) => size - i),
  )
  const isMax = c.e.indicator(c.e.equal(x, output(c)))
  const rank = c.e.mul(isMax, c.e.constant(numbers, 'numbers'))
  const first = c.e.reduceMax(
    rank,
    S.map((_, i) => i + 2),
    true,
  )
  return c.e.mul(dy(c), c.e.indicator(c.e.equal(rank, first)))
}

/** dy over the number of elements averaged, added up over the windows that saw an element. */
function averagePool(c: RuleContext): Val {
  const [S, Q] = [spaceOf(c), dy(c).dims.slice(2)]
  const counts = tensor('float32', [1, 1, ...Q], countsOf(c, S, Q))
  return sumOverWindows(c, c.e.div(dy(c), c.e.constant(counts, 'counts')))
}

/** y = (Σ|x|ᵖ)^(1/p): dx = sign(x)·|x|^(p−1)·Σ dy·y^(1−p) over the windows that saw x. */
function lpPool(c: RuleContext): Val {
  return c.e.mul(powerSlope(c, powerOf(c)), sumOverWindows(c, overNorm(c, powerOf(c))))
}

function powerOf(c: RuleContext): number {
  const p = intOf(c, 'p', 2)
  return p >= 1 ? p : refuse(c, `p = ${p}`)
}

/** dy·y^(1−p), and 0 where the norm is 0. */
function overNorm(c: RuleContext, p: number): Val {
  if (p === 1) return dy(c)
  const y = output(c)
  const isPositive = c.e.greater(y, c.e.scalar(0))
  const norm = c.e.where(isPositive, y, c.e.scalar(1))
  return c.e.where(isPositive, c.e.div(dy(c), p === 2 ? norm : c.e.pow(norm, c.e.scalar(p - 1))), c.e.scalar(0))
}

/** sign(x)·|x|^(p−1), a p-th of the slope of |x|ᵖ; 0 at 0. */
function powerSlope(c: RuleContext, p: number): Val {
  const x = input(c, 0)
  if (p === 2) return x
  const sign = signOf(c, x)
  return p === 1 ? sign : c.e.mul(sign, c.e.pow(c.e.unary('Abs', x), c.e.scalar(p - 1)))
}

/** The cotangent of each element is where its index put it. */
function maxUnpool(c: RuleContext): Val {
  if (c.I[2]) refuse(c, 'an output_shape')
  const index = input(c, 1)
  return c.e.gather(c.e.reshape(dy(c), [sizeOf(dy(c).dims)]), index, 0)
}

/**
 * g, [N, C, *Q], added up over the windows that saw an element: [N, C, *S]. With stride 1 that is a sum over windows of g
 * itself: an AveragePool times the size of the kernel, three times as fast as a transposed convolution.
 */
function sumOverWindows(c: RuleContext, g: Val): Val {
  const { window: w, S, Q } = window(c)
  const [N, C] = input(c, 0).dims as [number, number]
  const axes = S.map((_, i) => i + 2)
  if (isTiling(w, S, Q)) {
    const isWhole = Q.every((q) => q === 1)
    const tiles = isWhole ? c.e.expand(g, [N, C, ...w.kernel]) : repeat(c.e, g, axes, w.kernel)
    return padTo(c.e, tiles, S)
  }
  if (w.dilations.some((d) => d !== 1)) {
    const parts = offsetsOf(w.kernel).map(() => g)
    return scatterWindow(c.e, parts, w, S)
  }
  if (w.strides.every((s) => s === 1)) {
    const before = w.kernel.map((k, i) => k - 1 - w.begin[i]!)
    const after = w.kernel.map((k, i) => k - 1 - w.end[i]!)
    const mean = c.e.emit('AveragePool', [g], input(c, 0).dims, {
      kernel_shape: ints(w.kernel),
      pads: ints([...before, ...after]),
      count_include_pad: int(1),
    })
    return c.e.mul(mean, c.e.scalar(sizeOf(w.kernel)))
  }
  const ones = tensor('float32', [1, 1, ...w.kernel], new Float32Array(sizeOf(w.kernel)).fill(1))
  return c.e.reshape(transposed(c.e, c.e.reshape(g, [N * C, 1, ...Q]), ones, w, S), [N, C, ...S])
}

/** Elements that each window averages: those inside the input, or inside input and padding (`count_include_pad`). */
function countsOf(c: RuleContext, S: readonly number[], Q: readonly number[]): Float32Array {
  const includesPad = intOf(c, 'count_include_pad', 0) === 1
  // Declared padding, without what ceil_mode reaches beyond.
  const declared = declaredWindow(c, S, Q)
  const perAxis = S.map((s, i) =>
    Array.from({ length: Q[i]! }, (_, q) => {
      const [low, high] = includesPad ? [-declared.begin[i]!, s + declared.end[i]!] : [0, s]
      let count = 0
      for (let k = 0; k < declared.kernel[i]!; k++) {
        const at = q * declared.strides[i]! - declared.begin[i]! + k * declared.dilations[i]!
        if (at >= low && at < high) count++
      }
      return count
    }),
  )
  return Float32Array.from(offsetsOf(Q), (at) => at.reduce((n, q, i) => n * perAxis[i]![q]!, 1))
}
