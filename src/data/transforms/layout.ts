import type { Transform } from './picture.js'

/**
 * Order of the axes: 'NCHW' (default) turns interleaved channels [H, W, C] into planes [C, H, W]; 'NHWC' leaves them.
 * The last step: a picture with planes is only a run of values from here on.
 */
export const layout: Transform = {
  name: 'layout',
  apply(picture, spec) {
    const { channels } = picture
    if (spec.layout === 'NHWC' || channels === 1) return picture
    const plane = picture.width * picture.height
    const values = new Float32Array(picture.values.length)
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < plane; p++) values[c * plane + p] = picture.values[p * channels + c]!
    }
    return { ...picture, values }
  },
}
