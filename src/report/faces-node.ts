import sharp from 'sharp'
import { LetheError } from '../errors.js'

/**
 * Picture as a `data:image/png;base64,…` text, each pixel enlarged to `scale` × `scale` without smoothing.
 * `pixels` is [height, width, channels] with 1, 3 or 4 channels. Throws `shape-mismatch` for another number of bytes.
 */
export async function pixelsToDataUri(
  pixels: Uint8Array,
  width: number,
  height: number,
  scale: number,
): Promise<string> {
  const channels = pixels.length / (width * height)
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new LetheError(
      'shape-mismatch',
      `A ${width}×${height} picture has 1, 3 or 4 bytes a pixel, got ${pixels.length} bytes in all.`,
    )
  }
  const png = await sharp(pixels, { raw: { width, height, channels } })
    .resize(width * scale, height * scale, { kernel: 'nearest' })
    .png({ palette: false, compressionLevel: 9 })
    .toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}
