import { ints } from '../../graph/graph.js'
import type { Architecture } from './architecture.js'
import { NetworkBuilder } from './builder.js'
import { imageShape } from './image-shape.js'

const widths = [16, 32, 64, 128]

/** Small convolutional network: four blocks of convolution, batch norm, ReLU and max-pool, then a linear layer. */
export const cnn: Architecture = {
  name: 'cnn',
  summary: 'four convolutions (16, 32, 64, 128) with batch norm, ReLU and max-pool',
  build(shape, random) {
    const b = new NetworkBuilder(random)
    const [channels] = imageShape('cnn', shape, 2 ** (widths.length - 1))
    let x = 'input'
    let from = channels
    widths.forEach((to, i) => {
      x = b.relu(b.batchNorm(b.conv(x, `blocks.${i}.conv`, [from, to], 3), `blocks.${i}.bn`, to))
      if (i < widths.length - 1) x = b.op('MaxPool', [x], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) })
      from = to
    })
    x = b.op('Flatten', [b.op('GlobalAveragePool', [x])])
    return b.finish({ name: 'input', dims: shape.dims }, b.linear(x, 'head', [from, shape.classes]), shape.classes)
  },
}
