import { LetheError } from '../../errors.js'
import type { Transform } from './picture.js'

export interface Size {
  readonly width: number
  readonly height: number
}

/** Where the part of a size lies that a crop keeps. */
export function middle(size: Size, kept: Size): { readonly left: number; readonly top: number } {
  return { left: Math.floor((size.width - kept.width) / 2), top: Math.floor((size.height - kept.height) / 2) }
}

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
    if (picture.width === width && picture.height === height) return picture
    const { top, left } = middle(picture, spec.crop)
    const rowLength = width * picture.channels
    const values = new Uint8Array(height * rowLength)
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * picture.width + left) * picture.channels
      values.set(picture.values.subarray(from, from + rowLength), y * rowLength)
    }
    return { width, height, channels: picture.channels, values }
  },
}
