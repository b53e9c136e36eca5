import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../src/onnx/schema/onnx_pb.js'
import { below, oneOf, type Random } from './mutate.js'

/** A change to what a model says, which leaves a well-formed file. */
type Change = (graph: GraphProto, next: Random) => void

const sizes = [0n, -1n, 1n, 3n, 2n ** 31n, 2n ** 40n, 2n ** 62n, -(2n ** 63n)] as const
const names = ['', '__proto__', 'constructor', 'toString', '\uFFFD', '../x', 'x'.repeat(5000), 'lethe/Mul_0'] as const
const ops = [
  '',
  'Identity',
  'If',
  'Loop',
  'Scan',
  'Add',
  'Reshape',
  'LSTM',
  'Softmax',
  'Nope',
  'SequenceAt',
  'Shape',
] as const

const someNode = (graph: GraphProto, next: Random): GraphProto['node'][number] =>
  graph.node.length > 0 ? oneOf(next, graph.node) : create(NodeProtoSchema)
const someTensor = (graph: GraphProto, next: Random): GraphProto['initializer'][number] =>
  graph.initializer.length > 0 ? oneOf(next, graph.initializer) : create(TensorProtoSchema)
const someValue = (graph: GraphProto, next: Random): string =>
  oneOf(next, [...graph.node.flatMap((n) => [...n.input, ...n.output]), ...graph.input.map((v) => v.name), 'nothing'])

/** `depth` bodies, one in the other. */
function nested(depth: number): GraphProto {
  let body = create(GraphProtoSchema, { name: 'deepest' })
  for (let i = 0; i < depth; i++) {
    const attribute = ['then_branch', 'else_branch'].map((name) =>
      create(AttributeProtoSchema, {
        name,
        type: AttributeType.GRAPH,
        g: name === 'then_branch' ? body : create(GraphProtoSchema),
      }),
    )
    body = create(GraphProtoSchema, {
      name: `body${i}`,
      node: [create(NodeProtoSchema, { opType: 'If', input: ['x'], output: [`y${i}`], attribute })],
    })
  }
  return body
}

/** Changes to a graph, by what they do. */
export const graphChanges: Readonly<Record<string, Change>> = {
  'an axis of another size'(graph, next) {
    const { dims } = someTensor(graph, next)
    dims[below(next, dims.length + 1)] = oneOf(next, sizes)
  },
  'an input axis of another size'(graph, next) {
    const type = [...graph.input, ...graph.output].at(below(next, graph.input.length + 1))?.type?.value
    const dim = type?.case === 'tensorType' ? type.value.shape?.dim : undefined
    if (dim && dim.length > 0) dim[below(next, dim.length)]!.value = { case: 'dimValue', value: oneOf(next, sizes) }
  },
  'a tensor of another type'(graph, next) {
    someTensor(graph, next).dataType = below(next, 30)
  },
  'a tensor of less data'(graph, next) {
    const t = someTensor(graph, next)
    t.rawData = t.rawData.slice(0, below(next, t.rawData.length + 1))
  },
  'weights elsewhere'(graph, next) {
    const t = someTensor(graph, next)
    t.dataLocation = TensorProto_DataLocation.EXTERNAL
    const entry = (key: string, value: string): void => {
      t.externalData.push(create(StringStringEntryProtoSchema, { key, value }))
    }
    entry('location', oneOf(next, ['../../etc/passwd', '/etc/passwd', 'C:\\x', 'weights.bin', '', '\0', 'a/../../b']))
    if (next() < 0.5) entry('offset', oneOf(next, ['-1', '1e9', '99999999999999999999', '0', ' 4']))
    if (next() < 0.5) entry('length', oneOf(next, ['-1', '1e9', '9007199254740991', '0', 'many', '4000000000']))
  },
  'a value that nothing makes'(graph, next) {
    const { input } = someNode(graph, next)
    input[below(next, input.length + 1)] = oneOf(next, names)
  },
  'a circle'(graph, next) {
    const node = someNode(graph, next)
    node.input[below(next, node.input.length + 1)] = oneOf(next, node.output.length > 0 ? node.output : ['x'])
  },
  'a circle of copies'(graph, next) {
    const output = oneOf(next, graph.output)?.name ?? 'x'
    graph.node = graph.node.filter((n) => !n.output.includes(output))
    graph.node.push(
      create(NodeProtoSchema, { opType: 'Identity', input: [`${output}/2`], output: [output] }),
      create(NodeProtoSchema, { opType: 'Identity', input: [output], output: [`${output}/2`] }),
    )
  },
  'nodes in another order'(graph, next) {
    graph.node.sort(() => next() - 0.5)
  },
  'one initializer less'(graph, next) {
    graph.initializer.splice(below(next, graph.initializer.length), 1)
  },
  'a name twice'(graph, next) {
    const [a, b] = [someTensor(graph, next), someTensor(graph, next)]
    a.name = next() < 0.5 ? b.name : someValue(graph, next)
    if (next() < 0.5) someNode(graph, next).output[0] = someValue(graph, next)
  },
  'a strange name'(graph, next) {
    const node = someNode(graph, next)
    const name = oneOf(next, names)
    if (next() < 0.3) node.name = name
    else if (next() < 0.5) node.output[0] = name
    else someTensor(graph, next).name = name
  },
  'another operator'(graph, next) {
    someNode(graph, next).opType = oneOf(next, ops)
  },
  'another domain'(graph, next) {
    someNode(graph, next).domain = oneOf(next, ['com.microsoft', 'ai.onnx.ml', '__proto__', 'own'])
  },
  'an attribute of another kind'(graph, next) {
    const { attribute } = someNode(graph, next)
    if (attribute.length === 0) return
    const a = oneOf(next, attribute)
    a.type = below(next, 16)
    if (next() < 0.5) a.i = oneOf(next, sizes)
  },
  'another number in an attribute'(graph, next) {
    const { attribute } = someNode(graph, next)
    if (attribute.length === 0) return
    const a = oneOf(next, attribute)
    a.i = oneOf(next, sizes)
    if (a.ints.length > 0) a.ints[below(next, a.ints.length)] = oneOf(next, sizes)
    a.f = oneOf(next, [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e38])
  },
  'an attribute for a new purpose'(graph, next) {
    const { attribute } = someNode(graph, next)
    const name = oneOf(next, ['axis', 'axes', 'perm', 'to', 'value', 'body', 'then_branch', '__proto__', 'layout'])
    attribute.push(create(AttributeProtoSchema, { name, type: below(next, 15), i: oneOf(next, sizes) }))
  },
  'a reference outside a function'(graph, next) {
    someNode(graph, next).attribute.push(create(AttributeProtoSchema, { name: 'axis', refAttrName: 'nothing' }))
  },
  'bodies in bodies'(graph, next) {
    graph.node.push(...nested(oneOf(next, [2, 30, 300])).node)
  },
  'a field very often'(graph, next) {
    const count = oneOf(next, [100, 20_000])
    const what = below(next, 3)
    if (what === 0) someNode(graph, next).input.push(...Array<string>(count).fill(someValue(graph, next)))
    if (what === 1) someTensor(graph, next).dims.push(...Array<bigint>(count).fill(1n))
    if (what === 2) someNode(graph, next).output.push(...Array.from({ length: count }, (_, i) => `o${i}`))
  },
  'no outputs'(graph) {
    graph.output = []
  },
  'inputs that are initializers'(graph, next) {
    const name = someTensor(graph, next).name
    for (const v of graph.input) if (next() < 0.5) v.name = name
  },
  'values without a type'(graph, next) {
    for (const v of [...graph.input, ...graph.output]) if (next() < 0.5) delete v.type
  },
}

