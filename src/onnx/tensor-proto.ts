import { clearField, create } from '@bufbuild/protobuf'
import { LetheError } from '../errors.js'
import { onnxTypeCode } from '../graph/emitter.js'
import {
  allocate,
  bytesPerElement,
  type DataType,
  fromBytes,
  sizeOf,
  type Tensor,
  type TensorData,
  toBytes,
} from '../tensor/tensor.js'
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from './schema/onnx_pb.js'

/** Bytes of an external tensor file: `location` as written in the model, read from `offset` for `length` bytes. */
export type ReadExternal = (location: string, offset: number, length: number | undefined) => Uint8Array

const typeOfCode = new Map<number, DataType>(
  Object.entries(onnxTypeCode).map(([dtype, code]) => [code, dtype as DataType]),
)

/** Element type of a TensorProto.DataType code. Throws `model-unsupported` for strings, complex and sub-byte types. */
export function dtypeOfCode(code: number, where: string): DataType {
  const dtype = typeOfCode.get(code)
  if (dtype) return dtype
  throw new LetheError('model-unsupported', `${where} has element type ${code}, which Lethe does not read.`)
}

/** True where the element type of a TensorProto is one that Lethe reads. */
export function isReadable(code: number): boolean {
  return typeOfCode.has(code)
}

/**
 * Tensor of a TensorProto, raw, typed or external; raw data shares the file's memory where it is aligned.
 * Throws `model-truncated` where the data does not fill the shape.
 */
export function readTensor(proto: TensorProto, readExternal?: ReadExternal): Tensor {
  const where = `Tensor "${proto.name}"`
  const dtype = dtypeOfCode(proto.dataType, where)
  const dims = proto.dims.map(Number)
  if (dims.some((d) => d < 0)) throw new LetheError('model-truncated', `${where} has a negative axis: [${dims}].`)
  const size = sizeOf(dims)
  const data = readData(proto, dtype, size, where, readExternal)
  if (data.length !== size) {
    throw new LetheError(
      'model-truncated',
      `${where} of shape [${dims}] needs ${size} elements, the file holds ${data.length}; get the whole file again.`,
    )
  }
  return { dtype, dims, data }
}

function readData(
  proto: TensorProto,
  dtype: DataType,
  size: number,
  where: string,
  readExternal?: ReadExternal,
): TensorData {
  const bytes = size * bytesPerElement(dtype)
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const entries = new Map(proto.externalData.map((e) => [e.key, e.value]))
    const location = entries.get('location')
    if (!readExternal || location === undefined) {
      throw new LetheError(
        'model-unsupported',
        `${where} lies in the external file "${location ?? '?'}"; open the model by its path so that it can be found.`,
      )
    }
    const offset = byteCount(entries.get('offset') ?? '0')
    const length = byteCount(entries.get('length') ?? String(bytes))
    if (offset === undefined || length !== bytes) {
      throw new LetheError(
        'model-truncated',
        `${where} needs ${bytes} bytes of "${location}"; the model says ${entries.get('length') ?? bytes} at ${entries.get('offset') ?? 0}.`,
      )
    }
    return rawData(dtype, readExternal(location, offset, length), where)
  }
  if (proto.rawData.length > 0) return rawData(dtype, proto.rawData, where)
  return typedData(proto, dtype, size)
}

/** A number of bytes as the model writes it, undefined where it is none. */
function byteCount(text: string): number | undefined {
  const value = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : undefined
}

function rawData(dtype: DataType, raw: Uint8Array, where: string): TensorData {
  if (raw.byteLength % bytesPerElement(dtype) === 0) return fromBytes(dtype, raw)
  throw new LetheError('model-truncated', `${where} holds ${raw.byteLength} bytes, not a whole number of ${dtype}.`)
}

function typedData(proto: TensorProto, dtype: DataType, size: number): TensorData {
  if (dtype === 'float32') return Float32Array.from(proto.floatData)
  if (dtype === 'float64') return Float64Array.from(proto.doubleData)
  if (dtype === 'int64') return BigInt64Array.from(proto.int64Data)
  if (dtype === 'uint64') return BigUint64Array.from(proto.uint64Data)
  const source = dtype === 'uint32' ? proto.uint64Data : proto.int32Data
  const out = allocate(dtype, Math.min(size, source.length)) as Int32Array
  for (let i = 0; i < out.length; i++) out[i] = Number(source[i])
  return source.length > size ? allocate(dtype, source.length) : out
}

/** TensorProto with raw data that shares the tensor's memory. */
export function writeTensor(name: string, t: Tensor): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dataType: onnxTypeCode[t.dtype],
    dims: t.dims.map(BigInt),
    rawData: toBytes(t.data),
  })
}

/** Puts new elements into a TensorProto in place, whatever form its old ones had; name, shape and type stay. */
export function replaceData(proto: TensorProto, data: TensorData): void {
  proto.floatData = []
  proto.int32Data = []
  proto.int64Data = []
  proto.doubleData = []
  proto.uint64Data = []
  proto.externalData = []
  // Not set to its default: that would be written.
  clearField(proto, TensorProtoSchema.field.dataLocation)
  proto.rawData = toBytes(data)
}
