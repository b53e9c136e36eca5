import { LetheError } from '../errors.js'
import { type DataType, halfToNumber, numberAt, numberToHalf, type Tensor } from '../tensor/tensor.js'

/** Whether two elements are one number, each as its own type holds it. */
export type Same = (a: number, b: number) => boolean

/** Nearest value that an element type holds, as an ordinary number. Throws `dtype-mismatch` for integers. */
export function rounded(value: number, dtype: DataType): number {
  if (dtype === 'float64') return value
  if (dtype === 'float32') return Math.fround(value)
  if (dtype === 'float16') return halfToNumber(numberToHalf(value))
  if (dtype === 'bfloat16') return bfloatValue(numberToBfloat(value))
  throw new LetheError('dtype-mismatch', `Expected a floating type, got ${dtype}.`)
}

/**
 * Equality of numbers held in two types: one is the other, rounded to its type. Which of both was rounded (a float32 model
 * exported in float16, or a float16 file loaded into float32) does not matter. NaN equals NaN, 0 equals −0.
 */
export function sameAs(a: DataType, b: DataType): Same {
  const bothNaN = (x: number, y: number): boolean => Number.isNaN(x) && Number.isNaN(y)
  if (a === b) return (x, y) => x === y || bothNaN(x, y)
  return (x, y) => x === y || rounded(x, b) === y || x === rounded(y, a) || bothNaN(x, y)
}

/** Reader of a floating tensor's elements as ordinary numbers. */
export function readerOf(t: Tensor): (i: number) => number {
  const { dtype, data } = t
  if (dtype === 'float32' || dtype === 'float64') return (i) => data[i] as number
  return (i) => numberAt(t, i)
}

/** Puts a number into a floating tensor in its own type, to the nearest value, ties to even. Throws `dtype-mismatch`. */
export function putElement(t: Tensor, i: number, value: number): void {
  if (t.dtype === 'float32' || t.dtype === 'float64') t.data[i] = value
  else if (t.dtype === 'float16') t.data[i] = numberToHalf(value)
  else if (t.dtype === 'bfloat16') t.data[i] = numberToBfloat(value)
  else throw new LetheError('dtype-mismatch', `Expected a floating tensor, got ${t.dtype}.`)
}

/** Nearest bfloat16 bit pattern, the upper half of a float32, ties to even. */
export function numberToBfloat(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
  if (Number.isNaN(value)) return 0x7fc0
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

function bfloatValue(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!
}
