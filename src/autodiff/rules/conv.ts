import type { Emitter, Factors, Val } from '../../graph/emitter.js'
import { int, ints } from '../../graph/graph.js'
import { sizeOf } from '../../tensor/tensor.js'
import { type Columns, columnsOf } from '../columns.js'
import { crossed } from '../crossed.js'
import { depthwiseProducts } from '../depthwise.js'
import { onesRow, sumOfSquares } from '../ones.js'
import { dy, input, intOf, type Rule, type RuleContext } from '../rule.js'
import { seenThrough, transposedWindowOf, type Window, windowOf } from '../window.js'

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
    vjp: (c) => [() => dataGradient(c), () => scaledGradient(c), () => biasGradient(c)],
    squares: (c) => [undefined, () => scaledSquares(c), undefined],
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
  /** A factor [O] of the gradients of the weight's outputs. */
  readonly scale?: Val
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
  const factors = c.e.factors.of(dy(c))
  return factors ? c.e.mul(c.keepAxes(factors.value, [1], 0), factors.factor) : c.keepAxes(dy(c), [1], 0)
}

/** A weight or its gradient, times [O] along its first axis. */
const byOutput = (e: Emitter, v: Val, factor: Val | undefined): Val =>
  factor ? e.mul(v, e.reshape(factor, [factor.dims[0]!, ...v.dims.slice(1).map(() => 1)])) : v

/**
 * The factors of a cotangent k·g that a batch norm behind the convolution has made, where the weight is smaller than the cotangent: k then goes to the gradient of the
 * weight, and k·g is not written.
 */
function apart(c: RuleContext, v: Convolution): Factors | undefined {
  const isSmaller = 2 * (v.C / v.G) * sizeOf(v.window.kernel) < v.N * v.P
  return isSmaller ? c.e.factors.of(v.g) : undefined
}

function scaledGradient(c: RuleContext): Val {
  const v = convolution(c)
  const factors = c.form === 'sum' ? apart(c, v) : undefined
  return weightGradient(c, factors ? { ...v, g: factors.value, scale: factors.factor } : v)
}

function scaledSquares(c: RuleContext): Val {
  const v = convolution(c)
  const factors = apart(c, v)
  return weightSquares(c, factors ? { ...v, g: factors.value, scale: c.e.mul(factors.factor, factors.factor) } : v)
}

function dataGradient(c: RuleContext): Val {
  const { N, C, O, G, S, Q, window } = convolution(c)
  // A factor of the cotangent's channels is one of the weight's outputs.
  const factors = c.e.factors.of(dy(c))
  const [g, weight] = [factors?.value ?? dy(c), byOutput(c.e, input(c, 1), factors?.factor)]
  const { kernel, strides, dilations, begin, end } = window
  const reach = kernel.map((k, i) => dilations[i]! * (k - 1))
  const [before, after] = [reach.map((r, i) => r - begin[i]!), reach.map((r, i) => r - end[i]!)]
  if (strides.every((s) => s === 1) && [...before, ...after].every((p) => p >= 0)) {
    // Stride 1: a convolution of dy with the flipped kernel, in and out channels exchanged; twice as fast as ConvTranspose.
    const w = c.e.reshape(weight, [G, O / G, C / G, sizeOf(kernel)])
    const reversed = Array.from({ length: sizeOf(kernel) }, (_, i) => sizeOf(kernel) - 1 - i)
    const flipped = c.e.gather(c.e.transpose(w, [0, 2, 1, 3]), c.e.int64s(reversed), 3)
    return c.e.emit('Conv', [g, c.e.reshape(flipped, [C, O / G, ...kernel])], [N, C, ...S], {
      kernel_shape: ints(kernel),
      dilations: ints(dilations),
      group: int(G),
      pads: ints([...before, ...after]),
    })
  }
  const rest = S.map((s, i) => s - ((Q[i]! - 1) * strides[i]! + reach[i]! + 1 - begin[i]! - end[i]!))
  return c.e.emit('ConvTranspose', [g, weight], [N, C, ...S], {
    kernel_shape: ints(kernel),
    strides: ints(strides),
    dilations: ints(dilations),
    group: int(G),
    pads: ints([...begin, ...end]),
    output_padding: ints(rest),
  })
}

/** Gradient of the weight: a sum over the batch, or [N, ...] in the form `each`. */
function weightGradient(c: RuleContext, v: Convolution): Val {
  const { e, x, g, N, O, G, P, Q, window } = v
  if (isDepthwise(v)) {
    const each = isEach(c, 1)
    const products = depthwiseProducts(e, x, g, window, each)
    return depthwiseLayout(v, products, each ? [N] : [])
  }
  if (G > 1) {
    const products = productsByGroup(v)
    if (!isEach(c, 1))
      return groupLayout(
        v,
        products.map((m) => sumOver(e, m)),
        [],
      )
    return groupLayout(v, products, [N])
  }
  const { blocks, order } = columnsOf(e, x, window, Q)
  if (isEach(c, 1)) {
    const cotangents = e.reshape(g, [N, O, P])
    const products = blocks.map((block) => e.matmul(cotangents, block))
    return weightLayout(v, e.concat(products, 2), order)
  }
  // The batch joins the positions in the contraction: one product an offset.
  const spatial = window.kernel.map((_, i) => i + 2)
  const cotangents = e.reshape(e.transpose(g, [1, 0, ...spatial]), [O, N * P])
  const products = blocks.map((block) => e.matmul(cotangents, e.reshape(block, [N * P, block.dims[2]!])))
  return weightLayout(v, e.concat(products, 1), order)
}

