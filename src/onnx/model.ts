import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { LetheError } from '../errors.js'
import { onnxTypeCode } from '../graph/emitter.js'
import type { Attribute, Graph, LocalFunction, Node, ValueInfo } from '../graph/graph.js'
import { ordered } from '../graph/order.js'
import { joined, sizeOfPieces } from '../tensor/pieces.js'
import { type Tensor, toInt64 } from '../tensor/tensor.js'
import { piecesOf, shallowCopy } from './pieces.js'
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type FunctionProto,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type OperatorSetIdProto,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  type TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './schema/onnx_pb.js'
import { dtypeOfCode, isReadable, type ReadExternal, readTensor, replaceData, writeTensor } from './tensor-proto.js'

/** A model as read: the graph Lethe works on, and the whole file behind it, so that writing keeps what Lethe ignores. */
export interface Model {
  readonly graph: Graph
  readonly irVersion: number
  readonly producer: string
  readonly proto: ModelProto
}

const quantisedOps =
  /^(QuantizeLinear|DequantizeLinear|DynamicQuantize.*|QLinear.*|QGemm|QAttention|MatMulNBits|MatMulBnb4|GatherBlockQuantized|.*Integer)$/

/**
 * Model of the bytes of an ONNX file. Weights share the memory of the bytes.
 * Throws `not-onnx`, `model-truncated`, `model-quantised`, `model-unsupported`.
 */
export function readModel(bytes: Uint8Array, options: { readExternal?: ReadExternal } = {}): Model {
  const proto = parse(bytes)
  const graphProto = proto.graph
  if (
    !graphProto ||
    proto.opsetImport.length === 0 ||
    (graphProto.node.length === 0 && graphProto.output.length === 0)
  ) {
    throw new LetheError('not-onnx', 'The file is not an ONNX model: it has no graph or names no operator set.')
  }
  const quantised = graphProto.node.find((n) => quantisedOps.test(n.opType))
  if (quantised) {
    throw new LetheError(
      'model-quantised',
      `Node "${quantised.name}" (${quantised.opType}) works on integer-quantised weights, which have no gradient; forget in the float model and quantise the result.`,
      { op: quantised.opType },
    )
  }
  const initializers = new Map<string, Tensor>()
  for (const t of graphProto.initializer) initializers.set(t.name, readTensor(t, options.readExternal))
  if (graphProto.sparseInitializer.length > 0) {
    throw new LetheError('model-unsupported', 'The model holds sparse initializers; export it with dense weights.')
  }
  const graph = ordered({
    name: graphProto.name,
    opsets: readOpsets(proto.opsetImport),
    inputs: graphProto.input.filter((v) => !initializers.has(v.name)).map(readValueInfo),
    outputs: graphProto.output.map(readValueInfo),
    initializers,
    nodes: graphProto.node.map(readNode),
    ...(proto.functions.length > 0 && { functions: proto.functions.map(readFunction) }),
  })
  return {
    graph,
    irVersion: Number(proto.irVersion),
    producer: `${proto.producerName} ${proto.producerVersion}`,
    proto,
  }
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes)
  } catch (cause) {
    // An ONNX file begins with field 1 (ir_version) as a varint.
    const [code, what] =
      bytes[0] === 0x08
        ? (['model-truncated', 'ends early or is damaged; get the whole file again'] as const)
        : (['not-onnx', 'is not an ONNX model (it is no ONNX protobuf)'] as const)
    throw new LetheError(code, `The file ${what}.`, {}, { cause })
  }
}

function readValueInfo(v: ValueInfoProto): ValueInfo {
  const type = v.type?.value
  if (type?.case !== 'tensorType') {
    return unsupported(`Input or output "${v.name}" is not a tensor.`)
  }
  // Some exporters write −1 for an axis of any size.
  const dims = type.value.shape?.dim.map(({ value }) =>
    value.case === 'dimValue'
      ? value.value < 0n
        ? undefined
        : Number(value.value)
      : value.case === 'dimParam'
        ? value.value || undefined
        : undefined,
  )
  return { name: v.name, dtype: dtypeOfCode(type.value.elemType, `Value "${v.name}"`), dims: dims ?? [] }
}

function unsupported(message: string): never {
  throw new LetheError('model-unsupported', message)
}

const standard = (domain: string): string => (domain === 'ai.onnx' ? '' : domain)
const readOpsets = (imports: readonly OperatorSetIdProto[]): Map<string, number> =>
  new Map(imports.map((o) => [standard(o.domain), Number(o.version)]))
const readAttributes = (list: readonly AttributeProto[]): Record<string, Attribute> =>
  Object.fromEntries(list.map((a) => [a.name, readAttribute(a)]))

