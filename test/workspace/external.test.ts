import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterAll, expect, it } from 'vitest'
import { writeGraph } from '../../src/onnx/model.js'
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
} from '../../src/onnx/schema/onnx_pb.js'
import { loadModel } from '../../src/workspace/model-node.js'
import { mlpGraph } from '../small-graphs.js'

const folder = mkdtempSync(join(tmpdir(), 'lethe-external-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('a model whose weights lie in another file is another model when they change, though its own file is the same', async () => {
  const proto = fromBinary(ModelProtoSchema, writeGraph(mlpGraph()))
  const weight = proto.graph!.initializer.find((t) => t.rawData.length > 16)!
  writeFileSync(join(folder, 'weights'), weight.rawData)
  const entry = (key: string, value: string) => create(StringStringEntryProtoSchema, { key, value })
  weight.externalData = [entry('location', 'weights'), entry('length', String(weight.rawData.length))]
  weight.rawData = new Uint8Array()
  weight.dataLocation = TensorProto_DataLocation.EXTERNAL
  const path = join(folder, 'model.onnx')
  writeFileSync(path, toBinary(ModelProtoSchema, proto))

  const before = await loadModel(path)
  const bytes = readFileSync(join(folder, 'weights'))
  bytes[2]! ^= 1
  writeFileSync(join(folder, 'weights'), bytes)
  const after = await loadModel(path)
  expect(after.sha256).toBe(before.sha256)
  expect(after.digest).not.toBe(before.digest)
})
