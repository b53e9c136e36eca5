import { sizeOf } from '../tensor/tensor.js'
import type { Network } from './network.js'

/** Numbers of the largest activation of a batch that a core keeps while others are made from it: 512 KiB. */
const keptNumbers = 2 ** 17
/** Numbers of the largest activation of a batch that still lie near the core: 4 MiB. */
const nearNumbers = 2 ** 20
/** Numbers of the per-example gradients of the largest parameter: 512 MiB. */
const gradientNumbers = 2 ** 27
/** Below this the price of a run is divided among too few. */
const fewest = 4
/** A run reads every weight and adds to every sum: it shall make at least so many activations a weight that this weighs little. */
const activationsPerWeight = 2.5

/**
 * Examples a run of the engine: a power of two, at most `most`.
 *
 * A forward pass: the most whose largest activation stays near the core. Gradients: those that a core keeps, for a gradient reads every activation again
 * and again; more of them, up to those near the core, where weights are many beside activations. Where per-example gradients are made (`squares`), those of
 * the largest parameter must fit beside it.
 *
 * A function of the model alone, so that sums are the same on every machine. `npm run bench:batch` measures it: on two cores with 2 MiB of cache each a ResNet-20 for
 * 32 × 32 makes 0.78 of the examples a second with 32 a run, and 0.92 with 4, of what it makes with its 8; a ResNet-18 0.95 with 8, and 0.97 with 32, of what it makes with its 16.
 */
export function microBatchOf(network: Network, most: number, form: 'forward' | 'sum' | 'squares'): number {
  const { fixedBatch, values } = network.trace
  if (fixedBatch !== undefined) return fixedBatch
  const activations = [...values.values()]
    .filter((v) => v.kind === 'data')
    .map((v) => sizeOf(v.offset.map((c, i) => c + v.slope[i]!)))
  const largest = Math.max(1, ...activations)
  const near = fitting(most, largest, nearNumbers)
  if (form === 'forward') return near
  const parameters = network.parameters.map((p) => sizeOf(p.dims))
  const enough = (activationsPerWeight * sum(parameters)) / Math.max(1, sum(activations))
  let batch = fitting(near, largest, keptNumbers)
  while (batch < near && batch < enough) batch *= 2
  while (form === 'squares' && batch > 1 && batch * Math.max(1, ...parameters) > gradientNumbers) batch /= 2
  return batch
}

/** `most` halved until so many times `each` are at most `numbers`, or few are left. */
function fitting(most: number, each: number, numbers: number): number {
  let batch = most
  while (batch > fewest && batch * each > numbers) batch /= 2
  return batch
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a + b, 0)
}
