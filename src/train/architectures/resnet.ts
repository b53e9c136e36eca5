import type { Architecture, NetworkShape } from './architecture.js'
import { NetworkBuilder } from './builder.js'
import { imageShape } from './image-shape.js'

interface Stages {
  readonly widths: readonly number[]
  /** Basic blocks a stage. */
  readonly depth: number
}

/**
 * Residual network of basic blocks for small images: 3×3 stem without pooling, projection shortcuts where the shape changes.
 * Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2 (CIFAR-10).
 */
function residual(
  name: string,
  { widths, depth }: Stages,
  shape: NetworkShape,
  random: () => number,
): ReturnType<Architecture['build']> {
  const b = new NetworkBuilder(random)
  const [channels] = imageShape(name, shape)
  let from = widths[0]!
  let x = b.relu(b.batchNorm(b.conv('input', 'conv1', [channels, from], 3), 'bn1', from))
  widths.forEach((to, stage) => {
    for (let i = 0; i < depth; i++) {
      const at = `layer${stage + 1}.${i}`
      const stride = stage > 0 && i === 0 ? 2 : 1
      const first = b.relu(b.batchNorm(b.conv(x, `${at}.conv1`, [from, to], 3, stride), `${at}.bn1`, to))
      const second = b.batchNorm(b.conv(first, `${at}.conv2`, [to, to], 3), `${at}.bn2`, to)
      const same = stride === 1 && from === to
      const shortcut = same
        ? x
        : b.batchNorm(b.conv(x, `${at}.downsample.0`, [from, to], 1, stride, 0), `${at}.downsample.1`, to)
      x = b.relu(b.add(second, shortcut))
      from = to
    }
  })
  x = b.op('Flatten', [b.op('GlobalAveragePool', [x])])
  return b.finish({ name: 'input', dims: shape.dims }, b.linear(x, 'fc', [from, shape.classes]), shape.classes)
}

/** ResNet-20 for 32×32 images: 0.27 M parameters. */
export const resnet20: Architecture = {
  name: 'resnet20',
  summary: 'ResNet-20 for small images (0.27 M parameters)',
  build: (shape, random) => residual('resnet20', { widths: [16, 32, 64], depth: 3 }, shape, random),
}

/** ResNet-18 with a small-image stem: 11.2 M parameters. */
export const resnet18: Architecture = {
  name: 'resnet18',
  summary: 'ResNet-18 with a small-image stem (11.2 M parameters)',
  build: (shape, random) => residual('resnet18', { widths: [64, 128, 256, 512], depth: 2 }, shape, random),
}
