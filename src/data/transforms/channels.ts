import type { Picture, Transform } from './picture.js'

/**
 * Channels as declared: alpha is dropped, grey is repeated, colour becomes grey by ITU-R 601 luma
 * (19595 R + 38470 G + 7471 B + 2¹⁵) / 2¹⁶, rounded down, as in Pillow's `convert("L")`.
 */
export const channels: Transform = {
  name: 'channels',
  apply(picture, spec) {
    if (spec.channels === 'grey') return picture.channels === 1 ? picture : toGrey(picture)
    if (picture.channels === 3 && spec.channels === 'RGB') return picture
    const order = picture.channels === 1 ? [0, 0, 0] : spec.channels === 'RGB' ? [0, 1, 2] : [2, 1, 0]
    const size = picture.width * picture.height
    const values = new Uint8Array(size * 3)
    for (let p = 0; p < size; p++) {
      for (let c = 0; c < 3; c++) values[p * 3 + c] = picture.values[p * picture.channels + order[c]!]!
    }
    return { ...picture, channels: 3, values }
  },
}

function toGrey(picture: Picture): Picture {
  const values = new Uint8Array(picture.width * picture.height)
  for (let p = 0; p < values.length; p++) {
    const at = p * picture.channels
    const luma = 19595 * picture.values[at]! + 38470 * picture.values[at + 1]! + 7471 * picture.values[at + 2]! + 0x8000
    values[p] = luma >> 16
  }
  return { ...picture, channels: 1, values }
}
