import { LetheError } from '../../errors.js'
import type { NetworkShape } from './architecture.js'

/** Channels, height and width of an image network. Throws `usage` for examples that are no images. */
export function imageShape(name: string, { dims }: NetworkShape): readonly [number, number, number] {
  const [c, h, w] = dims
  if (dims.length !== 3 || !c || !h || !w) {
    throw new LetheError(
      'usage',
      `${name} takes images [channels, height, width]; the data has [${dims}]. Use --arch mlp.`,
    )
  }
  return [c, h, w]
}
