import type { Emitter, Val } from '../../graph/emitter.js'
import { tensor } from '../../tensor/tensor.js'
import { crossed, crossedInBlocks, inPieces, largestProducts } from '../crossed.js'
import { sumOfSquares } from '../ones.js'
import { sumTo } from '../reduce-to.js'
import { dy, floatOf, input, intOf, output, type Rule, type RuleContext, refuse } from '../rule.js'

/** Matrix products and determinants. */
export const linear: readonly Rule[] = [
  {
    // Y [M, O] = α·A'·B' + β·C with A' [M, K] = A or Aᵀ and B' [K, O] = B or Bᵀ. ONNX Gemm-13.
    op: 'Gemm',
    since: 7,
    lifts: true,
    vjp: (c) => [() => gemmA(c), () => gemmB(c), () => scaled(c, dy(c), floatOf(c, 'beta', 1))],
    squares: (c) => [
      undefined,
      isWeight(c) && c.batchAxis() === 0 ? () => laidOut(c, squaresOfRows(c, rows(c), gemmDy(c))) : undefined,
    ],
  },
  {
    // Y = A·B over the last two axes, leading axes broadcast; a 1-D operand gains an axis and loses it again. ONNX MatMul-13.
    op: 'MatMul',
    since: 1,
    lifts: true,
    vjp: (c) => [() => matmulA(c), () => matmulB(c)],
    squares: (c) => [undefined, isWeight(c) ? () => matmulSquares(c) : undefined],
  },
  // d det(X)/dX = cof(X), also where X has no inverse. X [*, n, n]. ONNX Det-11.
  { op: 'Det', since: 11, lifts: true, vjp: (c) => [() => detGradient(c)] },
]

/** Largest matrix whose minors, n²·(n − 1)² numbers, are written out. */
const largestDet = 16

/** dy times the determinants of what is left without row i and column j, signs like a chessboard. */
function detGradient(c: RuleContext): Val {
  const { e } = c
  const dims = input(c, 0).dims
  const [rest, n] = [dims.slice(0, -2), dims.at(-1)!]
  if (n > largestDet) refuse(c, `matrices of ${n} rows (more than ${largestDet})`)
  const g = e.reshape(dy(c), [...dy(c).dims, 1, 1])
  if (n === 1) return g
  const without = (left: number): number[] => [...Array(n).keys()].filter((i) => i !== left)
  const places = Array.from({ length: n * n }, (_, at) =>
    without(Math.floor(at / n)).flatMap((row) => without(at % n).map((column) => BigInt(row * n + column))),
  ).flat()
  const indices = e.constant(tensor('int64', [n, n, n - 1, n - 1], BigInt64Array.from(places)), 'minors')
  const flat = e.reshape(input(c, 0), [...rest, n * n])
  const minors = e.emit('Det', [e.gather(flat, indices, rest.length)], [...rest, n, n])
  const signs = Float32Array.from({ length: n * n }, (_, at) => ((Math.floor(at / n) + (at % n)) % 2 ? -1 : 1))
  return e.mul(g, e.mul(minors, e.constant(tensor('float32', [n, n], signs), 'signs')))
}

/** True where a parameter's gradient is wanted for each example, and examples are an axis of the node itself. */
const isKeptApart = (c: RuleContext, i: number): boolean => c.form === 'each' && c.isShared(i) && c.lead.length === 0

function scaled(c: RuleContext, v: Val, factor: number): Val {
  return factor === 1 ? v : c.e.mul(v, c.e.scalar(factor))
}

/** True where B is a weight [K, O] that meets data on its left. */
function isWeight(c: RuleContext): boolean {
  return c.isShared(1) && !c.isShared(0) && input(c, 1).dims.length === 2 && input(c, 0).dims.length >= 2
}

const isTransposed = (c: RuleContext, which: 'transA' | 'transB'): boolean => intOf(c, which, 0) === 1
const flipIf = (c: RuleContext, v: Val, condition: boolean): Val => (condition ? c.e.swapLast(v) : v)
/** α·dY, [M, O]. */
const gemmDy = (c: RuleContext): Val => scaled(c, dy(c), floatOf(c, 'alpha', 1))
/** A', [M, K]. */
const rows = (c: RuleContext): Val => flipIf(c, input(c, 0), isTransposed(c, 'transA'))
/** A gradient [.., K, O] of B' in the layout of B. */
const laidOut = (c: RuleContext, db: Val): Val => flipIf(c, db, isTransposed(c, 'transB'))

