import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { piecesOf } from '../../src/onnx/pieces.js'
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  TensorProtoSchema,
} from '../../src/onnx/schema/onnx_pb.js'
import { joined, sizeOfPieces } from '../../src/tensor/pieces.js'

const fixtures = join(import.meta.dirname, '../fixtures/models')
const files = readdirSync(fixtures).filter((name) => name.endsWith('.onnx'))
const large = new Uint8Array(10_000).map((_, i) => i)
const tensor = (name: string) =>
  create(TensorProtoSchema, { name, dataType: 1, dims: [2500n], rawData: large, docString: 'a weight' })

/** Fields before and after the graph, before and after the initializers, before and after the raw data, and unknown ones. */
function full(): ModelProto {
  const weights = [tensor('a'), create(TensorProtoSchema, { name: 'b', dataType: 1, floatData: [1] }), tensor('c')]
  weights[0]!.$unknown = [{ no: 4000, wireType: 0, data: Uint8Array.of(42) }]
  const graph = create(GraphProtoSchema, { name: 'g', initializer: weights, docString: 'a graph' })
  graph.$unknown = [{ no: 4001, wireType: 0, data: Uint8Array.of(43) }]
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    docString: 'a model',
    graph,
    metadataProps: [{ key: 'k', value: 'v' }],
  })
  model.$unknown = [{ no: 4002, wireType: 0, data: Uint8Array.of(44) }]
  return model
}

const models: [string, () => ModelProto][] = [
  ...files.map((name): [string, () => ModelProto] => [
    name,
    () => fromBinary(ModelProtoSchema, readFileSync(join(fixtures, name))),
  ]),
  ['everything a file can hold', full],
  ['no graph', () => create(ModelProtoSchema, { irVersion: 8n })],
  ['a graph of nothing', () => create(ModelProtoSchema, { graph: create(GraphProtoSchema) })],
]

describe('pieces are the bytes that protobuf writes', () => {
  it.each(models)('%s', (_, make) => {
    const model = make()
    const pieces = piecesOf(model)
    const bytes = toBinary(ModelProtoSchema, model)
    expect(sizeOfPieces(pieces)).toBe(bytes.byteLength)
    expect(Buffer.compare(joined(pieces), bytes)).toBe(0)
  })
})

it('large tensors are not copied, and the model stays as it is', () => {
  const model = full()
  const before = toBinary(ModelProtoSchema, model)
  expect(piecesOf(model).filter((piece) => piece.buffer === large.buffer)).toHaveLength(2)
  expect(toBinary(ModelProtoSchema, model)).toEqual(before)
})
