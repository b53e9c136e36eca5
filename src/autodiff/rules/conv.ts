import type { Emitter, Val } from '../../graph/emitter.js'
import { int, ints } from '../../graph/graph.js'
import { sizeOf } from '../../tensor/tensor.js'
import { onesRow } from '../ones.js'
import { dy, input, intOf, type Rule, type RuleContext } from '../rule.js'
import { offsetsOf, seenThrough, transposedWindowOf, type Window, windowOf } from '../window.js'

/**
 * Convolutions. Letters: x [N, C, *S], w [O, C/G, *K], y [N, O, *Q], G groups, P = ∏Q positions. ONNX Conv-11,
 * ConvTranspose-11.
 *
 * A transposed convolution y = wᵀ·x is the data gradient of a convolution that takes y to x. So dx is that convolution of dy,
 * and dw the convolution's weight gradient, with dy where the convolution has x and with x where it has dy.
 */
export const conv: readonly Rule[] = [
  {
    op: 'Conv',
    since: 1,
    vjp: (c) => [() => dataGradient(c), () => weightGradient(c, convolution(c)), () => biasGradient(c)],
    squares: (c) => [undefined, () => weightSquares(c, convolution(c)), undefined],
  },
  {
    op: 'ConvTranspose',
    since: 1,
    vjp: (c) => [() => untransposed(c), () => weightGradient(c, transposition(c)), () => biasGradient(c)],
    squares: (c) => [undefined, () => weightSquares(c, transposition(c)), undefined],
  },
]

/** What a weight gradient is made of: `x` is seen through the window, `g` has one value for each position of it. */
interface Convolution {
  readonly e: Emitter
  readonly x: Val
  readonly g: Val
  readonly N: number
  readonly C: number
  readonly O: number
  readonly G: number
  readonly S: readonly number[]
  readonly Q: readonly number[]
  readonly P: number
  readonly window: Window
}

function convolutionOf(c: RuleContext, x: Val, g: Val, window: Window): Convolution {
  const [S, Q] = [x.dims.slice(2), g.dims.slice(2)]
  const [N, C, O] = [x.dims[0]!, x.dims[1]!, input(c, 1).dims[0]!]
  return { e: c.e, x, g, N, C, O, G: intOf(c, 'group', 1), S, Q, P: sizeOf(Q), window }
}

function convolution(c: RuleContext): Convolution {
  const [x, g] = [input(c, 0), dy(c)]
  return convolutionOf(c, x, g, windowOf(c, input(c, 1).dims.slice(2), x.dims.slice(2), g.dims.slice(2)))
}

/** dy without what `output_padding` added behind the last window: nothing of x lies there. */
function transposition(c: RuleContext): Convolution {
  const window = transposedWindowOf(c, input(c, 1).dims.slice(2), input(c, 0).dims.slice(2), dy(c).dims.slice(2))
  const sizes = dy(c)
    .dims.slice(2)
    .map((s, i) => s + Math.min(window.end[i]!, 0))
  const axes = sizes.map((_, i) => i + 2)
  const seen = c.e.slice(
    dy(c),
    axes,
    sizes.map(() => 0),
    sizes,
  )
  return convolutionOf(c, seen, input(c, 0), { ...window, end: window.end.map((e) => Math.max(e, 0)) })
}

/** The convolution that is transposed, of dy. */
function untransposed(c: RuleContext): Val {
  const { x: g, G, window } = transposition(c)
  return c.e.emit('Conv', [g, input(c, 1)], input(c, 0).dims, {
    kernel_shape: ints(window.kernel),
    strides: ints(window.strides),
    dilations: ints(window.dilations),
    group: int(G),
    pads: ints([...window.begin, ...window.end]),
  })
}

/** True where input i is to be kept apart by examples. A convolution counts them by its first axis and no other. */
function isEach(c: RuleContext, i: number): boolean {
  if (c.form !== 'each' || !c.isShared(i)) return false
  return c.batchAxis() === 0 || c.loseBatchAxis()
}

function biasGradient(c: RuleContext): Val {
  isEach(c, 2)
  return c.keepAxes(dy(c), [1], 0)
}

function dataGradient(c: RuleContext): Val {
  const { N, C, O, G, S, Q, window } = convolution(c)
  const { kernel, strides, dilations, begin, end } = window
  const reach = kernel.map((k, i) => dilations[i]! * (k - 1))
  const [before, after] = [reach.map((r, i) => r - begin[i]!), reach.map((r, i) => r - end[i]!)]
  if (strides.every((s) => s === 1) && [...before, ...after].every((p) => p >= 0)) {
    // Stride 1: a convolution of dy with the flipped kernel, in and out channels exchanged; twice as fast as ConvTranspose.
    const w = c.e.reshape(input(c, 1), [G, O / G, C / G, sizeOf(kernel)])
    const reversed = Array.from({ length: sizeOf(kernel) }, (_, i) => sizeOf(kernel) - 1 - i)
    const flipped = c.e.gather(c.e.transpose(w, [0, 2, 1, 3]), c.e.int64s(reversed), 3)
    return c.e.emit('Conv', [dy(c), c.e.reshape(flipped, [C, O / G, ...kernel])], [N, C, ...S], {
      kernel_shape: ints(kernel),
      dilations: ints(dilations),
      group: int(G),
      pads: ints([...before, ...after]),
    })
  }
  const rest = S.map((s, i) => s - ((Q[i]! - 1) * strides[i]! + reach[i]! + 1 - begin[i]! - end[i]!))
  return c.e.emit('ConvTranspose', [dy(c), input(c, 1)], [N, C, ...S], {
    kernel_shape: ints(kernel),
    strides: ints(strides),
    dilations: ints(dilations),
    group: int(G),
    pads: ints([...begin, ...end]),
    output_padding: ints(rest),
  })
}

