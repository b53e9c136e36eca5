import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { openDataset } from '../../../src/data/open-node.js'
import { newFolder } from '../../files/folder.js'

/** Bytes of an IDX file of uint8. */
function idx(dims: number[], values: number[], type = 8): Uint8Array {
  const head = dims.flatMap((d) => [d >>> 24, (d >> 16) & 255, (d >> 8) & 255, d & 255])
  return Uint8Array.from([0, 0, type, dims.length, ...head, ...values])
}

const pixels = Array.from({ length: 3 * 2 * 4 }, (_, i) => i * 10)

function folderOf(files: Record<string, Uint8Array>): string {
  const folder = newFolder()
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes)
  return folder
}

describe('IDX', () => {
  it.each([
    { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte', gz: false },
    { images: 'train-images-idx3-ubyte.gz', labels: 'train-labels-idx1-ubyte.gz', gz: true },
    { images: 'train-images.idx3-ubyte', labels: 'train-labels.idx1-ubyte', gz: false },
    {
      images: 'emnist-letters-train-images-idx3-ubyte.gz',
      labels: 'emnist-letters-train-labels-idx1-ubyte.gz',
      gz: true,
    },
  ])('reads $images', async ({ images, labels, gz }) => {
    const pack = (bytes: Uint8Array): Uint8Array => (gz ? gzipSync(bytes) : bytes)
    const folder = folderOf({ [images]: pack(idx([3, 2, 4], pixels)), [labels]: pack(idx([3], [5, 0, 9])) })
    for (const data of [await openDataset(folder), await openDataset(join(folder, images))]) {
      expect([data.size, data.id(2), data.label(2)]).toEqual([3, 'train/2', 9])
      const picture = { kind: 'image', width: 4, height: 2, channels: 1, pixels: Uint8Array.from(pixels.slice(8, 16)) }
      expect(await data.read(1)).toEqual(picture)
    }
  })

  it('keeps the parts apart, and joins them as all', async () => {
    const folder = folderOf({
      'train-images-idx3-ubyte': idx([3, 2, 4], pixels),
      'train-labels-idx1-ubyte': idx([3], [5, 0, 9]),
      't10k-images-idx3-ubyte': idx([1, 2, 4], pixels.slice(0, 8)),
      't10k-labels-idx1-ubyte': idx([1], [7]),
    })
    const test = await openDataset(folder, { split: 'test' })
    const all = await openDataset(folder, { split: 'all' })
    expect([test.size, test.id(0), test.label(0)]).toEqual([1, 'test/0', 7])
    expect([all.size, all.id(3), all.label(3), all.label(2)]).toEqual([4, 'test/0', 7, 9])
  })

  it('reads float32, big-endian', async () => {
    const float = [...new Uint8Array(Float32Array.of(1.5, -2).buffer)]
    const bytes = [...float.slice(0, 4).reverse(), ...float.slice(4).reverse()]
    const folder = folderOf({
      'train-images-idx2-float': idx([1, 2], bytes, 13),
      'train-labels-idx1-float': idx([1], [1]),
    })
    const example = await (await openDataset(folder)).read(0)
    expect(example).toMatchObject({ tensors: { x: { dtype: 'float32', dims: [2], data: Float32Array.of(1.5, -2) } } })
  })

  it.each<{ what: string; files: Record<string, Uint8Array>; code: string; says: RegExp }>([
    {
      what: 'no labels',
      files: { 'train-images-idx3-ubyte': idx([3, 2, 4], pixels) },
      code: 'not-found',
      says: /labels file/,
    },
    {
      what: 'images cut short',
      files: { 'train-images-idx3-ubyte': idx([4, 2, 4], pixels), 'train-labels-idx1-ubyte': idx([4], [1, 2, 3, 4]) },
      code: 'data-format',
      says: /needs 32 bytes of data, got 24/,
    },
    {
      what: 'another format',
      files: { 'train-images-idx3-ubyte': new Uint8Array(50).fill(7), 'train-labels-idx1-ubyte': idx([1], [1]) },
      code: 'data-format',
      says: /no IDX file/,
    },
    {
      what: 'a damaged packing',
      files: { 'train-images-idx3-ubyte.gz': new Uint8Array(50).fill(7) },
      code: 'data-format',
      says: /cannot be unpacked/,
    },
    {
      what: 'two families',
      files: { 'a-train-images-idx3-ubyte': new Uint8Array(), 'b-train-images-idx3-ubyte': new Uint8Array() },
      code: 'data-format',
      says: /several data sets \(a-, b-\)/,
    },
  ])('refuses $what: $code', async ({ files, code, says }) => {
    const work = openDataset(folderOf(files))
    await expect(work).rejects.toMatchObject({ code, message: expect.stringMatching(says) })
  })
})
