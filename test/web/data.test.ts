import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterAll, describe, expect, it } from 'vitest'
import { makeBatch } from '../../src/data/batch.js'
import type { Dataset } from '../../src/data/dataset.js'
import { openDataset } from '../../src/data/open-node.js'
import { createPool } from '../../src/engine/node/pool.js'
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
} from '../../src/onnx/schema/onnx_pb.js'
import {
  type Arrays,
  arrayDataset,
  npzDataset,
  openLethe,
  openModel,
  readBytes,
  readModel,
  readStore,
  type WebLethe,
  writeGraph,
  writeStore,
} from '../../src/web.js'
import { loadModel } from '../../src/workspace/model-node.js'
import { f32, mlpGraph } from '../small-graphs.js'

const folder = mkdtempSync(join(tmpdir(), 'lethe-web-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// What a page has of the web is in Node as well (Blob, SubtleCrypto, streams): these laws need no browser.
const fixtures = join(import.meta.dirname, '../fixtures')
const bytesOf = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(fixtures, path)))

describe('arrays of a page as data', () => {
  const labels = [0, 1, 1]
  it('hand out pictures row by row, with ids, classes and attributes', async () => {
    const pixels = Uint8Array.from({ length: 3 * 2 * 2 * 3 }, (_, i) => i)
    const data = arrayDataset({
      labels,
      images: { pixels, width: 2, height: 2, channels: 3 },
      ids: ['a', 'b', 'c'],
      classes: ['cat', 'dog'],
      attributes: { person: ['p', 'q', 'p'] },
    })
    expect(await data.read(1)).toEqual({
      kind: 'image',
      width: 2,
      height: 2,
      channels: 3,
      pixels: pixels.slice(12, 24),
    })
    expect([data.id(2), data.label(2), data.attribute('person', 2), data.classes]).toEqual([
      'c',
      1,
      'p',
      ['cat', 'dog'],
    ])
  })

  it('hand out tensors row by row, numbered where no ids are given', async () => {
    const data = arrayDataset({ labels, inputs: { x: f32([3, 4], 5) } })
    const { x } = await makeBatch(data, [2, 0], [{ name: 'x', dims: [4], dtype: 'float32' }])
    const all = [...f32([3, 4], 5).data]
    expect([...x!.data]).toEqual([...all.slice(8), ...all.slice(0, 4)])
    expect(data.id(1)).toBe('1')
  })

  const pixels = new Uint8Array(12)
  const refused: readonly (readonly [string, Arrays, string])[] = [
    ['pictures that are too few', { labels, images: { pixels, width: 2, height: 1, channels: 3 } }, 'data-format'],
    ['tensors that are too few', { labels, inputs: { x: f32([2, 4]) } }, 'data-format'],
    ['ids that are too few', { labels, inputs: { x: f32([3, 4]) }, ids: ['a'] }, 'data-format'],
    ['an id that is there twice', { labels, inputs: { x: f32([3, 4]) }, ids: ['a', 'b', 'a'] }, 'data-format'],
    ['neither pictures nor tensors', { labels }, 'data-format'],
    ['a negative label', { labels: [0, -1, 0], inputs: { x: f32([3, 4]) } }, 'label-range'],
  ]
  it.each(refused)('refuse %s', (_, arrays, code) => {
    expect(() => arrayDataset(arrays)).toThrow(expect.objectContaining({ code }))
  })
})

describe('NumPy archives in a page', () => {
  const all = async (data: Dataset): Promise<unknown> => ({
    classes: data.classes,
    attributes: data.attributes,
    records: await Promise.all(
      Array.from({ length: data.size }, async (_, i) => [
        data.id(i),
        data.label(i),
        data.attributes.map((a) => data.attribute(a, i)),
        await data.read(i),
      ]),
    ),
  })

  it.each([
    ['types.npz', undefined],
    ['compressed.npz', undefined],
    ['text.npz', undefined],
    ['pictures.npz', undefined],
    ['parts.npz', undefined],
    ['parts.npz', 'train'],
    ['parts.npz', 'test'],
  ] as const)('give the same records as in Node: %s, part %s', async (file, part) => {
    const node = await all(await openDataset(join(fixtures, 'npz', file), { split: part }))
    const bytes = bytesOf(`npz/${file}`)
    expect(await all(await npzDataset(bytes, { part }))).toEqual(node)
    expect(await all(await npzDataset(new Blob([bytes]), { part }))).toEqual(node)
  })

  it('that are damaged, or hold pickled objects, are refused', async () => {
    const bytes = bytesOf('npz/compressed.npz')
    for (let i = 200; i < 260; i++) bytes[i]! ^= 0x5a
    await expect(npzDataset(bytes)).rejects.toMatchObject({ code: 'data-format' })
    await expect(npzDataset(bytes.slice(0, 300))).rejects.toMatchObject({ code: 'data-format' })
    await expect(npzDataset(bytesOf('npz/pickled.npz'))).rejects.toMatchObject({ code: 'data-unsafe' })
  })
})

