import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Bundle, bundle } from './site.js'

describe('a bundle of all that lethe/web exports', () => {
  let built: Bundle
  const file = (name: RegExp): Bundle['files'][number] => {
    const found = built.files.filter((f) => name.test(f.name))
    expect(found.map((f) => f.name)).toHaveLength(1)
    return found[0]!
  }
  beforeAll(async () => {
    built = await bundle('test/web/whole', 'whole')
  })

  it('holds no module of Node, nor a stand-in for one', () => {
    expect(built.modules.length).toBeGreaterThan(100)
    expect(built.modules.filter((id) => /browser-external|^node:|-node\.ts$|engine\/node/.test(id))).toEqual([])
  })

  it('has no native package in it, and the runtime only in the files of the workers', () => {
    expect(
      built.modules.filter((id) => /node_modules\/(sharp|onnxruntime-\w+|commander|csv-parse)\//.test(id)),
    ).toEqual([])
  })

  it('is small beside the runtime: under 400 kB, under 130 kB packed', () => {
    const { text, sizeBytes } = file(/^assets\/index-.*\.js$/)
    expect(sizeBytes).toBeLessThan(400_000)
    expect(gzipSync(text).length).toBeLessThan(130_000)
  })

  it('has a worker and a WebAssembly file for each device', () => {
    expect(file(/worker-wasm-.*\.js$/).sizeBytes).toBeLessThan(200_000)
    expect(file(/worker-webgpu-.*\.js$/).sizeBytes).toBeLessThan(300_000)
    expect(built.files.filter((f) => f.name.endsWith('.wasm'))).toHaveLength(2)
  })
})
