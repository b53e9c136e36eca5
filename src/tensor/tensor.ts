import { LetheError } from '../errors.js'
import type { Memory } from './memory.js'

/** Typed array behind each element type; `float16` and `bfloat16` hold their bit patterns, `bool` holds 0 or 1. */
export interface ArrayOf {
  float32: Float32Array
  float64: Float64Array
  float16: Uint16Array
  bfloat16: Uint16Array
  int8: Int8Array
  int16: Int16Array
  int32: Int32Array
  int64: BigInt64Array
  uint8: Uint8Array
  uint16: Uint16Array
  uint32: Uint32Array
  uint64: BigUint64Array
  bool: Uint8Array
}

/** Element type of a tensor, by its ONNX name in lower case. */
export type DataType = keyof ArrayOf
export type TensorData = ArrayOf[DataType]

/** Dense row-major tensor: element type, dimensions, and as many elements as the dimensions multiply to. */
export interface Tensor<T extends DataType = DataType> {
  readonly dtype: T
  readonly dims: readonly number[]
  readonly data: ArrayOf[T]
}

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const

/** Number of elements of a shape; a scalar (no axes) has one. */
export function sizeOf(dims: readonly number[]): number {
  let size = 1
  for (const dim of dims) size *= dim
  return size
}

/** Bytes of one element. */
export function bytesPerElement(dtype: DataType): number {
  return constructors[dtype].BYTES_PER_ELEMENT
}

/** Tensor over the given data. Throws `shape-mismatch` where the number of elements does not fit the shape. */
export function tensor<T extends DataType>(dtype: T, dims: readonly number[], data: ArrayOf[T]): Tensor<T> {
  if (data.length !== sizeOf(dims)) {
    throw new LetheError(
      'shape-mismatch',
      `A tensor of shape [${dims}] needs ${sizeOf(dims)} elements, got ${data.length}.`,
    )
  }
  return { dtype, dims, data }
}

/** New zero-filled array of an element type. */
export function allocate<T extends DataType>(dtype: T, length: number): ArrayOf[T] {
  return new constructors[dtype](length) as ArrayOf[T]
}

/** Array of an element type in memory that was used before, with what stands there. */
export function allocateIn<T extends DataType>(dtype: T, length: number, memory: Memory): ArrayOf[T] {
  const make = constructors[dtype]
  return new make(memory.take(length * make.BYTES_PER_ELEMENT)) as ArrayOf[T]
}

/**
 * Elements of little-endian bytes. Shares memory where the offset is aligned, copies otherwise.
 * Throws `shape-mismatch` where the bytes are not a whole number of elements.
 */
export function fromBytes<T extends DataType>(dtype: T, bytes: Uint8Array): ArrayOf[T] {
  const make = constructors[dtype]
  const size = make.BYTES_PER_ELEMENT
  if (bytes.byteLength % size !== 0) {
    throw new LetheError('shape-mismatch', `${bytes.byteLength} bytes are not a whole number of ${dtype} elements.`)
  }
  // A copy through the constructor: slice() of a Buffer would share its memory.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new make(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / size) as ArrayOf[T]
}

/** Little-endian bytes of a tensor's elements, sharing its memory. */
export function toBytes(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** Elements as ordinary numbers (float16 decoded, 64-bit integers rounded to the nearest number). */
export function toNumbers(t: Tensor): number[] {
  const out = new Array<number>(t.data.length)
  for (let i = 0; i < out.length; i++) out[i] = numberAt(t, i)
  return out
}

/** Element `i` as an ordinary number. */
export function numberAt(t: Tensor, i: number): number {
  const raw = t.data[i] as number | bigint
  if (t.dtype === 'float16') return halfToNumber(Number(raw))
  if (t.dtype === 'bfloat16') return bfloatToNumber(Number(raw))
  return Number(raw)
}

/** Any floating tensor as float32 elements; shares memory where it already is. Throws `dtype-mismatch` for integers. */
export function toFloat32(t: Tensor): Float32Array {
  if (t.dtype === 'float32') return t.data as Float32Array
  if (!isFloat(t.dtype)) throw new LetheError('dtype-mismatch', `Expected a floating tensor, got ${t.dtype}.`)
  const out = new Float32Array(t.data.length)
  for (let i = 0; i < out.length; i++) out[i] = numberAt(t, i)
  return out
}

/** True for float16, bfloat16, float32 and float64. */
export function isFloat(dtype: DataType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16'
}

const scratch = new DataView(new ArrayBuffer(4))

/** Value of an IEEE 754 binary16 bit pattern. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Nearest IEEE 754 binary16 bit pattern, ties to even. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude >= 65520) return sign | 0x7c00
  if (magnitude < 2 ** -14) return sign | roundEven(magnitude * 2 ** 24)
  const exponent = Math.floor(Math.log2(magnitude))
  const fixed = magnitude < 2 ** exponent ? exponent - 1 : exponent
  return sign | (((fixed + 15) << 10) + roundEven((magnitude / 2 ** fixed - 1) * 1024))
}

function roundEven(x: number): number {
  const low = Math.floor(x)
  const rest = x - low
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low
}

function bfloatToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16)
  return scratch.getFloat32(0)
}

/**
 * The nearest int64 of a whole number. Slices "to the end" carry 2⁶³ − 1, which as a double has become 2⁶³ and would wrap
 * around to a negative number.
 */
export function toInt64(value: number): bigint {
  return value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(Math.max(value, -(2 ** 63)))
}
