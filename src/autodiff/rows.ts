import type { Emitter, Val } from '../graph/emitter.js'
import { text } from '../graph/graph.js'
import { sizeOf, tensor } from '../tensor/tensor.js'

/** Largest one-hot matrix that is multiplied with where the opset could scatter instead. */
export const maxOneHot = 2 ** 18

/** Rows of a table with V rows of E elements, picked by M examples with T indices each. */
export interface PickedRows {
  readonly V: number
  readonly E: number
  /** Indices counted from the front, [M, T]: where examples are not kept apart, one holds them all. */
  readonly index: Val
  /** Cotangents of what was picked, [M, T, E]. */
  readonly g: Val
}

/** 0, 1, … n − 1 as int64, in a given shape. */
export function countTo(e: Emitter, n: number, dims: readonly number[] = [n]): Val {
  const values = BigInt64Array.from({ length: n }, (_, i) => BigInt(i))
  return e.constant(tensor('int64', dims, values), 'count')
}

/** Indices as int64, counted from the front of an axis (or axes, by the last axis of `sizes`). */
export function fromFront(e: Emitter, index: Val, sizes: number | readonly number[]): Val {
  const given = e.cast(index, 'int64')
  const size = typeof sizes === 'number' ? e.scalar(sizes, 'int64') : e.int64s(sizes)
  return e.where(e.less(given, e.scalar(0, 'int64')), e.add(given, size), given)
}

/**
 * The inverse of picking along an axis: adds the elements of v along `axis` to the places `indices` of that axis, which has
 * the size V behind it. A run of places is a pad; otherwise a product with one-hot rows.
 */
export function addAt(e: Emitter, v: Val, axis: number, indices: readonly number[], V: number): Val {
  const n = indices.length
  const [before, after] = [v.dims.slice(0, axis), v.dims.slice(axis + 1)]
  if (n === 0) return e.expand(e.scalar(0), [...before, V, ...after])
  const first = indices[0]!
  if (indices.every((at, i) => at === first + i)) {
    const zeros = v.dims.map(() => 0)
    return e.pad(v, zeros.with(axis, first), zeros.with(axis, V - first - n))
  }
  const rows = new Float32Array(n * V)
  if (sizeOf(after) === 1) {
    indices.forEach((at, i) => {
      rows[i * V + at] = 1
    })
    const flat = e.reshape(v, [sizeOf(before), n])
    return e.reshape(e.matmul(flat, e.constant(tensor('float32', [n, V], rows), 'rows')), [...before, V, ...after])
  }
  indices.forEach((at, i) => {
    rows[at * n + i] = 1
  })
  const flat = e.reshape(v, [...before, n, sizeOf(after)])
  return e.reshape(e.matmul(e.constant(tensor('float32', [V, n], rows), 'rows'), flat), [...before, V, ...after])
}

/**
 * Sum of the rows of v, [M, T, E], that have the same index, [M, T]: [M, V, E]. A product with one-hot rows made by comparison,
 * which sums in a fixed order everywhere; where that matrix would be large, ScatterND (adds since opset 16).
 */
export function sumRows(e: Emitter, index: Val, v: Val, V: number): Val {
  const [M, T, E] = v.dims as [number, number, number]
  if (e.opset < 16 || M * T * V <= maxOneHot) {
    return e.matmul(e.indicator(e.equal(countTo(e, V, [1, V, 1]), e.reshape(index, [M, 1, T]))), v)
  }
  // One table an example, one below the other.
  const starts = BigInt64Array.from({ length: M }, (_, i) => BigInt(i * V))
  const place = M === 1 ? index : e.add(index, e.constant(tensor('int64', [M, 1], starts), 'starts'))
  const inputs = [e.expand(e.scalar(0), [M * V, E]), e.reshape(place, [M * T, 1]), e.reshape(v, [M * T, E])]
  return e.reshape(e.emit('ScatterND', inputs, [M * V, E], { reduction: text('add') }), [M, V, E])
}

/**
 * Σ_n g_n² of a table, [V, E], without a table an example: position t of example n has the whole gradient of its row,
 * s_t = Σ_u [index_u = index_t]·dy_u, and the row is there m_t times; each adds s_t²/m_t.
 */
export function sumOfSquaredRows(e: Emitter, { V, E, index, g }: PickedRows): Val {
  const [M, T] = g.dims as [number, number]
  const same = e.indicator(e.equal(e.reshape(index, [M, T, 1]), e.reshape(index, [M, 1, T])))
  const sums = e.matmul(same, g)
  const shares = e.div(e.mul(sums, sums), e.reduceSum(same, [2], true))
  return e.reshape(sumRows(e, e.reshape(index, [1, M * T]), e.reshape(shares, [1, M * T, E]), V), [V, E])
}
