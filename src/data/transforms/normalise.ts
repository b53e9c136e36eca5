import { LetheError } from '../../errors.js'
import type { Picture } from './picture.js'
import type { Preprocessing } from './preprocessing.js'

/**
 * What each of the 256 values of a pixel becomes, one table a channel: (value·rescale − mean)/std, computed in float64 and
 * rounded to float32. Throws `config-invalid` where there is not one mean and one std a channel.
 */
export function valueTables(spec: Preprocessing, channels: number): readonly Float32Array[] {
  const rescale = spec.rescale ?? 1 / 255
  const mean = perChannel('mean', spec.mean ?? 0, channels)
  const std = perChannel('std', spec.std ?? 1, channels)
  return mean.map((m, c) => {
    const table = new Float32Array(256)
    for (let v = 0; v < 256; v++) table[v] = (v * rescale - m) / std[c]!
    return table
  })
}

/**
 * Writes what the pixels of a picture become, in the order of the layout: 'NCHW' (default) turns interleaved channels
 * [H, W, C] into planes [C, H, W], 'NHWC' leaves them.
 */
export function writeValues(
  { values, channels }: Picture,
  tables: readonly Float32Array[],
  layout: Preprocessing['layout'],
  out: Float32Array,
): void {
  const plane = values.length / channels
  for (const [c, table] of tables.entries()) {
    if (layout === 'NHWC') for (let i = c; i < values.length; i += channels) out[i] = table[values[i]!]!
    else for (let p = 0, i = c, at = c * plane; p < plane; p++, i += channels) out[at + p] = table[values[i]!]!
  }
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
