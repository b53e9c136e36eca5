import { clearField, type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { sizeOfPieces } from '../tensor/pieces.js'
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './schema/onnx_pb.js'

/** Tensors of fewer bytes are written with what lies around them. */
const largeBytes = 4096

/**
 * The bytes of a model in consecutive pieces: together exactly what protobuf writes. Large tensors are pieces that share the
 * memory of the model, where protobuf copies each of them once for every message that it lies in.
 */
export function piecesOf(model: ModelProto): Uint8Array[] {
  const graph = model.graph ? field(7, graphPieces(model.graph)) : []
  return around(ModelProtoSchema, model, 7, graph).filter((piece) => piece.byteLength > 0)
}

function graphPieces(graph: GraphProto): Uint8Array[] {
  const initializers = graph.initializer.flatMap((t) => field(5, tensorPieces(t)))
  return around(GraphProtoSchema, graph, 5, initializers)
}

function tensorPieces(t: TensorProto): Uint8Array[] {
  if (t.rawData.byteLength < largeBytes) return [toBinary(TensorProtoSchema, t)]
  return around(TensorProtoSchema, t, 9, field(9, [t.rawData]))
}

/** A field of a message or of bytes, of the pieces of its content. */
function field(number: number, content: readonly Uint8Array[]): Uint8Array[] {
  const length = sizeOfPieces(content)
  return [new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(length).finish(), ...content]
}

/** A message in the order of protobuf: the fields before a number, those of the number as given, the ones after, unknown ones. */
function around<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  number: number,
  inside: readonly Uint8Array[],
): Uint8Array[] {
  const [before, after] = [shallowCopy(message), shallowCopy(message)]
  for (const f of schema.fields) {
    if (f.number >= number) clearField(before, f)
    if (f.number <= number) clearField(after, f)
  }
  before.$unknown = undefined
  return [toBinary(schema, before), ...inside, toBinary(schema, after)]
}

/** Copy of a message that shares its fields; assigning to the copy leaves the original as it is. */
export function shallowCopy<T extends object>(message: T): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message)), message)
}
