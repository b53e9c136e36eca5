import type { Val } from '../../graph/emitter.js'
import { int, ints } from '../../graph/graph.js'
import { sizeOf } from '../../tensor/tensor.js'
import { onesRow } from '../ones.js'
import { dy, input, intOf, type Rule, type RuleContext, refuse } from '../rule.js'
import { offsetsOf, type Window, windowOf } from '../window.js'

/** Convolutions. Letters: x [N, C, *S], w [O, C/G, *K], y [N, O, *Q], G groups, P = ∏Q positions. ONNX Conv-11. */
export const conv: readonly Rule[] = [
  {
    op: 'Conv',
    since: 1,
    vjp: (c) => [() => dataGradient(c), () => weightGradient(c), () => c.keepAxes(dy(c), [1], 0)],
    squares: (c) => [undefined, c.isShared(0) ? undefined : () => weightSquares(c), undefined],
  },
]

interface Shapes {
  readonly N: number
  readonly C: number
  readonly O: number
  readonly G: number
  readonly S: readonly number[]
  readonly Q: readonly number[]
  readonly P: number
  readonly window: Window
}

function shapes(c: RuleContext): Shapes {
  const [x, w, g] = [input(c, 0), input(c, 1), dy(c)]
  const [S, Q] = [x.dims.slice(2), g.dims.slice(2)]
  return {
    N: x.dims[0]!,
    C: x.dims[1]!,
    O: w.dims[0]!,
    G: intOf(c, 'group', 1),
    S,
    Q,
    P: sizeOf(Q),
    window: windowOf(c, w.dims.slice(2), S, Q),
  }
}

function dataGradient(c: RuleContext): Val {
  const { N, C, O, G, S, Q, window } = shapes(c)
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

/**
 * What each kernel offset sees of x: padded once, then one strided slice an offset. `order` moves the first two axes
 * first (channels in front for contractions over the batch).
 */
function seenByOffset(c: RuleContext, order: 'NC' | 'CN'): Val[] {
  const { Q, window } = shapes(c)
  const { kernel, strides, dilations, begin, end } = window
  const padded = c.e.pad(input(c, 0), [0, 0, ...begin], [0, 0, ...end])
  const axes = kernel.map((_, i) => i + 2)
  const front = order === 'NC' ? padded : c.e.transpose(padded, [1, 0, ...axes])
  return offsetsOf(kernel).map((offset) => {
    const starts = offset.map((k, i) => k * dilations[i]!)
    const ends = starts.map((s, i) => s + (Q[i]! - 1) * strides[i]! + 1)
    return c.e.slice(front, axes, starts, ends, strides)
  })
}

function weightGradient(c: RuleContext): Val {
  if (c.form === 'each' && c.isShared(0)) refuse(c, 'a constant input and a weight')
  const { N, C, O, G, P, window } = shapes(c)
  if (c.form === 'each') {
    const products = productsEach(c)
    return weightLayout(
      c,
      products.map((m) => c.e.reshape(m, [N, m.dims.slice(1).reduce((a, b) => a * b, 1)])),
      [N],
    )
  }
  // Few positions and many channels: a product for each example would be larger than what goes into it, so the batch joins
  // the positions in the contraction. Otherwise products of one example stay in cache and are summed.
  if (P > O)
    return weightLayout(
      c,
      productsEach(c).map((m) => sumOver(c, m)),
      [],
    )
  const spatial = window.kernel.map((_, i) => i + 2)
  const g = c.e.reshape(c.e.transpose(dy(c), [1, 0, ...spatial]), [G, O / G, N * P])
  const products = seenByOffset(c, 'CN').map((x) => {
    const flat = c.e.reshape(x, [G, C / G, N * P])
    return c.e.reshape(c.e.matmul(g, c.e.swapLast(flat)), [O, C / G, 1])
  })
  return c.e.reshape(c.e.concat(products, 2), [O, C / G, ...window.kernel])
}

/** Σ_n (dw_n)², each block of offsets squared and summed by itself: its products stay in cache, and only sums are concatenated. */
function weightSquares(c: RuleContext): Val {
  return weightLayout(
    c,
    productsEach(c).map((m) => sumOver(c, c.e.mul(m, m))),
    [],
  )
}

/** Σ_n of [N, ...], as a row of ones times it: [P]. Faster than ReduceSum. */
function sumOver(c: RuleContext, m: Val): Val {
  const n = m.dims[0]!
  const size = sizeOf(m.dims.slice(1))
  return c.e.reshape(c.e.matmul(onesRow(c.e, n), c.e.reshape(m, [n, size])), [size])
}

/**
 * Products of cotangent and input for each example. Without groups one block for each offset of the outer kernel axes, the
 * offsets of the last axis side by side: [N, O, K_last·C], which needs K_last slices where one an offset would need them
 * all. With groups one block an offset: [N, G, O/G, C/G].
 */
function productsEach(c: RuleContext): Val[] {
  const { N, C, O, G, P } = shapes(c)
  if (G > 1) {
    const g = c.e.reshape(dy(c), [N, G, O / G, P])
    return seenByOffset(c, 'NC').map((x) => c.e.matmul(g, c.e.swapLast(c.e.reshape(x, [N, G, C / G, P]))))
  }
  const g = c.e.reshape(dy(c), [N, O, P])
  return seenByRow(c).map((x) => c.e.matmul(g, c.e.swapLast(c.e.reshape(x, [N, x.dims[1]!, P]))))
}

/** Blocks of `productsEach`, flattened behind `lead`, as one tensor in the layout of the weight: [...lead, O, C/G, *K]. */
function weightLayout(c: RuleContext, blocks: readonly Val[], lead: readonly number[]): Val {
  const { C, O, G, window } = shapes(c)
  const { kernel } = window
  const n = lead.length
  if (G > 1) {
    const columns = blocks.map((m) => c.e.reshape(m, [...lead, O, C / G, 1]))
    return c.e.reshape(c.e.concat(columns, n + 2), [...lead, O, C / G, ...kernel])
  }
  const rows = blocks.map((m) => c.e.reshape(m, [...lead, O, 1, kernel.at(-1)! * C]))
  const stacked = c.e.reshape(c.e.concat(rows, n + 1), [...lead, O, sizeOf(kernel), C])
  return c.e.reshape(c.e.swapLast(stacked), [...lead, O, C, ...kernel])
}

/**
 * What each offset of the outer kernel axes sees of x, all offsets of the last axis side by side on the channel axis:
 * [N, K_last·C, *Q] for each outer offset.
 */
function seenByRow(c: RuleContext): Val[] {
  const { Q, window } = shapes(c)
  const { kernel, strides, dilations, begin, end } = window
  const rank = kernel.length
  const last = rank - 1
  const padded = c.e.pad(input(c, 0), [0, 0, ...begin], [0, 0, ...end])
  const range = (offset: number, i: number): [number, number] => {
    const start = offset * dilations[i]!
    return [start, start + (Q[i]! - 1) * strides[i]! + 1]
  }
  const columns = Array.from({ length: kernel[last]! }, (_, k) => {
    const [start, stop] = range(k, last)
    return c.e.slice(padded, [last + 2], [start], [stop], [strides[last]!])
  })
  const wide = c.e.concat(columns, 1)
  const axes = Array.from({ length: last }, (_, i) => i + 2)
  return offsetsOf(kernel.slice(0, -1)).map((offset) => {
    const ranges = offset.map((k, i) => range(k, i))
    return c.e.slice(
      wide,
      axes,
      ranges.map(([start]) => start),
      ranges.map(([, stop]) => stop),
      strides.slice(0, last),
    )
  })
}
