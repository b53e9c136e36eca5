import type { Examples } from '../src/network/examples.js'
import { numbers } from './small-graphs.js'

/** `size` examples of 6 features and 4 classes for `mlpGraph`. */
export function smallExamples(
  size: number,
  options: {
    label?: (row: number) => number
    value?: (row: number, i: number) => number | undefined
    prefix?: string
  } = {},
): Examples {
  const features = numbers(size * 6, 77)
  const row = (r: number): Float32Array => features.slice(r * 6, r * 6 + 6).map((v, i) => options.value?.(r, i) ?? v)
  return {
    size,
    labels: Int32Array.from({ length: size }, (_, r) => options.label?.(r) ?? r % 4),
    id: (r) => `${options.prefix ?? 'r'}${r}`,
    async load(rows) {
      const data = new Float32Array(rows.length * 6)
      for (const [i, r] of rows.entries()) data.set(row(r), i * 6)
      return { x: { dtype: 'float32', dims: [rows.length, 6], data } }
    },
  }
}
