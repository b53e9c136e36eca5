import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isLetheError } from '../../src/errors.js'
import { readModel, writeGraph, writeModel } from '../../src/onnx/model.js'
import { ModelProtoSchema, NodeProtoSchema, TensorProto_DataLocation } from '../../src/onnx/schema/onnx_pb.js'
import { numberToHalf, tensor } from '../../src/tensor/tensor.js'
import { mlpGraph } from '../small-graphs.js'

const bytes = writeGraph(mlpGraph(), { metadata: { author: 'a test' } })
const codeOf = (f: () => unknown): string => {
  try {
    f()
    return 'none'
  } catch (error) {
    return isLetheError(error) ? error.code : `not coded: ${String(error)}`
  }
}

describe('reading and writing a model', () => {
  it('changes no byte of meaning: metadata, names, unknown fields and all', () => {
    const proto = fromBinary(ModelProtoSchema, bytes)
    proto.graph!.node[0]!.docString = 'kept'
    // Field 4000, a varint that no version of the schema knows, in model and graph.
    proto.$unknown = [{ no: 4000, wireType: 0, data: Uint8Array.of(42) }]
    proto.graph!.$unknown = [{ no: 4001, wireType: 0, data: Uint8Array.of(7) }]
    const original = toBinary(ModelProtoSchema, proto)
    expect(writeModel(readModel(original))).toEqual(original)
  })

  it('changes only the initializers that are given', () => {
    const model = readModel(bytes)
    const next = tensor('float32', [4], Float32Array.of(1, 2, 3, 4))
    const again = readModel(writeModel(model, new Map([['fc2.bias', next]])))
    expect([...(again.graph.initializers.get('fc2.bias')!.data as Float32Array)]).toEqual([1, 2, 3, 4])
    for (const name of ['fc1.weight', 'fc1.bias', 'fc2.weight']) {
      expect(again.graph.initializers.get(name)).toEqual(model.graph.initializers.get(name))
    }
    expect(again.proto.metadataProps).toEqual(model.proto.metadataProps)
    expect([...(model.graph.initializers.get('fc2.bias')!.data as Float32Array)]).not.toEqual([1, 2, 3, 4])
  })

  it('reads typed, raw and half-precision data alike', () => {
    const proto = fromBinary(ModelProtoSchema, bytes)
    const bias = proto.graph!.initializer.find((t) => t.name === 'fc2.bias')!
    bias.rawData = new Uint8Array()
    bias.floatData = [1, 2, 3, 4]
    expect([...readModel(toBinary(ModelProtoSchema, proto)).graph.initializers.get('fc2.bias')!.data]).toEqual([
      1, 2, 3, 4,
    ])
    bias.floatData = []
    bias.dataType = 10
    bias.int32Data = [1, 2, 3, 4].map(numberToHalf)
    const half = readModel(toBinary(ModelProtoSchema, proto)).graph.initializers.get('fc2.bias')!
    expect(half.dtype).toBe('float16')
    expect([...half.data]).toEqual([1, 2, 3, 4].map(numberToHalf))
  })

  it('reads external data through the given reader and takes it into the file', () => {
    const proto = fromBinary(ModelProtoSchema, bytes)
    const bias = proto.graph!.initializer.find((t) => t.name === 'fc2.bias')!
    const raw = bias.rawData
    bias.rawData = new Uint8Array()
    bias.dataLocation = TensorProto_DataLocation.EXTERNAL
    bias.externalData = [
      { $typeName: 'onnx.StringStringEntryProto', key: 'location', value: 'weights.bin' },
      { $typeName: 'onnx.StringStringEntryProto', key: 'offset', value: '8' },
      { $typeName: 'onnx.StringStringEntryProto', key: 'length', value: '16' },
    ]
    const file = toBinary(ModelProtoSchema, proto)
    const model = readModel(file, {
      readExternal: (location, offset, length) => {
        expect([location, offset, length]).toEqual(['weights.bin', 8, 16])
        return raw
      },
    })
    expect(readModel(writeModel(model)).graph.initializers.get('fc2.bias')!.data).toEqual(
      model.graph.initializers.get('fc2.bias')!.data,
    )
    expect(codeOf(() => readModel(file))).toBe('model-unsupported')
  })
})

describe('input that is no usable model', () => {
  it.each([
    ['text', new TextEncoder().encode('this is not a model, it is a letter'), 'not-onnx'],
    ['nothing', new Uint8Array(), 'not-onnx'],
    ['half a file', bytes.subarray(0, bytes.length >> 1), 'model-truncated'],
    ['all but the last byte', bytes.subarray(0, bytes.length - 1), 'model-truncated'],
  ])('%s', (_, input, code) => expect(codeOf(() => readModel(input))).toBe(code))

  it('integer-quantised weights are refused by name', () => {
    const proto = fromBinary(ModelProtoSchema, bytes)
    proto.graph!.node.push(create(NodeProtoSchema, { opType: 'QLinearConv', name: 'q' }))
    expect(() => readModel(toBinary(ModelProtoSchema, proto))).toThrow(/"q" \(QLinearConv\).*integer-quantised/)
  })

  it('data that does not fill its shape is a truncated model', () => {
    const proto = fromBinary(ModelProtoSchema, bytes)
    proto.graph!.initializer[0]!.rawData = new Uint8Array(8)
    expect(codeOf(() => readModel(toBinary(ModelProtoSchema, proto)))).toBe('model-truncated')
  })

  it('mutated bytes give a model or a coded error, never anything else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (edits) => {
          const copy = bytes.slice()
          for (const [at, value] of edits) copy[at] = value
          expect(codeOf(() => readModel(copy))).not.toMatch(/^not coded/)
        },
      ),
      { numRuns: 2000, seed: 1 },
    )
  })
})
