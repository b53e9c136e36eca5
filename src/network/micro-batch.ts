import { sizeOf } from '../tensor/tensor.js'
import type { Network } from './network.js'

/** Numbers of the largest activation of a batch that still lie near the core: 4 MiB. */
const nearNumbers = 2 ** 20
/** Numbers of the per-example gradients of the largest parameter: 512 MiB. */
const gradientNumbers = 2 ** 27
/** Below this the price of a run, which reads every weight and hands out every sum, is divided among too few. */
const fewest = 4

/**
 * Examples a run of the engine: the largest power of two, at most `most`, whose largest activation stays near the core. Where
 * per-example gradients are made (`isExact`), those of the largest parameter must fit beside it.
 *
 * A function of the model alone, so that sums are the same on every machine. Measured on one core, examples/s against 16 a
 * run: a ViT-Tiny at 224 gains a tenth to a fifth at 4; ResNets for 32×32 lose a tenth at 8, and gain nothing beyond 32.
 */
export function microBatchOf(network: Network, most: number, isExact: boolean): number {
  const { fixedBatch, values } = network.trace
  if (fixedBatch !== undefined) return fixedBatch
  let activation = 1
  for (const v of values.values()) {
    if (v.kind !== 'data') continue
    activation = Math.max(activation, sizeOf(v.offset.map((c, i) => c + v.slope[i]!)))
  }
  const parameter = Math.max(1, ...network.parameters.map((p) => sizeOf(p.dims)))
  let batch = most
  while (batch > fewest && batch * activation > nearNumbers) batch /= 2
  while (isExact && batch > 1 && batch * parameter > gradientNumbers) batch /= 2
  return batch
}
