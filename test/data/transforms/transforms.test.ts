import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readTensor } from '../../../src/data/readers/array.js'
import { fileSource } from '../../../src/data/readers/file-source-node.js'
import { readNpz } from '../../../src/data/readers/npz-node.js'
import { channels } from '../../../src/data/transforms/channels.js'
import { crop } from '../../../src/data/transforms/crop.js'
import { transforms } from '../../../src/data/transforms/index.js'
import type { Picture } from '../../../src/data/transforms/picture.js'
import { filterNames } from '../../../src/data/transforms/preprocessing.js'
import { resize } from '../../../src/data/transforms/resize.js'

const room = join(import.meta.dirname, '../../../src/data/transforms')

/** Pictures as Pillow makes them; see scripts/fixtures/npz.py. */
async function pillow(): Promise<(name: string) => Promise<Picture>> {
  const arrays = await readNpz(await fileSource(join(import.meta.dirname, '../../fixtures/npz/resized.npz')))
  return async (name) => {
    const { dims, data } = await readTensor(arrays.get(name)!)
    if (!(data instanceof Uint8Array)) throw new Error('expected uint8')
    return { height: dims[0]!, width: dims[1]!, channels: dims[2] ?? 1, values: data }
  }
}

describe('the table of transforms', () => {
  it('holds every transform of the room', async () => {
    const found: unknown[] = []
    for (const file of readdirSync(room).filter((f) => f !== 'index.ts')) {
      const module: Record<string, unknown> = await import(join(room, file))
      found.push(
        ...Object.values(module).filter((v) => typeof v === 'object' && v !== null && 'apply' in v && 'name' in v),
      )
    }
    expect(new Set(found)).toEqual(new Set(transforms))
  })
})

describe('resize', () => {
  it.each(filterNames.flatMap((filter) => ['small', 'large', 'wide', 'low'].map((size) => ({ filter, size }))))(
    'is that of Pillow: $filter, $size',
    async ({ filter, size }) => {
      const load = await pillow()
      const expected = await load(`${filter}_${size}`)
      const { width, height } = expected
      const got = resize.apply(await load('picture'), { channels: 'RGB', resize: { width, height, filter } }, 'x')
      expect([got.width, got.height, got.values.length]).toEqual([width, height, expected.values.length])
      const off = Math.max(...Array.from(got.values, (v, i) => Math.abs(v - expected.values[i]!)))
      // Pillow rounds its weights to fixed point; nearest has none.
      expect(off).toBeLessThanOrEqual(filter === 'nearest' ? 0 : 1)
    },
  )

  it.each([
    { from: [200, 100], edge: 50, to: [100, 50] },
    { from: [100, 201], edge: 50, to: [50, 100] },
    { from: [10, 10], edge: 7, to: [7, 7] },
  ])('keeps the shape of $from with a shortest edge of $edge', ({ from, edge, to }) => {
    const picture = { width: from[0]!, height: from[1]!, channels: 1, values: new Uint8Array(from[0]! * from[1]!) }
    const { width, height } = resize.apply(picture, { channels: 'grey', resize: { shortestEdge: edge } }, 'x')
    expect([width, height]).toEqual(to)
  })
})

describe('resize before a crop', () => {
  it.each(
    filterNames.flatMap((filter) =>
      [
        [40, 31],
        [21, 64],
        [33, 47],
      ].map((to) => ({ filter, to })),
    ),
  )('makes the same pixels as a crop of the whole: $filter to $to', async ({ filter, to }) => {
    const picture = await (await pillow())('picture')
    const spec = { channels: 'RGB', resize: { width: to[0]!, height: to[1]!, filter } } as const
    const cut = { ...spec, crop: { width: 20, height: 31 } } as const
    const whole = crop.apply(resize.apply(picture, spec, 'x'), cut, 'x')
    expect(crop.apply(resize.apply(picture, cut, 'x'), cut, 'x')).toEqual(whole)
  })

  it('leaves a picture that the crop does not fit to the crop, which refuses it', () => {
    const picture = { width: 8, height: 8, channels: 1, values: new Uint8Array(64) }
    const spec = { channels: 'grey', resize: { width: 4, height: 4 }, crop: { width: 2, height: 5 } } as const
    expect(() => crop.apply(resize.apply(picture, spec, 'x'), spec, 'x')).toThrow('"x" is 4×4 pixels, smaller than')
  })
})

describe('channels', () => {
  it('turns colour into grey as Pillow does', async () => {
    const load = await pillow()
    expect(channels.apply(await load('picture'), { channels: 'grey' }, 'x')).toEqual(await load('grey'))
  })

  it.each([
    { from: [1, 2, 3], to: [1, 2, 3], order: 'RGB' as const },
    { from: [1, 2, 3], to: [3, 2, 1], order: 'BGR' as const },
    { from: [1, 2, 3, 4], to: [1, 2, 3], order: 'RGB' as const },
    { from: [1, 2, 3, 4], to: [3, 2, 1], order: 'BGR' as const },
    { from: [5], to: [5, 5, 5], order: 'RGB' as const },
  ])('$from as $order is $to', ({ from, to, order }) => {
    const picture = { width: 1, height: 1, channels: from.length, values: Uint8Array.from(from) }
    expect([...channels.apply(picture, { channels: order }, 'x').values]).toEqual(to)
  })
})

describe('crop', () => {
  it('keeps the middle, one more row below where the rest is odd', () => {
    const picture = { width: 5, height: 4, channels: 1, values: Uint8Array.from({ length: 20 }, (_, i) => i) }
    const cropped = crop.apply(picture, { channels: 'grey', crop: { width: 2, height: 3 } }, 'x')
    expect([...cropped.values]).toEqual([1, 2, 6, 7, 11, 12])
  })

  it('refuses a picture that is smaller', () => {
    const picture = { width: 2, height: 2, channels: 1, values: new Uint8Array(4) }
    expect(() => crop.apply(picture, { channels: 'grey', crop: { width: 3, height: 2 } }, 'cat/1.png')).toThrow(
      'Image "cat/1.png" is 2×2 pixels, smaller than the crop of 3×2. Declare a resize before it.',
    )
  })
})
