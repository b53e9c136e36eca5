/** Side of the squares that a matrix is transposed by: rows that are read and rows that are written stay in the cache. */
const side = 16

/** A matrix [rows, columns], row by row, as a new one [columns, rows]. */
export function transposed<A extends Float32Array | Float64Array>(
  from: A,
  [rows, columns]: readonly [number, number],
): A {
  const to = from.slice() as A
  for (let top = 0; top < rows; top += side) {
    const bottom = Math.min(rows, top + side)
    for (let left = 0; left < columns; left += side) {
      const right = Math.min(columns, left + side)
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) to[column * rows + row] = from[row * columns + column]!
      }
    }
  }
  return to
}
