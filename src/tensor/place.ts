/** Side of the squares that a matrix is moved by: rows that are read and rows that are written stay in the cache. */
const side = 16

/** Where the elements of an array of numbers lie in a larger one: element (i, j, …) at `at` + i·strides[0] + j·strides[1] + … */
export interface Place {
  readonly at: number
  readonly strides: readonly number[]
}

/** Writes an array of one axis or more, row by row, to its place in a larger one. */
export function place<A extends Float32Array | Float64Array>(
  to: A,
  from: A,
  dims: readonly number[],
  { at, strides }: Place,
): void {
  if (dims.length > 2) {
    const [first, ...rest] = dims as [number, ...number[]]
    const size = from.length / first
    for (let i = 0; i < first; i++) {
      const inner = { at: at + i * strides[0]!, strides: strides.slice(1) }
      place(to, from.subarray(i * size, (i + 1) * size) as A, rest, inner)
    }
    return
  }
  const [rows, columns] = dims.length === 2 ? (dims as [number, number]) : [1, dims[0]!]
  const [down, across] = dims.length === 2 ? (strides as [number, number]) : [0, strides[0]!]
  for (let top = 0; top < rows; top += side) {
    const bottom = Math.min(rows, top + side)
    for (let left = 0; left < columns; left += side) {
      const right = Math.min(columns, left + side)
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          to[at + row * down + column * across] = from[row * columns + column]!
        }
      }
    }
  }
}

/** A matrix [rows, columns], row by row, as a new one [columns, rows]. */
export function transposed<A extends Float32Array | Float64Array>(
  from: A,
  [rows, columns]: readonly [number, number],
): A {
  const to = from.slice() as A
  place(to, from, [rows, columns], { at: 0, strides: [1, rows] })
  return to
}
