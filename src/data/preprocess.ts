import { LetheError } from '../errors.js'
import { sizeOf } from '../tensor/tensor.js'
import type { ImageExample } from './dataset.js'
import { transforms } from './transforms/index.js'
import { valueTables, writeValues } from './transforms/normalise.js'
import type { Picture, PictureSpec } from './transforms/picture.js'
import type { Preprocessing } from './transforms/preprocessing.js'

/** A picture after all declared steps, but for its values, which are written where they belong. */
export interface Prepared {
  readonly dtype: 'float32'
  /** Shape of the model's input without the batch axis. */
  readonly dims: readonly number[]
  /** Writes the values in the declared layout: as many as `dims` multiply to. */
  write(out: Float32Array): void
}

/**
 * How pictures become what a model takes. What is the same for all of them is done once.
 *
 * `dims` is the shape of the model's input without the batch axis: [C, H, W] or [H, W, C] by the layout, or any other
 * shape of as many elements (a model that takes flat pictures); an axis of −1 takes any length.
 * The function throws `image-size` where a picture has another size, naming the record and both sizes; `config-invalid`.
 */
export function preprocessor(
  spec: Preprocessing,
  dims: readonly number[],
): (image: ImageExample, id: string) => Prepared {
  const known = new Map<number, readonly Float32Array[]>()
  const tablesOf = (channels: number): readonly Float32Array[] => {
    const tables = known.get(channels) ?? valueTables(spec, channels)
    known.set(channels, tables)
    return tables
  }
  return (image, id) => {
    const full: PictureSpec = { ...spec, channels: spec.channels ?? channelsOf(image, spec, dims) }
    let picture: Picture = { ...image, values: image.pixels }
    for (const transform of transforms) picture = transform.apply(picture, full, id)
    const tables = tablesOf(picture.channels)
    const got = shapeOf(picture, spec)
    const fits =
      dims.length === 3
        ? dims.every((d, axis) => d < 0 || d === got[axis])
        : dims.some((d) => d < 0) || sizeOf(dims) === picture.values.length
    if (!fits) throw wrongSize(image, picture, spec, dims, id)
    return {
      dtype: 'float32',
      dims: dims.length === 3 || dims.some((d) => d < 0) ? got : dims,
      write: (out) => writeValues(picture, tables, spec.layout, out),
    }
  }
}

function shapeOf({ width, height, channels }: Picture, spec: Preprocessing): readonly [number, number, number] {
  return spec.layout === 'NHWC' ? [height, width, channels] : [channels, height, width]
}

/** Channels where none are declared: what the model's channel axis says, else the picture's own. */
function channelsOf(image: ImageExample, spec: Preprocessing, dims: readonly number[]): 'RGB' | 'grey' {
  const wanted = dims.length === 3 ? dims[spec.layout === 'NHWC' ? 2 : 0]! : -1
  if (wanted > 0) return wanted === 1 ? 'grey' : 'RGB'
  return image.channels === 1 ? 'grey' : 'RGB'
}

function wrongSize(
  image: ImageExample,
  picture: Picture,
  spec: Preprocessing,
  dims: readonly number[],
  id: string,
): LetheError {
  const after = spec.resize || spec.crop ? ` (${picture.width}×${picture.height} after resize and crop)` : ''
  return new LetheError(
    'image-size',
    `Image "${id}" is ${image.width}×${image.height} pixels${after} and gives [${shapeOf(picture, spec)}]; the model takes [${dims.map((d) => (d < 0 ? '?' : d))}]. Declare resize, crop, channels or layout in the preprocessing.`,
    { id, got: shapeOf(picture, spec), expected: dims },
  )
}
