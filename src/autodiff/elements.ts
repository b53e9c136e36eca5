import type { Emitter, Val } from '../graph/emitter.js'
import { int } from '../graph/graph.js'
import { sizeOf, tensor } from '../tensor/tensor.js'
import { countTo, fromFront, maxOneHot, sumRows } from './rows.js'

/**
 * Single elements along an axis, as GatherElements and ScatterElements name them: the index array has the rank of the data;
 * its entry at (i, j, …) replaces the coordinate on `axis`, the other coordinates are its own place. The other axes of the
 * index may be shorter than the data's.
 */
export interface Elements {
  readonly index: Val
  readonly axis: number
  /** Shape of the data. */
  readonly dims: readonly number[]
}

/** Adds v, [...lead, ...index], to the places that the index names: [...lead, ...dims]. */
export function addElements(e: Emitter, v: Val, at: Elements): Val {
  const { R, K, V } = rowsOf(at)
  return e.opset < 16 || R * K * V <= maxOneHot ? addByComparison(e, v, at) : addByPlace(e, v, at)
}

/** Elements of v, [...dims], that the index names: GatherElements, and what it means before opset 11. */
export function takeElements(e: Emitter, v: Val, at: Elements): Val {
  const { index, axis, dims } = at
  if (e.opset >= 11) return e.emit('GatherElements', [v, index], index.dims, { axis: int(axis) })
  const { R, K, V, others } = rowsOf(at)
  const cut = e.slice(
    v,
    others,
    others.map(() => 0),
    others.map((i) => index.dims[i]!),
  )
  const column = e.reshape(axisLast(e, cut, axis), [R, V, 1])
  const taken = e.reshape(e.matmul(oneHot(e, at), column), [...others.map((i) => index.dims[i]!), K])
  return axisBack(e, taken, axis, dims.length, 0)
}

interface RowCounts {
  /** Rows: places on the axes that are not picked along. */
  readonly R: number
  /** Indices in a row. */
  readonly K: number
  /** Elements in a row of the data. */
  readonly V: number
  readonly others: readonly number[]
}

function rowsOf({ index, axis, dims }: Elements): RowCounts {
  const others = [...dims.keys()].filter((i) => i !== axis)
  return { R: sizeOf(others.map((i) => index.dims[i]!)), K: index.dims[axis]!, V: dims[axis]!, others }
}

/** [R, K, V]: 1 where index k of row r is v. */
function oneHot(e: Emitter, at: Elements): Val {
  const { R, K, V } = rowsOf(at)
  const index = e.reshape(axisLast(e, fromFront(e, at.index, V), at.axis), [R, K, 1])
  return e.indicator(e.equal(index, countTo(e, V, [1, 1, V])))
}

function addByComparison(e: Emitter, v: Val, at: Elements): Val {
  const { R, K, V, others } = rowsOf(at)
  const rank = at.dims.length
  const lead = v.dims.slice(0, v.dims.length - rank)
  const rows = e.reshape(axisLast(e, v, at.axis + lead.length), [...lead, R, 1, K])
  const sums = e.reshape(e.matmul(rows, oneHot(e, at)), [...lead, ...others.map((i) => at.index.dims[i]!), V])
  const back = axisBack(e, sums, at.axis, rank, lead.length)
  const none = back.dims.map(() => 0)
  return e.pad(
    back,
    none,
    back.dims.map((d, i) => (i < lead.length ? 0 : at.dims[i - lead.length]! - d)),
  )
}

/** By the place of each element in the data when its axes are one. */
function addByPlace(e: Emitter, v: Val, at: Elements): Val {
  const { index, axis, dims } = at
  const size = sizeOf(dims)
  const strides = dims.map((_, i) => sizeOf(dims.slice(i + 1)))
  // Where the coordinates but that on `axis` lead.
  const base = index.dims.with(axis, 1)
  const starts = BigInt64Array.from({ length: sizeOf(base) }, (_, flat) => {
    let rest = flat
    let start = 0
    for (let i = base.length - 1; i >= 0; i--) {
      start += (rest % base[i]!) * strides[i]!
      rest = Math.floor(rest / base[i]!)
    }
    return BigInt(start)
  })
  const along = e.mul(fromFront(e, index, dims[axis]!), e.scalar(strides[axis]!, 'int64'))
  const place = e.add(along, e.constant(tensor('int64', base, starts), 'starts'))
  const lead = v.dims.slice(0, v.dims.length - dims.length)
  const [M, T] = [sizeOf(lead), sizeOf(index.dims)]
  const places = e.expand(e.reshape(place, [1, T]), [M, T])
  return e.reshape(sumRows(e, places, e.reshape(v, [M, T, 1]), size), [...lead, ...dims])
}

function axisLast(e: Emitter, v: Val, axis: number): Val {
  return e.transpose(v, [...[...v.dims.keys()].filter((i) => i !== axis), axis])
}

/** The last axis to the place `axis` of `rank` axes behind `lead` others. */
function axisBack(e: Emitter, v: Val, axis: number, rank: number, lead: number): Val {
  const order = Array.from({ length: rank }, (_, i) => lead + (i < axis ? i : i === axis ? rank - 1 : i - 1))
  return e.transpose(v, [...Array(lead).keys(), ...order])
}