function gemmA(c: RuleContext): Val {
  // dA' = α·dY·B'ᵀ. A weight on the left needs its examples on the columns: [M, K] an example, [N, M, K].
  const b = flipIf(c, input(c, 1), isTransposed(c, 'transB'))
  if (isKeptApart(c, 0)) {
    const g = c.e.transpose(gemmDy(c), [1, 0])
    const columns = c.e.transpose(b, [1, 0])
    return flipIf(c, outer(c, g, columns, 1), isTransposed(c, 'transA'))
  }
  return flipIf(c, c.e.matmul(gemmDy(c), c.e.swapLast(b)), isTransposed(c, 'transA'))
}

function gemmB(c: RuleContext): Val {
  // dB' = A'ᵀ·α·dY
  if (isKeptApart(c, 1)) {
    return laidOut(c, outer(c, rows(c), gemmDy(c), 0))
  }
  return laidOut(c, eitherWay(c, rows(c), gemmDy(c)))
}

/** xᵀ·g of x [.., T, K] and g [.., T, O]: [.., K, O]; to who wants it the other way round, gᵀ·x. */
function eitherWay({ e }: RuleContext, x: Val, g: Val): Val {
  const product = (x: Val, g: Val): Val => inPieces(e, crossed(e, x, g), [x, g])
  return e.exchanged.beside(product(x, g), () => product(g, x))
}

/** Outer products a_n ⊗ g_n: a [N, K], g [N, O] → [N, K, O]. `side`: the axis of Y that must count the examples. */
function outer(c: RuleContext, a: Val, g: Val, side: 0 | 1): Val {
  if (c.batchAxis() !== side) c.loseBatchAxis()
  const [n, k, o] = [a.dims[0]!, a.dims[1]!, g.dims[1]!]
  return c.e.mul(c.e.reshape(a, [n, k, 1]), c.e.reshape(g, [n, 1, o]))
}

/** Σ_n (a_n ⊗ g_n)² = (A²)ᵀ·(G²): one matrix product. a [N, K], g [N, O] → [K, O]. */
function squaresOfRows(c: RuleContext, a: Val, g: Val): Val {
  return eitherWay(c, c.e.mul(a, a), c.e.mul(g, g))
}

/** Operands with at least two axes, and dY with the axes that 1-D operands had lost. */
function full(c: RuleContext): { a: Val; b: Val; g: Val } {
  const [a, b] = [input(c, 0), input(c, 1)]
  const a2 = a.dims.length === 1 ? c.e.reshape(a, [1, ...a.dims]) : a
  const b2 = b.dims.length === 1 ? c.e.reshape(b, [...b.dims, 1]) : b
  const lead = dy(c).dims.slice(0, dy(c).dims.length - (a.dims.length > 1 ? 1 : 0) - (b.dims.length > 1 ? 1 : 0))
  return { a: a2, b: b2, g: c.e.reshape(dy(c), [...lead, a2.dims.at(-2)!, b2.dims.at(-1)!]) }
}

/**
 * Moves the examples to the front and leaves an axis of one in their place, so that the product of one example has its
 * matrices on the last two axes. v has `rank` axes after this, and the examples.
 */
function examplesFirst(c: RuleContext, v: Val, axis: number, rank: number): Val {
  const moved = c.e.transpose(v, [axis, ...[...v.dims.keys()].filter((i) => i !== axis)])
  const ones = Array.from({ length: rank - v.dims.length }, () => 1)
  return c.e.reshape(moved, [v.dims[axis]!, ...ones, ...v.dims.with(axis, 1)])
}

function matmulA(c: RuleContext): Val {
  const { a, b, g } = full(c)
  const rank = g.dims.length
  // Examples on the columns: dA_n = dY_n ⊗ B_n.
  if (isKeptApart(c, 0) && input(c, 1).dims.length > 1 && c.batchAxis() === dy(c).dims.length - 1) {
    const bn = examplesFirst(c, b, b.dims.length - 1, rank)
    const da = c.e.matmul(examplesFirst(c, g, rank - 1, rank), c.e.swapLast(bn))
    return eachSummed(c, da, a.dims, 0)
  }
  const da = c.e.matmul(g, c.e.swapLast(b))
  if (input(c, 0).dims.length === 1) return c.e.reshape(da, [...da.dims.slice(0, -2), da.dims.at(-1)!])
  // What a Softmax before A asks for, Σ_k dA_ik·A_ik, is Σ_j dY_ij·Y_ij: fewer products where Y has fewer columns.
  const isDirect =
    input(c, 1).dims.length > 1 && c.lead.length === 0 && sameLead(a, g) && g.dims.at(-1)! < a.dims.at(-1)!
  return isDirect ? c.e.orDot(da, a, () => c.e.dotLast(g, output(c))) : da
}

