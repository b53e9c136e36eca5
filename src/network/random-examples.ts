import { uniforms } from '../data/random.js'
import type { Tensors } from '../engine/engine.js'
import { allocate, sizeOf, type Tensor } from '../tensor/tensor.js'
import type { Examples } from './examples.js'
import type { Network } from './network.js'

/**
 * Examples of random numbers where no data is at hand: float inputs uniform in [−1, 1), integer inputs 0, labels (of
 * every token, where the loss wants them) spread over the classes. The same seed gives the same examples.
 */
export function randomExamples(network: Network, size: number, seed = 0): Examples {
  const examples = randomInputs(network, size, seed)
  const { tokens, classes } = network
  if (tokens === undefined) return examples
  const labels = (row: number): number[] => Array.from({ length: tokens }, (_, t) => (row * tokens + t) % classes)
  return {
    ...examples,
    loadLabelled: async (rows) => ({
      inputs: await examples.load(rows),
      labels: Int32Array.from(rows.flatMap(labels)),
    }),
  }
}

function randomInputs(network: Network, size: number, seed: number): Examples {
  return {
    size,
    labels: Int32Array.from({ length: size }, (_, row) => row % network.classes),
    id: (row) => `random-${row}`,
    async load(rows) {
      const feeds: Record<string, Tensors[string]> = {}
      for (const [i, { name, dtype, dims }] of network.inputs.entries()) {
        const data = allocate(dtype, rows.length * sizeOf(dims))
        if (data instanceof Float32Array) {
          for (const [at, row] of rows.entries()) {
            const random = uniforms(seed * 1_000_003 + row * 101 + i)
            const from = at * sizeOf(dims)
            for (let j = 0; j < sizeOf(dims); j++) data[from + j] = 2 * random() - 1
          }
        }
        feeds[name] = { dtype, dims: [rows.length, ...dims], data } as Tensor
      }
      return feeds
    },
  }
}