function readNode(n: NodeProto): Node {
  return {
    op: n.opType,
    domain: standard(n.domain),
    name: n.name,
    inputs: n.input,
    outputs: n.output,
    attributes: readAttributes(n.attribute),
    ...(n.overload && { overload: n.overload }),
  }
}

function readFunction(f: FunctionProto): LocalFunction {
  return {
    domain: standard(f.domain),
    name: f.name,
    overload: f.overload,
    opsets: readOpsets(f.opsetImport),
    inputs: f.input,
    outputs: f.output,
    defaults: readAttributes(f.attributeProto),
    nodes: f.node.map(readNode),
  }
}

/** Inputs and outputs of a body may leave their types and shapes to be inferred. */
function readBodyValue(v: ValueInfoProto): ValueInfo {
  const type = v.type?.value
  if (type?.case !== 'tensorType' || type.value.elemType === 0) return { name: v.name, dtype: undefined, dims: [] }
  return { ...readValueInfo(v), ...(type.value.shape ? {} : { isUnranked: true as const }) }
}

/** A body; undefined where it holds what Lethe does not look into (inputs that are no tensors, sparse or external weights). */
function readBody(g: GraphProto): Graph | undefined {
  const isRead =
    g.sparseInitializer.length === 0 &&
    g.initializer.every((t) => isReadable(t.dataType) && t.dataLocation !== TensorProto_DataLocation.EXTERNAL) &&
    [...g.input, ...g.output].every((v) => v.type === undefined || v.type.value.case === 'tensorType')
  if (!isRead) return undefined
  const initializers = new Map(g.initializer.map((t) => [t.name, readTensor(t)]))
  return {
    name: g.name,
    opsets: new Map(),
    inputs: g.input.filter((v) => !initializers.has(v.name)).map(readBodyValue),
    outputs: g.output.map(readBodyValue),
    initializers,
    nodes: g.node.map(readNode),
  }
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()

function readAttribute(a: AttributeProto): Attribute {
  if (a.refAttrName) return { kind: 'reference', value: a.refAttrName }
  switch (a.type) {
    case AttributeType.INT:
      return { kind: 'int', value: Number(a.i) }
    case AttributeType.FLOAT:
      return { kind: 'float', value: a.f }
    case AttributeType.STRING:
      return { kind: 'string', value: decoder.decode(a.s) }
    case AttributeType.INTS:
      return { kind: 'ints', value: a.ints.map(Number) }
    case AttributeType.FLOATS:
      return { kind: 'floats', value: a.floats }
    case AttributeType.STRINGS:
      return { kind: 'strings', value: a.strings.map((s) => decoder.decode(s)) }
    case AttributeType.TENSOR:
      return a.t && isReadable(a.t.dataType) ? { kind: 'tensor', value: readTensor(a.t) } : { kind: 'opaque', value: a }
    case AttributeType.GRAPH: {
      const body = a.g && readBody(a.g)
      return body ? { kind: 'graph', value: body } : { kind: 'opaque', value: a }
    }
    default:
      return { kind: 'opaque', value: a }
  }
}

function writeAttribute(name: string, a: Attribute): AttributeProto {
  switch (a.kind) {
    case 'int':
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: toInt64(a.value) })
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: a.value })
    case 'string':
      return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: encoder.encode(a.value) })
    case 'ints':
      return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: a.value.map(toInt64) })
    case 'floats':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...a.value] })
    case 'strings':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.STRINGS,
        strings: a.value.map((s) => encoder.encode(s)),
      })
    case 'tensor':
      return create(AttributeProtoSchema, { name, type: AttributeType.TENSOR, t: writeTensor('', a.value) })
    case 'graph':
      return create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g: writeBody(a.value) })
    case 'reference':
      return create(AttributeProtoSchema, { name, refAttrName: a.value })
    case 'opaque':
      return a.value as AttributeProto
  }
}

function writeDim(d: number | string | undefined): MessageInitShape<typeof TensorShapeProto_DimensionSchema> {
  return {
    value: typeof d === 'number' ? { case: 'dimValue', value: BigInt(d) } : { case: 'dimParam', value: d ?? '' },
  }
}

function writeValueInfo(v: ValueInfo): ValueInfoProto {
  if (v.dtype === undefined) return create(ValueInfoProtoSchema, { name: v.name })
  return create(ValueInfoProtoSchema, {
    name: v.name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: onnxTypeCode[v.dtype],
          ...(!v.isUnranked && { shape: { dim: v.dims.map(writeDim) } }),
        },
      },
    },
  })
}

export interface WriteOptions {
  /** Largest file. Default 2³¹ − 1 bytes, the most that protobuf and ONNX Runtime read. */
  readonly limitBytes?: number
}