const modelChanges: Readonly<Record<string, (model: ReturnType<typeof parse>, next: Random) => void>> = {
  'another operator set'(model, next) {
    for (const o of model.opsetImport) o.version = oneOf(next, [0n, -1n, 1n, 6n, 9n, 12n, 26n, 27n, 2n ** 40n])
  },
  'no operator set'(model) {
    model.opsetImport = []
  },
  'functions that call each other'(model, next) {
    const call = (opType: string): ReturnType<typeof create<typeof NodeProtoSchema>> =>
      create(NodeProtoSchema, { opType, domain: 'own', input: ['a'], output: ['b'] })
    const count = oneOf(next, [1, 2, 20])
    for (let i = 0; i < count; i++) {
      const name = `f${i}`
      // Two calls of the next one each: the number of nodes doubles at every step.
      const node = [call(`f${(i + 1) % count}`), { ...call(`f${(i + 1) % count}`), input: ['b'], output: ['c'] }]
      model.functions.push(
        create(FunctionProtoSchema, { domain: 'own', name, input: ['a'], output: ['c'], node: [...node] }),
      )
    }
    model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'own', version: 1n }))
    model.graph?.node.push({ ...call('f0'), input: [someValue(model.graph, next)], output: ['from functions'] })
  },
  'another version of the form'(model, next) {
    model.irVersion = oneOf(next, [0n, -1n, 1n, 3n, 14n, 2n ** 40n])
  },
}

function parse(bytes: Uint8Array) {
  return fromBinary(ModelProtoSchema, bytes)
}

/** What can be said differently in a model, by name. */
export const modelMutations: readonly string[] = [...Object.keys(graphChanges), ...Object.keys(modelChanges)]

/** The model with up to three changes to what it says. */
export function mutateModel(bytes: Uint8Array, next: Random, first: string): Uint8Array {
  const model = parse(bytes)
  for (const name of [first, ...Array.from({ length: below(next, 3) }, () => oneOf(next, modelMutations))]) {
    if (model.graph) graphChanges[name]?.(model.graph, next)
    modelChanges[name]?.(model, next)
  }
  return toBinary(ModelProtoSchema, model)
}
