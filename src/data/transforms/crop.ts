import { LetheError } from '../../errors.js'
import type { Transform } from './picture.js'

/**
 * The middle of a picture: the first row is ⌊(H − h)/2⌋, the first column ⌊(W − w)/2⌋.
 * Throws `image-size` where the picture is smaller than the crop; nothing is padded.
 */
export const crop: Transform = {
  name: 'crop',
  apply(picture, spec, id) {
    if (!spec.crop) return picture
    const { width, height } = spec.crop
    if (picture.width < width || picture.height < height) {
      throw new LetheError(
        'image-size',
        `Image "${id}" is ${picture.width}×${picture.height} pixels, smaller than the crop of ${width}×${height}. Declare a resize before it.`,
        { id, got: [picture.width, picture.height], expected: [width, height] },
      )
    }
    const top = Math.floor((picture.height - height) / 2)
    const left = Math.floor((picture.width - width) / 2)
    const rowLength = width * picture.channels
    const values = new Uint8Array(height * rowLength)
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * picture.width + left) * picture.channels
      values.set(picture.values.subarray(from, from + rowLength), y * rowLength)
    }
    return { width, height, channels: picture.channels, values }
  },
}