/**
 * Largest product of cotangents and columns, in numbers, that is squared and summed as one: a core keeps 1 MiB while
 * it is written, squared and summed (4 MiB: 5 % slower for a ResNet-18 on a core with 2 MiB of cache; no faster elsewhere).
 */
const largestProduct = 2 ** 18

/** Σ_n (dw_n)²: products of an example each, squared and summed in blocks that stay in cache; only sums are put together. */
function weightSquares(c: RuleContext, v: Convolution): Val {
  isEach(c, 1)
  const { e, x, g, N, O, G, P, Q, window } = v
  if (isDepthwise(v)) {
    const products = depthwiseProducts(e, x, g, window, true)
    return depthwiseLayout(v, sumOfSquares(e, products, products.dims.slice(1)), [])
  }
  if (G > 1)
    return groupLayout(
      v,
      productsByGroup(v).map((m) => sumOver(e, e.mul(m, m))),
      [],
    )
  const { blocks, order } = columnsOf(e, x, window, Q)
  if (P === 1) {
    // One position: Σ_n (g_n ⊗ x_n)² is one product of squares, as of a linear layer.
    const [rows, columns] = [e.reshape(g, [N, O]), e.concat(blocks, 2)]
    const inputs = e.reshape(columns, [N, columns.dims[2]!])
    return weightLayout(v, crossed(e, e.mul(rows, rows), e.mul(inputs, inputs)), order)
  }
  const cotangents = e.reshape(g, [N, O, P])
  const sums = blocks
    .flatMap((block) => e.split(block, 2, Math.ceil((N * O * block.dims[2]!) / largestProduct)))
    .map((block) => sumOfSquares(e, e.matmul(cotangents, block), [O, block.dims[2]!]))
  return weightLayout(v, e.concat(sums, 1), order)
}

/** One input channel and one output channel a group. */
const isDepthwise = ({ C, O, G }: Convolution): boolean => G > 1 && G === C && G === O

/** [...lead, K, C] of a depthwise convolution (without lead, [1, K, C] too) in the layout of the weight: [...lead, C, 1, *K]. */
function depthwiseLayout({ e, C, window, scale }: Convolution, products: Val, lead: readonly number[]): Val {
  const stacked = e.reshape(products, [...lead, sizeOf(window.kernel), C])
  return byOutput(e, e.reshape(e.swapLast(stacked), [...lead, C, 1, ...window.kernel]), scale)
}

/** Σ_n of [N, ...], as a row of ones times it: [P]. Faster than ReduceSum. */
function sumOver(e: Emitter, m: Val): Val {
  const n = m.dims[0]!
  const size = sizeOf(m.dims.slice(1))
  return e.reshape(e.matmul(onesRow(e, n), e.reshape(m, [n, size])), [size])
}

/** Numbers of a weight from which on its sums are kept as they are made. */
const largeWeight = 2 ** 16

/** Gradients [...lead, O, C·∏K] with columns in some order, in the layout of the weight: [...lead, O, C, *K]. */
function weightLayout({ e, C, O, window, scale }: Convolution, made: Val, order: Columns['order']): Val {
  const { kernel } = window
  const K = sizeOf(kernel)
  const columns = byOutput(e, made, scale)
  const lead = columns.dims.slice(0, -2)
  if (order === 'CK') return e.reshape(columns, [...lead, O, C, ...kernel])
  const byOffset = e.reshape(columns, [...lead, O, K, C])
  const weight = e.reshape(e.swapLast(byOffset), [...lead, O, C, ...kernel])
  if (lead.length > 0 || K === 1 || sizeOf(weight.dims) < largeWeight) return weight
  return e.pieces.beside(weight, () => [{ value: byOffset, at: 0, strides: [C * K, 1, K] }])
}

/** Products of cotangent and input for each example and group, one an offset: [N, G, O/G, C/G]. */
function productsByGroup({ e, x, g, N, C, O, G, P, Q, window }: Convolution): Val[] {
  const padded = e.pad(x, [0, 0, ...window.begin], [0, 0, ...window.end])
  const cotangents = e.reshape(g, [N, G, O / G, P])
  return seenThrough(e, padded, window, Q).map((seen) =>
    e.matmul(cotangents, e.swapLast(e.reshape(seen, [N, G, C / G, P]))),
  )
}

/** Gradients of `productsByGroup` behind `lead` in the layout of the weight: [...lead, O, C/G, *K]. */
function groupLayout(
  { e, C, O, G, window, scale }: Convolution,
  products: readonly Val[],
  lead: readonly number[],
): Val {
  const single = products.map((m) => e.reshape(m, [...lead, O, C / G, 1]))
  return byOutput(e, e.reshape(e.concat(single, lead.length + 2), [...lead, O, C / G, ...window.kernel]), scale)
}
