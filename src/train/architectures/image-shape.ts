import { LetheError } from '../../errors.js'
import type { NetworkShape } from './architecture.js'

/** Channels, height and width of an image network. Throws `usage` for examples that are no images, or smaller than `smallest`. */
export function imageShape(name: string, { dims }: NetworkShape, smallest = 1): readonly [number, number, number] {
  const [c, h, w] = dims
  if (dims.length !== 3 || !c || !h || !w) {
    throw new LetheError(
      'usage',
      `${name} takes images [channels, height, width]; the data has [${dims}]. Use --arch mlp.`,
    )
  }
  if (Math.min(h, w) < smallest) {
    throw new LetheError(
      'usage',
      `${name} takes images of at least ${smallest}×${smallest}; the data has ${h}×${w}. Use --arch mlp or --resize.`,
    )
  }
  return [c, h, w]
}
