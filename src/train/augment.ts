import type { Random } from './architectures/builder.js'

/** Random changes of training images. */
export interface Augmentation {
  /** Pixels of zero padding around an image before a random crop of its own size. */
  readonly crop: number
  /** Mirror half of the images left to right. */
  readonly flip: boolean
}

/** Random crop and flip of each image of a batch [N, C, H, W], in place. */
export function augment(
  batch: Float32Array,
  [C, H, W]: readonly [number, number, number],
  { crop, flip }: Augmentation,
  random: Random,
): void {
  const size = C * H * W
  const source = new Float32Array(size)
  for (let n = 0; n * size < batch.length; n++) {
    const dx = Math.floor(random() * (2 * crop + 1)) - crop
    const dy = Math.floor(random() * (2 * crop + 1)) - crop
    const mirrored = flip && random() < 0.5
    if (dx === 0 && dy === 0 && !mirrored) continue
    source.set(batch.subarray(n * size, (n + 1) * size))
    for (let c = 0; c < C; c++) {
      for (let y = 0; y < H; y++) {
        for (let x = 0; x < W; x++) {
          const from = (mirrored ? W - 1 - x : x) + dx
          const row = y + dy
          const inside = from >= 0 && from < W && row >= 0 && row < H
          batch[n * size + (c * H + y) * W + x] = inside ? source[(c * H + row) * W + from]! : 0
        }
      }
    }
  }
}
