import { expect, it } from 'vitest'
import { transposed } from '../../src/tensor/place.js'

it.each([
  [1, 5],
  [3, 2],
  [16, 16],
  [37, 19],
])('a matrix of %i rows and %i columns has its axes exchanged, and stays as it is itself', (rows, columns) => {
  const numbers = Array.from({ length: rows * columns }, (_, i) => i)
  for (const matrix of [Float32Array.from(numbers), Float64Array.from(numbers)]) {
    const kept = matrix.slice()
    const turned = transposed(matrix, [rows, columns])
    expect(turned).toBeInstanceOf(matrix.constructor)
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        expect(turned[column * rows + row]).toBe(matrix[row * columns + column])
      }
    }
    expect(matrix).toEqual(kept)
  }
})
