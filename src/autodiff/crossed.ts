import type { Emitter, Piece, Val } from '../graph/emitter.js'
import { sizeOf } from '../tensor/tensor.js'

/** Columns from which on a left factor is moved before the product. */
const manyColumns = 512
/** Columns of a block: a few of the 128 that the runtime takes at a time. */
const blockColumns = 256
/** Most numbers of products that are squared and summed, or added, as one: 16 MiB. */
export const largestProducts = 2 ** 22
/** Numbers of a matrix that does not stay in a cache while a product is added up: 4 MiB. */
const largeMatrix = 2 ** 20

/**
 * xᵀ·g of x [.., T, K] and g [.., T, O]: [.., K, O].
 *
 * ONNX Runtime makes one of a Transpose and the product behind it, and then transposes the left factor again for every 128 columns of the right one
 * (MlasSgemmOperation of its mlas/lib/sgemm.cpp). With many columns, and none too wide a left factor, x is moved once instead, by a Transpose that the product does not see. Measured on one core with factors of 768
 * and 3072 columns: 1.2 to 1.45 times as fast where every example has its product, 1.05 to 1.15 times with one product for all; not slower from 512 columns on.
 */
export function crossed(e: Emitter, x: Val, g: Val): Val {
  return e.matmul(isMoved(x, g) ? moved(e, x) : e.swapLast(x), g)
}

/** The same product in blocks of columns side by side, none with more numbers than `largestProducts`, if x is moved; else as one. */
export function crossedInBlocks(e: Emitter, x: Val, g: Val): Val[] {
  if (!isMoved(x, g)) return [crossed(e, x, g)]
  const columns = g.dims.at(-1)!
  const parts = Math.max(columns / blockColumns, sizeOf(x.dims.with(-2, columns)) / largestProducts)
  const left = moved(e, x)
  return e.split(g, g.dims.length - 1, Math.ceil(parts)).map((part) => e.matmul(left, part))
}

/**
 * The matrix v [K, O] that was made of xᵀ·g by `of`, offered in pieces where it is large: blocks of columns; of gᵀ·x, transposed, where it has more rows than columns.
 * Products of few rows and many columns are faster; and blocks that are added to sums while a core holds them, instead of put together before, save a tenth of the product.
 */
export function inPieces(e: Emitter, v: Val, [x, g]: readonly [Val, Val], of = (product: Val): Val => product): Val {
  if (v.dims.length !== 2 || sizeOf(v.dims) < largeMatrix) return v
  const [rows, columns] = v.dims as [number, number]
  return e.pieces.beside(v, () =>
    rows > columns ? piecesOf(crossedInBlocks(e, g, x), 1, columns) : piecesOf(crossedInBlocks(e, x, g), columns, 1),
  )

  function piecesOf(blocks: readonly Val[], down: number, across: number): Piece[] {
    let at = 0
    return blocks.map(of).map((value) => {
      const piece = { value, at, strides: [down, across] }
      at += value.dims[1]! * across
      return piece
    })
  }
}

function isMoved(x: Val, g: Val): boolean {
  const columns = g.dims.at(-1)!
  return columns >= manyColumns && x.dims.at(-1)! <= 2 * columns
}

/** x with its last two axes exchanged while an axis of one lies behind them, so that the runtime takes it for no part of a product. */
function moved(e: Emitter, x: Val): Val {
  const known = e.exchangedOf(x)
  if (known) return known
  const rank = x.dims.length
  const [t, k] = [x.dims[rank - 2]!, x.dims[rank - 1]!]
  const lead = x.dims.slice(0, -2)
  const order = [...lead.keys(), rank - 1, rank - 2, rank]
  return e.reshape(e.transpose(e.reshape(x, [...x.dims, 1]), order), [...lead, k, t])
}