/** ONNX bytes of a graph of Lethe's own making (a gradient graph, a trained network). Throws `model-unsupported` beyond 2 GB. */
export function writeGraph(
  graph: Graph,
  options: WriteOptions & {
    readonly irVersion?: number
    readonly producer?: string
    readonly metadata?: Readonly<Record<string, string>>
  } = {},
): Uint8Array {
  const proto = create(ModelProtoSchema, {
    irVersion: BigInt(Math.min(options.irVersion ?? 8, 13)),
    producerName: options.producer ?? 'lethe',
    opsetImport: [...graph.opsets].map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
    ),
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: writeBody(graph),
  })
  return joined(boundedPieces(proto, options))
}

function writeBody(graph: Graph): GraphProto {
  return create(GraphProtoSchema, {
    name: graph.name || 'lethe',
    input: graph.inputs.map(writeValueInfo),
    output: graph.outputs.map(writeValueInfo),
    initializer: [...graph.initializers].map(([name, t]) => writeTensor(name, t)),
    node: graph.nodes.map((n) =>
      create(NodeProtoSchema, {
        opType: n.op,
        domain: n.domain,
        name: n.name,
        input: [...n.inputs],
        output: [...n.outputs],
        attribute: Object.entries(n.attributes).map(([name, a]) => writeAttribute(name, a)),
      }),
    ),
  })
}

/** Bytes of a model in pieces; the weights are counted before any memory is taken. */
function boundedPieces(proto: ModelProto, { limitBytes = 2 ** 31 - 1 }: WriteOptions): Uint8Array[] {
  const weights = proto.graph?.initializer.reduce((n, t) => n + t.rawData.byteLength, 0) ?? 0
  if (weights > limitBytes) throw tooLarge(weights, limitBytes)
  const pieces = piecesOf(proto)
  const size = sizeOfPieces(pieces)
  if (size > limitBytes) throw tooLarge(size, limitBytes)
  return pieces
}

function tooLarge(bytes: number, limit: number): LetheError {
  return new LetheError(
    'model-unsupported',
    `The model would be ${bytes} bytes as one file; ONNX files hold up to ${limit}. Export it in float16.`,
    { bytes, limit },
  )
}

/**
 * ONNX bytes of the model with some initializers changed; everything else is as it was read, unknown fields too.
 * Changed tensors keep name, shape and element type; tensors in external files are taken into the file. A changed name that an
 * Identity node copies from an initializer becomes an initializer in place of the node (see `untie`).
 * Throws `shape-mismatch`, `dtype-mismatch`, `internal` for a name that is no initializer, `model-unsupported` beyond 2 GB.
 */
export function writeModel(
  model: Model,
  changed: ReadonlyMap<string, Tensor> = new Map(),
  options: WriteOptions = {},
): Uint8Array {
  return joined(modelPieces(model, changed, options))
}

/** What `writeModel` gives, in consecutive pieces that share the memory of the model and of the new values. */
export function modelPieces(
  model: Model,
  changed: ReadonlyMap<string, Tensor>,
  options: WriteOptions = {},
): Uint8Array[] {
  const proto = shallowCopy(model.proto)
  const graph = shallowCopy(model.proto.graph ?? create(GraphProtoSchema))
  const left = new Set(changed.keys())
  graph.initializer = graph.initializer.map((t) => {
    const old = model.graph.initializers.get(t.name)
    const next = changed.get(t.name) ?? (t.dataLocation === TensorProto_DataLocation.EXTERNAL ? old : undefined)
    left.delete(t.name)
    if (!next || !old) return t
    if (next.dtype !== old.dtype) {
      throw new LetheError('dtype-mismatch', `Initializer "${t.name}" is ${old.dtype}, its new value ${next.dtype}.`)
    }
    if (next.data.length !== old.data.length) {
      throw new LetheError('shape-mismatch', `Initializer "${t.name}" has [${old.dims}], its new value [${next.dims}].`)
    }
    const copy = shallowCopy(t)
    replaceData(copy, next.data)
    return copy
  })
  giveOwn(graph, changed, left)
  if (left.size > 0) throw new LetheError('internal', `No initializer is called ${[...left].join(', ')}.`)
  proto.graph = graph
  return boundedPieces(proto, options)
}

/**
 * Gives the values of `names` that Identity nodes copy from an initializer initializers of their own, in place of the nodes;
 * names done are taken from the set. So a parameter that the exporter had merged with an equal one can change alone.
 */
function giveOwn(graph: GraphProto, changed: ReadonlyMap<string, Tensor>, names: Set<string>): void {
  const known = new Set(graph.initializer.map((t) => t.name))
  const own: TensorProto[] = []
  const nodes = graph.node.filter((node) => {
    const name = node.output[0] ?? ''
    const next = changed.get(name)
    if (node.opType !== 'Identity' || !known.has(node.input[0] ?? '') || !next || !names.delete(name)) return true
    own.push(writeTensor(name, next))
    return false
  })
  if (own.length === 0) return
  graph.node = nodes
  graph.initializer = [...graph.initializer, ...own]
}