describe('a model in a page', () => {
  const path = join(fixtures, 'models/lenet.torchscript.onnx')
  const bytes = bytesOf('models/lenet.torchscript.onnx')

  it('has the digest that it has in Node, from memory, a file or an address', async () => {
    const { digest } = await loadModel(path)
    const address = `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`
    for (const source of [bytes, bytes.buffer, new Blob([bytes]), address, new URL(address)])
      expect((await openModel(source)).digest).toBe(digest)
  })

  it('with external data has the digest that it has in Node, and is refused where they are missing or short', async () => {
    const proto = fromBinary(ModelProtoSchema, writeGraph(mlpGraph()))
    const weight = proto.graph!.initializer.find((t) => t.rawData.length > 16)!
    const weights = weight.rawData
    const entry = (key: string, value: string) => create(StringStringEntryProtoSchema, { key, value })
    weight.externalData = [entry('location', 'weights'), entry('length', String(weights.length))]
    weight.rawData = new Uint8Array()
    weight.dataLocation = TensorProto_DataLocation.EXTERNAL
    const model = toBinary(ModelProtoSchema, proto)
    writeFileSync(join(folder, 'weights'), weights)
    writeFileSync(join(folder, 'model.onnx'), model)
    const { digest } = await loadModel(join(folder, 'model.onnx'))
    expect((await openModel(model, { weights })).digest).toBe(digest)
    await expect(openModel(model)).rejects.toMatchObject({ code: 'not-found', data: { location: 'weights' } })
    await expect(openModel(model, { weights: weights.slice(1) })).rejects.toMatchObject({ code: 'model-truncated' })
  })

  it('that cannot be fetched is refused with a code', async () => {
    const server = createServer((request, response) => response.writeHead(request.url === '/gone' ? 404 : 500).end())
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const place = server.address()
    const address = `http://127.0.0.1:${typeof place === 'object' ? place?.port : ''}`
    await expect(readBytes(`${address}/gone`)).rejects.toMatchObject({ code: 'not-found', data: { status: 404 } })
    await expect(readBytes(`${address}/broken`)).rejects.toMatchObject({ code: 'unreadable', data: { status: 500 } })
    await new Promise((closed) => server.close(closed))
    await expect(readBytes(`${address}/gone`)).rejects.toMatchObject({ code: 'unreadable' })
  })
})

describe('the way of a page', () => {
  const pool = createPool({ workers: 1 })
  afterAll(() => pool.close())
  const model = bytesOf('models/lenet.torchscript.onnx')
  const open = async (size = 40): Promise<WebLethe> => {
    const { graph } = readModel(model)
    const dims = graph.inputs[0]!.dims.slice(1).map(Number)
    const labels = Array.from({ length: size }, (_, i) => i % 5)
    return openLethe({ model, data: arrayDataset({ labels, inputs: { x: f32([size, ...dims], 7) } }), pool })
  }
  const strength = { kind: 'alpha', alpha: 1, lambda: 1 } as const

  it('leads from a kept store to a plan, a forgotten model and its evaluation', async () => {
    const lethe = await open()
    const phases = new Set<string>()
    const kept = writeStore(await lethe.importance({ onProgress: () => phases.add('importance') }))
    const options = { strength, onProgress: (phase: string) => phases.add(phase) }
    const plan = await lethe.plan(readStore(kept), 'class=1', options)
    const { before, after, bytes, verdict } = await lethe.forget(
      readStore(kept),
      { kind: 'label', values: [1], minus: false },
      options,
    )
    expect([...phases]).toEqual(['importance', 'importance of the forget set', 'evaluation'])
    expect(plan.chosen.selected).toBeGreaterThan(0)
    expect(verdict.sentence).not.toBe('')
    expect(after.facts.forget.loss).toBeGreaterThan(before.facts.forget.loss)
    const forgotten = await openLethe({ model: bytes, data: await sameData(), pool })
    // Weights as inputs and as initializers go through other kernels: the last digits differ.
    const [written, planned] = [
      await forgotten.evaluate(await sameData()),
      await lethe.evaluate(await sameData(), { changed: plan.changed }),
    ]
    expect(written.loss.value).toBeCloseTo(planned.loss.value, 6)
    expect(written.accuracy).toEqual(planned.accuracy)
    await lethe.close()
  })

  const sameData = async (): Promise<Dataset> => {
    const dims = readModel(model).graph.inputs[0]!.dims.slice(1).map(Number)
    return arrayDataset({ labels: Array.from({ length: 40 }, (_, i) => i % 5), inputs: { x: f32([40, ...dims], 7) } })
  }

  it('refuses ids that are in a file, which it cannot open, and takes ids as they are', async () => {
    const lethe = await open()
    const store = await lethe.importance()
    await expect(lethe.plan(store, 'ids=list.txt')).rejects.toMatchObject({ code: 'usage' })
    const plan = await lethe.plan(store, { kind: 'ids', ids: ['3', '4'], minus: false }, { strength })
    expect(plan.ratio).toBe(20)
  })

  it('makes stores that the command line takes', async () => {
    const lethe = await open()
    const { facts } = await lethe.importance()
    expect(facts.model).toBe((await loadModel(join(fixtures, 'models/lenet.torchscript.onnx'))).digest)
  })
})