/** What each kernel offset sees of x; `order` moves the first two axes first (channels in front for contractions over the batch). */
function seenByOffset({ e, x, Q, window }: Convolution, order: 'NC' | 'CN'): Val[] {
  const padded = e.pad(x, [0, 0, ...window.begin], [0, 0, ...window.end])
  const axes = window.kernel.map((_, i) => i + 2)
  return seenThrough(e, order === 'NC' ? padded : e.transpose(padded, [1, 0, ...axes]), window, Q)
}

function weightGradient(c: RuleContext, v: Convolution): Val {
  const { e, N, C, O, G, P, window } = v
  if (isEach(c, 1)) {
    const products = productsEach(v)
    return weightLayout(
      v,
      products.map((m) => e.reshape(m, [N, m.dims.slice(1).reduce((a, b) => a * b, 1)])),
      [N],
    )
  }
  // Few positions and many channels: a product for each example would be larger than what goes into it, so the batch joins
  // the positions in the contraction. Otherwise products of one example stay in cache and are summed.
  if (P > O)
    return weightLayout(
      v,
      productsEach(v).map((m) => sumOver(e, m)),
      [],
    )
  const spatial = window.kernel.map((_, i) => i + 2)
  const g = e.reshape(e.transpose(v.g, [1, 0, ...spatial]), [G, O / G, N * P])
  const products = seenByOffset(v, 'CN').map((x) => {
    const flat = e.reshape(x, [G, C / G, N * P])
    return e.reshape(e.matmul(g, e.swapLast(flat)), [O, C / G, 1])
  })
  return e.reshape(e.concat(products, 2), [O, C / G, ...window.kernel])
}

/** Σ_n (dw_n)², each block of offsets squared and summed by itself: its products stay in cache, and only sums are concatenated. */
function weightSquares(c: RuleContext, v: Convolution): Val {
  isEach(c, 1)
  return weightLayout(
    v,
    productsEach(v).map((m) => sumOver(v.e, v.e.mul(m, m))),
    [],
  )
}

/** Σ_n of [N, ...], as a row of ones times it: [P]. Faster than ReduceSum. */
function sumOver(e: Emitter, m: Val): Val {
  const n = m.dims[0]!
  const size = sizeOf(m.dims.slice(1))
  return e.reshape(e.matmul(onesRow(e, n), e.reshape(m, [n, size])), [size])
}

/**
 * Products of cotangent and input for each example. Without groups one block for each offset of the outer kernel axes, the
 * offsets of the last axis side by side: [N, O, K_last·C], which needs K_last slices where one an offset would need them
 * all. With groups one block an offset: [N, G, O/G, C/G].
 */
function productsEach(v: Convolution): Val[] {
  const { e, N, C, O, G, P } = v
  if (G > 1) {
    const g = e.reshape(v.g, [N, G, O / G, P])
    return seenByOffset(v, 'NC').map((x) => e.matmul(g, e.swapLast(e.reshape(x, [N, G, C / G, P]))))
  }
  const g = e.reshape(v.g, [N, O, P])
  return seenByRow(v).map((x) => e.matmul(g, e.swapLast(e.reshape(x, [N, x.dims[1]!, P]))))
}

/** Blocks of `productsEach`, flattened behind `lead`, as one tensor in the layout of the weight: [...lead, O, C/G, *K]. */
function weightLayout({ e, C, O, G, window }: Convolution, blocks: readonly Val[], lead: readonly number[]): Val {
  const { kernel } = window
  const n = lead.length
  if (G > 1) {
    const columns = blocks.map((m) => e.reshape(m, [...lead, O, C / G, 1]))
    return e.reshape(e.concat(columns, n + 2), [...lead, O, C / G, ...kernel])
  }
  const rows = blocks.map((m) => e.reshape(m, [...lead, O, 1, kernel.at(-1)! * C]))
  const stacked = e.reshape(e.concat(rows, n + 1), [...lead, O, sizeOf(kernel), C])
  return e.reshape(e.swapLast(stacked), [...lead, O, C, ...kernel])
}

/**
 * What each offset of the outer kernel axes sees of x, all offsets of the last axis side by side on the channel axis:
 * [N, K_last·C, *Q] for each outer offset.
 */
function seenByRow({ e, x, Q, window }: Convolution): Val[] {
  const { kernel, strides, dilations, begin, end } = window
  const rank = kernel.length
  const last = rank - 1
  const padded = e.pad(x, [0, 0, ...begin], [0, 0, ...end])
  const range = (offset: number, i: number): [number, number] => {
    const start = offset * dilations[i]!
    return [start, start + (Q[i]! - 1) * strides[i]! + 1]
  }
  const columns = Array.from({ length: kernel[last]! }, (_, k) => {
    const [start, stop] = range(k, last)
    return e.slice(padded, [last + 2], [start], [stop], [strides[last]!])
  })
  const wide = e.concat(columns, 1)
  const axes = Array.from({ length: last }, (_, i) => i + 2)
  return offsetsOf(kernel.slice(0, -1)).map((offset) => {
    const ranges = offset.map((k, i) => range(k, i))
    return e.slice(
      wide,
      axes,
      ranges.map(([start]) => start),
      ranges.map(([, stop]) => stop),
      strides.slice(0, last),
    )
  })
}
