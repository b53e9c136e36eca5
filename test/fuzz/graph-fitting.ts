import { type Dim, type GraphBuilder, isBatch, type Value } from './graph-builder.js'

/** Numbers of the axes; undefined for those that grow with the batch. */
export const numbersOf = (x: Value): (number | undefined)[] =>
  x.dims.map((d) => (typeof d === 'number' ? d : undefined))
/** Axes without the examples. */
export const plainAxes = (x: Value): number[] => x.dims.flatMap((d, i) => (isBatch(d) ? [] : [i]))
/** Axes with one replaced. */
export const replaced = (dims: readonly Dim[], axis: number, d: Dim): Dim[] =>
  dims.map((old, i) => (i === axis ? d : old))
/** True for values of this rank with the examples in front. */
export const isBatchFirst = (x: Value, rank: number): boolean => x.dims.length === rank && isBatch(x.dims[0])
/** Channels and space of [N, C, …]. */
export const shapeOf = (x: Value): number[] => x.dims.slice(1).map((d) => (typeof d === 'number' ? d : 0))

/** A shape that broadcasts to that of x without the examples: axes left out in front, or one. */
export function broadcastable(b: GraphBuilder, x: Value): number[] {
  const dims = x.dims.map((d) => (typeof d === 'number' && !b.chance(0.35) ? d : 1))
  return dims.slice(b.below(Math.max(1, x.dims.findLastIndex(isBatch) + 2)))
}

/** Another value of the same shape; the value itself where there is none. */
export const partner = (b: GraphBuilder, x: Value): Value =>
  b.oneOf(b.values.filter((v) => JSON.stringify(v.dims) === JSON.stringify(x.dims)))
