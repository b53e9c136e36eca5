import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import type { Dataset, TensorExample } from '../../../src/data/dataset.js'
import { openDataset } from '../../../src/data/open-node.js'
import { toNumbers } from '../../../src/tensor/tensor.js'
import { newFolder } from '../../files/folder.js'
import { npyBytes } from '../npy-bytes.js'

const fixtures = join(import.meta.dirname, '../../fixtures/npz')

/** Element i of the fixtures, as scripts/fixtures/npz.py makes it. */
const element = (i: number): number => ((7 * i + 3) % 11) - 4

async function tensorsOf(data: Dataset, i: number): Promise<TensorExample['tensors']> {
  const example = await data.read(i)
  if (example.kind !== 'tensors') throw new Error('expected tensors')
  return example.tensors
}

function write(arrays: Record<string, Uint8Array>, level: 0 | 6 = 0): string {
  const path = join(newFolder(), 'data.npz')
  const files = Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, [bytes, { level }]] as const)
  writeFileSync(path, zipSync(Object.fromEntries(files) as Parameters<typeof zipSync>[0]))
  return path
}

const y = (labels: number[]): Uint8Array => npyBytes('<i4', [labels.length], Int32Array.from(labels))
const x = (rows: number): Uint8Array =>
  npyBytes(
    '<f4',
    [rows, 2],
    Float32Array.from({ length: rows * 2 }, (_, i) => i),
  )

describe.each(['types.npz', 'compressed.npz'])('%s, written by NumPy', (file) => {
  it('gives every width, byte order and axis order the values that went in', async () => {
    const data = await openDataset(join(fixtures, file))
    expect(Array.from({ length: data.size }, (_, i) => data.label(i))).toEqual([2, 0, 1, 2, 0])
    // Out of order first, so that both ways of reading rows are used.
    for (const i of [3, 0, 1, 2, 3, 4]) {
      const tensors = await tensorsOf(data, i)
      expect(Object.keys(tensors)).toHaveLength(12 + 9 + 5)
      for (const [name, t] of Object.entries(tensors)) {
        expect(t.dims).toEqual([2, 3])
        const unsigned = /u\d$/.test(name)
        const expected = Array.from({ length: 6 }, (_, k) => element(i * 6 + k)).map((v) =>
          name.endsWith('b1') ? Number(v !== 0) : unsigned ? Math.abs(v) : v,
        )
        expect([name, toNumbers(t)]).toEqual([name, expected])
      }
    }
  })
})

describe('npz', () => {
  it('reads text labels, ids, attributes, and integers without losing digits', async () => {
    const data = await openDataset(join(fixtures, 'text.npz'))
    const all = <T>(value: (i: number) => T): T[] => Array.from({ length: data.size }, (_, i) => value(i))
    expect(data.classes).toEqual(['cat', 'dog', 'wolf'])
    expect(all((i) => data.label(i))).toEqual([2, 0, 1, 2, 0])
    expect(all((i) => data.id(i))).toEqual(['a', 'bé', 'c', 'd🙂', 'e'])
    expect([...data.attributes].sort()).toEqual(['person', 'raw', 'source'])
    expect(all((i) => data.attribute('source', i))).toEqual(['left', 'right', 'left', 'left', 'right'])
    expect(all((i) => data.attribute('person', i))).toEqual(['7', '7', '9', '9007199254740993', '-1'])
    expect(all((i) => data.attribute('raw', i))).toEqual(['p', 'qq', '', 'r', 's'])
    expect(Object.keys(await tensorsOf(data, 0))).toEqual(['x'])
    expect(() => data.attribute('colour', 0)).toThrow(/no attribute "colour"; it has .*person/)
  })

  it('turns planes of uint8 pictures into interleaved channels', async () => {
    const data = await openDataset(join(fixtures, 'pictures.npz'))
    const picture = await data.read(2)
    const at = (c: number, p: number): number => Math.abs(element(2 * 30 + c * 10 + p))
    const pixels = Array.from({ length: 30 }, (_, i) => at(i % 3, Math.floor(i / 3)))
    expect(picture).toEqual({ kind: 'image', width: 5, height: 2, channels: 3, pixels: Uint8Array.from(pixels) })
  })

  it.each([
    { shape: [2, 3, 4, 1], channels: 1, height: 3, width: 4 },
    { shape: [2, 3, 4], channels: 1, height: 3, width: 4 },
    { shape: [2, 3, 5, 3], channels: 3, height: 3, width: 5 },
    { shape: [2, 4, 5, 6], channels: 4, height: 5, width: 6 },
  ])('reads uint8 of $shape as pictures', async ({ shape, channels, height, width }) => {
    const values = Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i % 251)
    const data = await openDataset(write({ x: npyBytes('|u1', shape, values), y: y([0, 1]) }))
    expect(await data.read(1)).toMatchObject({ kind: 'image', channels, height, width })
  })

  it('keeps the parts of x_train and x_test apart', async () => {
    const path = join(fixtures, 'parts.npz')
    const ids = async (split?: 'train' | 'test' | 'all'): Promise<string[]> => {
      const data = await openDataset(path, split ? { split } : {})
      return Array.from({ length: data.size }, (_, i) => data.id(i))
    }
    const train = [0, 1, 2, 3, 4].map((i) => `train/${i}`)
    const test = [0, 1, 2].map((i) => `test/${i}`)
    expect([await ids(), await ids('train'), await ids('test'), await ids('all')]).toEqual([
      train,
      train,
      test,
      [...train, ...test],
    ])
    expect((await openDataset(path)).classes).toEqual(['zero', 'one', 'two'])
  })

  it('reads a folder of .npy files as the archive of them', async () => {
    const folder = join(newFolder(), 'arrays')
    mkdirSync(folder)
    writeFileSync(join(folder, 'x.npy'), x(3))
    writeFileSync(join(folder, 'y.npy'), y([1, 0, 1]))
    const data = await openDataset(folder)
    expect([data.size, data.label(2), toNumbers((await tensorsOf(data, 2)).x!)]).toEqual([3, 1, [4, 5]])
    await expect(openDataset(join(folder, 'x.npy'))).rejects.toMatchObject({ code: 'data-format' })
  })
})

