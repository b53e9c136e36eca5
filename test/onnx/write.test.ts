import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { readModel, writeGraph, writeModel } from '../../src/onnx/model.js'
import {
  FunctionProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../src/onnx/schema/onnx_pb.js'
import { halfToNumber, numberToHalf, tensor, toBytes } from '../../src/tensor/tensor.js'
import { loadModel, saveModel } from '../../src/workspace/model-node.js'
import { mlpGraph } from '../small-graphs.js'

const fixtures = join(import.meta.dirname, '../fixtures/models')
const folder = mkdtempSync(join(tmpdir(), 'lethe-onnx-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Positions at which two equally long files differ. */
function differences(a: Uint8Array, b: Uint8Array): number[] {
  expect(b.length).toBe(a.length)
  return Array.from(a.keys()).filter((i) => a[i] !== b[i])
}

/** Where a run of bytes lies in a file; it must be there once. */
function find(file: Uint8Array, part: Uint8Array): number {
  const all = Buffer.from(file)
  const at = all.indexOf(part)
  expect(at).toBeGreaterThanOrEqual(0)
  expect(all.indexOf(part, at + 1)).toBe(-1)
  return at
}

describe('a model whose one initializer has changed', () => {
  it('differs from the file in the bytes of that initializer alone, with everything a file can hold', () => {
    const proto = fromBinary(ModelProtoSchema, writeGraph(mlpGraph(), { metadata: { author: 'a test' } }))
    proto.docString = 'a model'
    proto.domain = 'org.example'
    proto.modelVersion = 7n
    proto.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'org.example', version: 3n }))
    proto.functions.push(
      create(FunctionProtoSchema, {
        name: 'Twice',
        domain: 'org.example',
        input: ['a'],
        output: ['b'],
        opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
        node: [create(NodeProtoSchema, { opType: 'Add', input: ['a', 'a'], output: ['b'] })],
      }),
    )
    proto.graph!.docString = 'a graph'
    proto.graph!.initializer[0]!.docString = 'a weight'
    proto.graph!.node[0]!.metadataProps.push(create(StringStringEntryProtoSchema, { key: 'k', value: 'v' }))
    proto.$unknown = [{ no: 4000, wireType: 0, data: Uint8Array.of(42) }]
    proto.graph!.$unknown = [{ no: 4001, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }]
    proto.graph!.node[1]!.$unknown = [{ no: 4002, wireType: 0, data: Uint8Array.of(1) }]
    proto.graph!.initializer[1]!.$unknown = [{ no: 4003, wireType: 0, data: Uint8Array.of(9) }]
    const file = toBinary(ModelProtoSchema, proto)
    const model = readModel(file)
    const old = model.graph.initializers.get('fc1.weight')!
    const next = tensor(
      'float32',
      old.dims,
      Float32Array.from(old.data as Float32Array, (v, i) => (i === 4 ? -v : v)),
    )
    const written = writeModel(model, new Map([['fc1.weight', next]]))
    // One element, of which negation changes the highest byte.
    expect(differences(file, written)).toEqual([find(file, toBytes(old.data)) + 4 * 4 + 3])
  })

  const files = readdirSync(fixtures).filter((name) => name.endsWith('.onnx'))
  it.each(files)('read and written: %s keeps every byte', (name) => {
    const file = new Uint8Array(readFileSync(join(fixtures, name)))
    expect(differences(file, writeModel(readModel(file)))).toEqual([])
  })
})

