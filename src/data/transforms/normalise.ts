import { LetheError } from '../../errors.js'
import type { Transform } from './picture.js'

/**
 * Values as the model takes them: (value·rescale − mean)/std, per channel, computed in float64 and rounded to float32.
 * Throws `config-invalid` where there is not one mean and one std a channel.
 */
export const normalise: Transform = {
  name: 'normalise',
  apply(picture, spec) {
    const { channels } = picture
    const rescale = spec.rescale ?? 1 / 255
    const mean = perChannel('mean', spec.mean ?? 0, channels)
    const std = perChannel('std', spec.std ?? 1, channels)
    // A channel has 256 values: each is computed once.
    const table = new Float32Array(channels * 256)
    for (let c = 0; c < channels; c++) {
      for (let v = 0; v < 256; v++) table[c * 256 + v] = (v * rescale - mean[c]!) / std[c]!
    }
    const values = new Float32Array(picture.values.length)
    for (let i = 0, c = 0; i < values.length; i++) {
      values[i] = table[c * 256 + picture.values[i]!]!
      if (++c === channels) c = 0
    }
    return { ...picture, values }
  },
}

function perChannel(field: string, value: number | readonly number[], channels: number): readonly number[] {
  const all = typeof value === 'number' ? new Array<number>(channels).fill(value) : value
  if (all.length === channels) return all
  throw new LetheError(
    'config-invalid',
    `preprocessing.${field} has ${all.length} numbers, but the model takes ${channels} channels; give one number a channel.`,
    { field, got: all.length, expected: channels },
  )
}