describe('npz refuses', () => {
  const rows: { what: string; path: () => string; code: string; says: RegExp }[] = [
    {
      what: 'pickled objects',
      path: () => join(fixtures, 'pickled.npz'),
      code: 'data-unsafe',
      says: /"x" holds pickled/,
    },
    { what: 'arrays of fields', path: () => join(fixtures, 'fields.npz'), code: 'data-format', says: /several fields/ },
    { what: 'missing labels', path: () => write({ x: x(2) }), code: 'data-format', says: /no array "y".*it has x/ },
    { what: 'missing inputs', path: () => write({ y: y([1]) }), code: 'data-format', says: /no array of inputs/ },
    { what: 'other lengths', path: () => write({ x: x(3), y: y([0, 1]) }), code: 'data-format', says: /\[3,2\].*: 2,/ },
    {
      what: 'negative labels',
      path: () => write({ x: x(2), y: y([0, -1]) }),
      code: 'label-range',
      says: /Record "1" has label -1/,
    },
    {
      what: 'fractional labels',
      path: () => write({ x: x(1), y: npyBytes('<f8', [1], Float64Array.of(0.5)) }),
      code: 'label-range',
      says: /label 0.5/,
    },
    {
      what: 'one-hot labels',
      path: () => write({ x: x(2), y: npyBytes('<i4', [2, 3], new Int32Array(6)) }),
      code: 'data-format',
      says: /one label a record, \[N\]; got \[2,3\]/,
    },
    {
      what: 'ids that come twice',
      path: () => write({ x: x(2), y: y([0, 1]), ids: npyBytes('<i4', [2], Int32Array.of(5, 5)) }),
      code: 'data-format',
      says: /id "5" twice/,
    },
    {
      what: 'arrays cut short',
      path: () => write({ x: x(2).slice(0, -1), y: y([0, 1]) }),
      code: 'data-format',
      says: /"x" of shape \[2,2\] needs 16 bytes of data, got 15/,
    },
    {
      what: 'shapes of impossible size',
      path: () => write({ x: npyBytes('<f4', [2, 2 ** 40, 2 ** 40], new Float32Array(4)), y: y([0, 1]) }),
      code: 'data-format',
      says: /needs .* bytes of data, got 16/,
    },
    { what: 'a split it lacks', path: () => write({ x: x(1), y: y([0]) }), code: 'data-format', says: /no test part/ },
  ]
  it.each(rows)('$what: $code', async ({ what, path, code, says }) => {
    const options = what === 'a split it lacks' ? { split: 'test' as const } : {}
    const error = await openDataset(path(), options).catch((e: unknown) => e)
    expect(error).toMatchObject({ code, message: expect.stringMatching(says) })
  })

  it('every truncation of an archive, and damaged packed bytes, with data-format', async () => {
    const path = write({ x: x(3), y: y([0, 1, 0]) }, 6)
    const bytes = readFileSync(path)
    for (let length = 0; length < bytes.length; length += 7) {
      writeFileSync(path, bytes.subarray(0, length))
      await expect(openDataset(path)).rejects.toMatchObject({ code: 'data-format' })
    }
    const flipped = Uint8Array.from(bytes)
    flipped[50] = flipped[50]! ^ 0xff
    writeFileSync(path, flipped)
    await expect(openDataset(path)).rejects.toMatchObject({ code: 'data-format' })
  })
})
