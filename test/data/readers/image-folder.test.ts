import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { Dataset } from '../../../src/data/dataset.js'
import { openDataset } from '../../../src/data/open-node.js'
import { newFolder } from '../../files/folder.js'

const raw = { width: 3, height: 2 } as const
const colours = Uint8Array.from({ length: 18 }, (_, i) => (i * 37) % 256)

async function png(pixels = colours, channels: 1 | 3 | 4 = 3): Promise<Buffer> {
  return sharp(pixels, { raw: { ...raw, channels } })
    .png()
    .toBuffer()
}

async function folderOf(files: Record<string, Uint8Array | string>): Promise<string> {
  const folder = newFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

const ids = (data: Dataset): string[] => Array.from({ length: data.size }, (_, i) => data.id(i))

describe('image folder', () => {
  it('takes folders as classes in the order of their names, an empty one too, and passes over other files', async () => {
    const data = await openDataset(
      await folderOf({
        'dog/2.png': await png(),
        'dog/10.PNG': await png(),
        'Cat/a.png': await png(),
        'emu/none.txt': '',
        'dog/.hidden.png': '',
        '.cache/x.png': '',
        'notes.txt': '',
      }),
    )
    expect(data.classes).toEqual(['Cat', 'dog', 'emu'])
    expect(ids(data)).toEqual(['Cat/a.png', 'dog/10.PNG', 'dog/2.png'])
    expect([0, 1, 2].map((i) => data.label(i))).toEqual([0, 1, 1])
    expect(data.attributes).toEqual([])
  })

  it('takes folders below a class as attribute group', async () => {
    const data = await openDataset(
      await folderOf({ 'cat/siamese/1.png': await png(), 'cat/2.png': await png(), 'dog/a/b/3.png': await png() }),
    )
    const groups = Array.from({ length: data.size }, (_, i) => [data.id(i), data.attribute('group', i)])
    expect(groups).toEqual([
      ['cat/2.png', ''],
      ['cat/siamese/1.png', 'siamese'],
      ['dog/a/b/3.png', 'a/b'],
    ])
  })

  it('takes folders train and test as parts', async () => {
    const folder = await folderOf({
      'train/cat/1.png': await png(),
      'train/dog/2.png': await png(),
      'val/cat/3.png': await png(),
      'val/dog/4.png': await png(),
    })
    expect(ids(await openDataset(folder))).toEqual(['train/cat/1.png', 'train/dog/2.png'])
    expect(ids(await openDataset(folder, { split: 'test' }))).toEqual(['val/cat/3.png', 'val/dog/4.png'])
    expect((await openDataset(folder, { split: 'all' })).classes).toEqual(['cat', 'dog'])
  })

  it('decodes exactly: colour, grey as three channels, alpha dropped, 16 bits to 8', async () => {
    const grey = Uint8Array.of(0, 50, 100, 150, 200, 255)
    const alpha = Uint8Array.from({ length: 24 }, (_, i) => (i % 4 === 3 ? 9 : colours[(i >> 2) * 3 + (i % 4)]!))
    const folder = await folderOf({
      'a/colour.png': await png(),
      'a/colour.webp': await sharp(colours, { raw: { ...raw, channels: 3 } })
        .webp({ lossless: true })
        .toBuffer(),
      'a/grey.png': await sharp(grey, { raw: { ...raw, channels: 1 } })
        .toColourspace('b-w')
        .png()
        .toBuffer(),
      'a/alpha.png': await png(alpha, 4),
      'a/deep.png': await sharp(colours, { raw: { ...raw, channels: 3 } })
        .toColourspace('rgb16')
        .png()
        .toBuffer(),
      'b/x.png': await png(),
    })
    const data = await openDataset(folder)
    const read = async (id: string): Promise<unknown> => data.read(ids(data).indexOf(id))
    const picture = { kind: 'image', ...raw, channels: 3 }
    for (const file of ['colour.png', 'colour.webp', 'alpha.png', 'deep.png']) {
      expect([file, await read(`a/${file}`)]).toEqual([file, { ...picture, pixels: colours }])
    }
    const tripled = Uint8Array.from({ length: 18 }, (_, i) => grey[Math.floor(i / 3)]!)
    expect(await read('a/grey.png')).toEqual({ ...picture, pixels: tripled })
  })

  it('reads jpeg as it was drawn, nearly', async () => {
    const even = new Uint8Array(18).fill(120)
    const jpeg = await sharp(even, { raw: { ...raw, channels: 3 } })
      .jpeg({ quality: 100 })
      .toBuffer()
    const example = await (await openDataset(await folderOf({ 'a/x.JPEG': jpeg }))).read(0)
    if (example.kind !== 'image') throw new Error('expected an image')
    // The conversion to YCbCr and back may be off by one.
    expect(Math.max(...example.pixels.map((v) => Math.abs(v - 120)))).toBeLessThanOrEqual(1)
  })

  it('names the record that cannot be decoded', async () => {
    const whole = await png()
    const data = await openDataset(await folderOf({ 'a/bad.png': 'no png', 'a/cut.png': whole.subarray(0, 50) }))
    await expect(data.read(0)).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(/"a\/bad.png"/),
    })
    await expect(data.read(1)).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(/"a\/cut.png"/),
    })
  })

  it('refuses folders without images', async () => {
    await expect(openDataset(await folderOf({ 'a/x.gif': '' }))).rejects.toMatchObject({ code: 'data-format' })
  })
})