describe('weights of other types', () => {
  /** The small network with its first weight in another element type. */
  function modelIn(dtype: 'float16' | 'float64', values: readonly number[]): string {
    const data = dtype === 'float16' ? Uint16Array.from(values) : Float64Array.from(values)
    const graph = mlpGraph()
    const initializers = new Map([...graph.initializers, ['extra', tensor(dtype, [values.length], data)] as const])
    const path = join(folder, `${dtype}.onnx`)
    writeFileSync(path, writeGraph({ ...graph, initializers }))
    return path
  }

  it('float16: entries that have not changed keep their bits, signed zero and subnormals too; others are rounded to even', async () => {
    const bits = [0x3c00, 0x8000, 0x0001, 0x8400, 0xfc00, 0x3555, 0x03ff]
    const path = modelIn('float16', bits)
    const file = await loadModel(path)
    const old = Float32Array.from(bits, halfToNumber)
    // 2049 lies between 2048 and 2050 and goes to the even one; 2051 between 2050 and 2052.
    const next = old.map((v, i) => (i === 0 ? 2049 : i === 5 ? 2051 : v))
    const out = join(folder, 'half-out.onnx')
    await saveModel(file, new Map([['extra', next]]), out)
    const again = await loadModel(out)
    const kept = [...(again.model.graph.initializers.get('extra')!.data as Uint16Array)]
    expect(kept).toEqual([numberToHalf(2048), 0x8000, 0x0001, 0x8400, 0xfc00, numberToHalf(2052), 0x03ff])
    const at = find(readFileSync(path), toBytes(Uint16Array.from(bits)))
    const changed = differences(readFileSync(path), readFileSync(out))
    expect(changed.every((i) => (i >= at && i < at + 2) || (i >= at + 10 && i < at + 12))).toBe(true)
  })

  it('float16: every number goes to the nearest of its neighbours, ties to the even one', () => {
    const finite = fc.integer({ min: 0, max: 0x7bfe })
    fc.assert(
      fc.property(finite, fc.double({ min: 0, max: 1, noNaN: true }), (low, share) => {
        const [a, b] = [halfToNumber(low), halfToNumber(low + 1)]
        const value = a + (b - a) * share
        const middle = (a + b) / 2
        const nearest = value < middle ? low : value > middle ? low + 1 : low % 2 === 0 ? low : low + 1
        expect(numberToHalf(value)).toBe(nearest)
        expect(numberToHalf(-value)).toBe(nearest | 0x8000)
      }),
      { seed: 2, numRuns: 2000 },
    )
    for (let bits = 0; bits <= 0x7c00; bits++) expect(numberToHalf(halfToNumber(bits))).toBe(bits)
  })

  it('float64: what float32 cannot hold is kept where it has not changed', async () => {
    const values = [1 / 3, Math.PI, -1e-300]
    const file = await loadModel(modelIn('float64', values))
    const next = Float32Array.from(values, (v, i) => (i === 1 ? 0.5 : v))
    const out = join(folder, 'double-out.onnx')
    await saveModel(file, new Map([['extra', next]]), out)
    const { data } = (await loadModel(out)).model.graph.initializers.get('extra')!
    expect([...data]).toEqual([1 / 3, 0.5, -1e-300])
  })

  it.each([
    ['float64', { dataType: 11, doubleData: [0.5, -2] }, [0.5, -2]],
    ['int64', { dataType: 7, int64Data: [5n, -(2n ** 60n)] }, [5n, -(2n ** 60n)]],
    ['uint64', { dataType: 13, uint64Data: [2n ** 63n, 1n] }, [2n ** 63n, 1n]],
    ['uint32', { dataType: 12, uint64Data: [4_294_967_295n, 1n] }, [4_294_967_295, 1]],
    ['int32', { dataType: 6, int32Data: [-7, 7] }, [-7, 7]],
    ['int8', { dataType: 3, int32Data: [-128, 127] }, [-128, 127]],
    ['uint8', { dataType: 2, int32Data: [255, 0] }, [255, 0]],
    ['bool', { dataType: 9, int32Data: [1, 0] }, [1, 0]],
  ] as const)('%s is read from its typed field', (dtype, fields, expected) => {
    const proto = fromBinary(ModelProtoSchema, writeGraph(mlpGraph()))
    const { dataType, ...data } = fields
    const lists = Object.fromEntries(Object.entries(data).map(([key, list]) => [key, [...list]]))
    proto.graph!.initializer.push(create(TensorProtoSchema, { name: 'extra', dataType, dims: [2n], ...lists }))
    const t = readModel(toBinary(ModelProtoSchema, proto)).graph.initializers.get('extra')!
    expect({ dtype: t.dtype, data: [...t.data] }).toEqual({ dtype, data: [...expected] })
  })
})

describe('external data', () => {
  /** The small network with two weights in a file beside it. */
  function externalModel(where: string, location: string, entries: Record<string, string> = {}): string {
    mkdirSync(join(folder, where), { recursive: true })
    const proto = fromBinary(ModelProtoSchema, writeGraph(mlpGraph()))
    const parts: Uint8Array[] = []
    let offset = 0
    for (const t of proto.graph!.initializer) {
      if (!t.name.endsWith('weight')) continue
      parts.push(t.rawData)
      const all = { location, offset: String(offset), length: String(t.rawData.length), ...entries }
      offset += t.rawData.length
      t.rawData = new Uint8Array()
      t.dataLocation = TensorProto_DataLocation.EXTERNAL
      t.externalData = Object.entries(all).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))
    }
    writeFileSync(join(folder, where, 'weights.bin'), Buffer.concat(parts))
    const path = join(folder, where, 'model.onnx')
    writeFileSync(path, toBinary(ModelProtoSchema, proto))
    return path
  }

  it('is read from beside the model, and written into the file, which is then whole by itself', async () => {
    const file = await loadModel(externalModel('whole', 'weights.bin'))
    for (const [name, t] of mlpGraph().initializers) expect(file.model.graph.initializers.get(name)).toEqual(t)
    const next = new Float32Array(30).fill(2)
    const out = join(folder, 'one-file.onnx')
    await saveModel(file, new Map([['fc1.weight', next]]), out)
    const again = readModel(readFileSync(out)).graph.initializers
    expect(again.get('fc1.weight')!.data).toEqual(next)
    expect(again.get('fc2.weight')).toEqual(mlpGraph().initializers.get('fc2.weight'))
  })

  it.each([
    ['outside the folder', 'out', '../whole/weights.bin', {}, 'model-unsupported'],
    ['an absolute path', 'absolute', join(folder, 'whole/weights.bin'), {}, 'model-unsupported'],
    ['a file that is not there', 'missing', 'gone.bin', {}, 'not-found'],
    ['a file that ends early', 'short', 'weights.bin', { offset: '180' }, 'model-truncated'],
    ['a length that is another', 'length', 'weights.bin', { length: '8' }, 'model-truncated'],
    ['a length that is no number', 'text', 'weights.bin', { length: 'long' }, 'model-truncated'],
    ['a length beyond all memory', 'huge', 'weights.bin', { length: '9000000000000000' }, 'model-truncated'],
    ['a negative offset', 'negative', 'weights.bin', { offset: '-4' }, 'model-truncated'],
  ])('%s is refused', async (_, where, location, entries, code) => {
    await expect(loadModel(externalModel(where, location, entries))).rejects.toMatchObject({ code })
  })
})

describe('a file larger than ONNX allows', () => {
  const options = { limitBytes: 400 }
  it('is refused before it is made, with what to do', () => {
    const model = readModel(writeGraph(mlpGraph()))
    expect(writeModel(model, new Map(), { limitBytes: 2000 }).length).toBeLessThan(2000)
    const message = /^The model would be \d+ bytes as one file; ONNX files hold up to 400\. /
    for (const write of [() => writeModel(model, new Map(), options), () => writeGraph(mlpGraph(), options)]) {
      expect(write).toThrow(
        expect.objectContaining({ code: 'model-unsupported', message: expect.stringMatching(message) }),
      )
    }
  })
})
