import { sizeOf } from '../../tensor/tensor.js'
import type { Architecture } from './architecture.js'
import { NetworkBuilder } from './builder.js'

const widths = [256, 128]

/** Multilayer perceptron: two hidden layers of 256 and 128 with ReLU. */
export const mlp: Architecture = {
  name: 'mlp',
  summary: 'two hidden layers (256, 128) with ReLU',
  build({ dims, classes }, random) {
    const b = new NetworkBuilder(random)
    const sizes = [sizeOf(dims), ...widths]
    let x = b.op('Flatten', ['input'])
    widths.forEach((width, i) => {
      x = b.relu(b.linear(x, `layers.${i}`, [sizes[i]!, width]))
    })
    return b.finish({ name: 'input', dims }, b.linear(x, 'head', [sizes.at(-1)!, classes]), classes)
  },
}
