import type { Emitter, Val } from '../graph/emitter.js'
import { tensor } from '../tensor/tensor.js'

/** [1, n] of ones. */
export function onesRow(e: Emitter, n: number): Val {
  return e.constant(tensor('float32', [1, n], new Float32Array(n).fill(1)), 'ones')
}

/**
 * Σ_n g_n² of stacked gradients [N, ...dims] in the shape `dims`, as a (1×N)·(N×P) product: faster than ReduceSum.
 */
export function sumOfSquares(e: Emitter, gradients: Val, dims: readonly number[]): Val {
  const n = gradients.dims[0]!
  const flat = e.reshape(gradients, [n, gradients.dims.slice(1).reduce((a, b) => a * b, 1)])
  return e.reshape(e.matmul(onesRow(e, n), e.mul(flat, flat)), dims)
}
