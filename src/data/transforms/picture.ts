import type { Preprocessing } from './preprocessing.js'

/** A picture on its way through the transforms. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly channels: number
  /** Values row by row, channels interleaved: [H, W, C]. */
  readonly values: Uint8Array
}

/** What the transforms go by: the declared preprocessing, with the channels decided. */
export interface PictureSpec extends Preprocessing {
  readonly channels: 'RGB' | 'BGR' | 'grey'
}

/** One step of preprocessing that makes pixels of pixels. All transforms have this shape; one that is not declared gives its picture back. */
export interface Transform {
  readonly name: string
  /** The picture after this step. Throws `image-size` where it cannot be done. */
  apply(picture: Picture, spec: PictureSpec, id: string): Picture
}
