/**
 * Edges that spread losses well: three bins per decade from 0.0001 to 10, and open bins at both ends.
 * The first bin starts at 0, the last ends at the largest number, which JSON can hold.
 */
export function lossEdges(): number[] {
  const edges = [0]
  for (const decade of [1e-4, 1e-3, 1e-2, 1e-1, 1]) edges.push(decade, decade * 2, decade * 5)
  return [...edges.map((edge) => Number(edge.toPrecision(6))), 10, Number.MAX_VALUE]
}

/** How many values fall into each bin [edges[k], edges[k + 1]); NaN falls in none, values beyond the ends in the end bins. */
export function countInto(edges: readonly number[], values: Iterable<number>): number[] {
  const counts = new Array<number>(Math.max(0, edges.length - 1)).fill(0)
  if (counts.length === 0) return counts
  for (const value of values) {
    if (Number.isNaN(value)) continue
    let bin = 0
    while (bin < counts.length - 1 && value >= edges[bin + 1]!) bin++
    counts[bin] = counts[bin]! + 1
  }
  return counts
}
