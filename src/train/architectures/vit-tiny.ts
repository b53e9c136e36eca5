import { LetheError } from '../../errors.js'
import { int, ints } from '../../graph/graph.js'
import type { Architecture } from './architecture.js'
import { NetworkBuilder } from './builder.js'
import { imageShape } from './image-shape.js'

const dim = 192
const heads = 3
const depth = 12

/**
 * ViT-Tiny: width 192, 3 heads, 12 blocks, mean of the tokens instead of a class token; patches of 16 from 160 pixels on,
 * below the smallest size from an eighth of the height on that divides both sides.
 * Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021 (the form); Touvron et al., DeiT, 2021 (the size).
 */
export const vitTiny: Architecture = {
  name: 'vit-tiny',
  summary: 'vision transformer, width 192, 12 blocks (5.4 M parameters)',
  build(shape, random) {
    const b = new NetworkBuilder(random)
    const [channels, height, width] = imageShape('vit-tiny', shape)
    const patch = patchOf(height, width)
    const T = (height / patch) * (width / patch)
    const kernel = b.normal('patch_embed.weight', [dim, channels, patch, patch], 0.02)
    const embedded = b.op('Conv', ['input', kernel], {
      kernel_shape: ints([patch, patch]),
      strides: ints([patch, patch]),
    })
    const rows = b.op('Transpose', [b.op('Reshape', [embedded, b.int64([0, dim, T])])], { perm: ints([0, 2, 1]) })
    let x = b.add(rows, b.normal('pos_embed', [1, T, dim], 0.02))
    for (let i = 0; i < depth; i++) {
      x = b.add(x, attention(b, b.layerNorm(x, `blocks.${i}.norm1`, dim), `blocks.${i}.attn`, T))
      const hidden = b.op('Gelu', [
        b.tokens(b.layerNorm(x, `blocks.${i}.norm2`, dim), `blocks.${i}.mlp.fc1`, [dim, 4 * dim]),
      ])
      x = b.add(x, b.tokens(hidden, `blocks.${i}.mlp.fc2`, [4 * dim, dim]))
    }
    const pooled = b.op('ReduceMean', [b.layerNorm(x, 'norm', dim), b.int64([1])], { keepdims: int(0) })
    return b.finish({ name: 'input', dims: shape.dims }, b.linear(pooled, 'head', [dim, shape.classes]), shape.classes)
  },
}

/** Throws `usage` where no patch of up to half of a side divides the image. */
function patchOf(height: number, width: number): number {
  const fits = (patch: number): boolean => height % patch === 0 && width % patch === 0
  const first = height >= 160 ? 16 : Math.max(2, Math.ceil(height / 8))
  const last = height >= 160 ? 16 : Math.min(height, width) / 2
  for (let patch = first; patch <= last; patch++) if (fits(patch)) return patch
  throw new LetheError(
    'usage',
    `vit-tiny cuts images into square patches; ${height} × ${width} does not divide into any of ${first} pixels or more. Resize or crop first.`,
  )
}

/** Multi-head self-attention on [N, T, dim]. */
function attention(b: NetworkBuilder, x: string, name: string, T: number): string {
  const split = (part: 'q' | 'k' | 'v', perm: readonly number[]): string =>
    b.op(
      'Transpose',
      [b.op('Reshape', [b.tokens(x, `${name}.${part}`, [dim, dim]), b.int64([0, T, heads, dim / heads])])],
      { perm: ints(perm) },
    )
  const scale = b.float(`${name}/scale`, [], () => 1 / Math.sqrt(dim / heads))
  const scores = b.op('Mul', [b.op('MatMul', [split('q', [0, 2, 1, 3]), split('k', [0, 2, 3, 1])]), scale])
  const mixed = b.op('MatMul', [b.op('Softmax', [scores], { axis: int(-1) }), split('v', [0, 2, 1, 3])])
  const merged = b.op('Reshape', [b.op('Transpose', [mixed], { perm: ints([0, 2, 1, 3]) }), b.int64([0, T, dim])])
  return b.tokens(merged, `${name}.proj`, [dim, dim])
}