function sameLead(x: Val, y: Val): boolean {
  return x.dims.length === y.dims.length && x.dims.slice(0, -2).every((d, i) => d === y.dims[i])
}

function matmulB(c: RuleContext): Val {
  if (isWeight(c)) {
    const { x, g } = tokens(c)
    if (c.form === 'each') return eitherWay(c, x, g)
    const [k, o] = [x.dims[2]!, g.dims[2]!]
    const positions = x.dims[0]! * x.dims[1]!
    return eitherWay(c, c.e.reshape(x, [positions, k]), c.e.reshape(g, [positions, o]))
  }
  const { a, b, g } = full(c)
  const rank = g.dims.length
  // Examples on the rows: dB_n = A_n ⊗ dY_n.
  const rowAxis = dy(c).dims.length - (input(c, 1).dims.length > 1 ? 2 : 1)
  if (isKeptApart(c, 1) && input(c, 0).dims.length > 1 && c.batchAxis() === rowAxis) {
    const an = examplesFirst(c, a, a.dims.length - 2, rank)
    const db = c.e.matmul(c.e.swapLast(an), examplesFirst(c, g, rank - 2, rank))
    return eachSummed(c, db, b.dims, 1)
  }
  const db = c.e.matmul(c.e.swapLast(a), g)
  return input(c, 1).dims.length === 1 ? c.e.reshape(db, db.dims.slice(0, -1)) : db
}

/** [N, ...operand i] of a gradient an example over the broadcast axes of Y; `dims` are the operand's with two axes at least. */
function eachSummed(c: RuleContext, v: Val, dims: readonly number[], i: number): Val {
  const n = v.dims[0]!
  return c.e.reshape(sumTo(c.e, v, [n, ...dims], 1), [n, ...input(c, i).dims])
}

/** Input and cotangent as [N, T, K] and [N, T, O]: examples first, all other positions in one axis. */
function tokens(c: RuleContext): { x: Val; g: Val } {
  const [x, g] = [input(c, 0), dy(c)]
  const rank = x.dims.length
  // In the form `sum` positions need no order, and a batch axis is not asked for.
  const axis = c.form === 'each' ? c.batchAxis() : 0
  if (axis === rank - 1) c.loseBatchAxis()
  const order = [axis, ...x.dims.map((_, i) => i).filter((i) => i !== axis && i < rank - 1), rank - 1]
  const shape = (v: Val): Val => {
    const n = v.dims[axis]!
    const last = v.dims.at(-1)!
    const moved = c.e.transpose(v, order)
    return c.e.reshape(moved, [n, moved.dims.slice(1, -1).reduce((a, b) => a * b, 1), last])
  }
  return { x: shape(x), g: shape(g) }
}

/** Σ_n (x_nᵀ·g_n)², [K, O]. With one position per example, one product of squares. */
function matmulSquares(c: RuleContext): Val {
  const { e } = c
  const { x, g } = tokens(c)
  const [n, t, k, o] = [x.dims[0]!, x.dims[1]!, x.dims[2]!, g.dims[2]!]
  if (t === 1) return squaresOfRows(c, e.reshape(x, [n, k]), e.reshape(g, [n, o]))
  const squares = (x: Val, g: Val): Val => inPieces(e, squaresInBlocks(e, x, g), [x, g], (v) => squared(e, v))
  return e.exchanged.beside(squares(x, g), () => squares(g, x))
}

/** Σ_n of the squares of products [N, K, O]. */
const squared = (e: Emitter, products: Val): Val => sumOfSquares(e, products, products.dims.slice(1))

/** In blocks, so that the products of all examples lie neither in memory at once nor far from the core: of rows where there are more of them than columns. */
function squaresInBlocks(e: Emitter, x: Val, g: Val): Val {
  const [n, k, o] = [x.dims[0]!, x.dims[2]!, g.dims[2]!]
  if (k <= o) {
    const sums = crossedInBlocks(e, x, g).map((products) => squared(e, products))
    return e.concat(sums, 1)
  }
  const rows = e.split(x, 2, Math.ceil((n * k * o) / largestProducts))
  const sums = rows.map((part) => squared(e, crossed(e, part, g)))
  return e.concat(sums, 0)
}
