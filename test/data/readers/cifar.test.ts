import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { digestDataset } from '../../../src/data/digest-node.js'
import { openDataset } from '../../../src/data/open-node.js'
import { newFolder } from '../../files/folder.js'
import { cifar10Folder, withoutShared } from '../../shared.js'

/** `count` rows: labels by index, pixel p of channel c of row i is (i + 7 c + p) mod 251. */
function rows(count: number, labels: (i: number) => number[]): Uint8Array {
  const row = (i: number): number[] => [
    ...labels(i),
    ...Array.from({ length: 3072 }, (_, k) => (i + 7 * Math.floor(k / 1024) + (k % 1024)) % 251),
  ]
  return Uint8Array.from(Array.from({ length: count }, (_, i) => row(i)).flat())
}

function pixelsOf(i: number): Uint8Array {
  return Uint8Array.from({ length: 3072 }, (_, k) => (i + 7 * (k % 3) + Math.floor(k / 3)) % 251)
}

function cifar10(): string {
  const folder = newFolder()
  for (const [file, count] of [
    ['data_batch_10', 3],
    ['data_batch_2', 4],
    ['test_batch', 2],
  ] as const) {
    writeFileSync(
      join(folder, `${file}.bin`),
      rows(count, (i) => [(i * 3) % 10]),
    )
  }
  writeFileSync(join(folder, 'batches.meta.txt'), `${Array.from({ length: 10 }, (_, k) => `k${k}`).join('\n')}\n\n`)
  return folder
}

describe('CIFAR-10', () => {
  it('reads the files of a split by their number, labels and pictures of every row', async () => {
    const data = await openDataset(cifar10())
    const all = <T>(value: (i: number) => T): T[] => Array.from({ length: data.size }, (_, i) => value(i))
    expect(all(data.id)).toEqual(
      [0, 1, 2, 3].map((i) => `data_batch_2/${i}`).concat([0, 1, 2].map((i) => `data_batch_10/${i}`)),
    )
    expect(all(data.label)).toEqual([0, 3, 6, 9, 0, 3, 6])
    expect(data.classes?.[9]).toBe('k9')
    for (const i of [6, 0, 1, 2, 3, 4, 5]) {
      const expected = { kind: 'image', width: 32, height: 32, channels: 3, pixels: pixelsOf(i < 4 ? i : i - 4) }
      expect(await data.read(i)).toEqual(expected)
    }
  })

  it('gives the test part, all, or one file', async () => {
    const folder = cifar10()
    expect((await openDataset(folder, { split: 'test' })).id(1)).toBe('test_batch/1')
    expect((await openDataset(folder, { split: 'all' })).size).toBe(9)
    expect((await openDataset(join(folder, 'data_batch_2.bin'))).size).toBe(4)
  })

  it.each([
    {
      what: 'a file cut short',
      damage: (folder: string) => truncateSync(join(folder, 'data_batch_2.bin'), 3073 * 3 + 5),
      says: /data_batch_2.bin" has 9224 bytes, .* rows of 3073/,
    },
    {
      what: 'a label past the last class',
      damage: (folder: string) =>
        writeFileSync(
          join(folder, 'data_batch_2.bin'),
          rows(2, (i) => [i * 10]),
        ),
      says: /"data_batch_2\/1" has label 10/,
    },
  ])('refuses $what', async ({ damage, says }) => {
    const folder = cifar10()
    damage(folder)
    await expect(openDataset(folder)).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(says),
    })
  })

  it('refuses the pickled version as unsafe', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'data_batch_1'), 'pickle')
    await expect(openDataset(folder)).rejects.toMatchObject({ code: 'data-unsafe' })
  })
})

describe('CIFAR-100', () => {
  it('has fine labels, and the coarse ones as superclass', async () => {
    const folder = join(newFolder(), 'cifar-100-binary')
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'train.bin'),
      rows(3, (i) => [19 - i, 99 - i]),
    )
    const plain = await openDataset(folder)
    expect([plain.label(1), plain.attribute('superclass', 1), plain.classes]).toEqual([98, '18', undefined])
    expect(await plain.read(2)).toMatchObject({ pixels: pixelsOf(2) })
    writeFileSync(join(folder, 'coarse_label_names.txt'), Array.from({ length: 20 }, (_, k) => `s${k}`).join('\n'))
    expect((await openDataset(folder)).attribute('superclass', 0)).toBe('s19')
    await expect(openDataset(folder, { split: 'test' })).rejects.toMatchObject({
      message: expect.stringMatching(/no test part/),
    })
  })
})

const real = cifar10Folder()

describe.skipIf(!real)(`the real CIFAR-10${real ? '' : `: ${withoutShared}`}`, () => {
  it('has 50,000 training pictures, 5,000 of each class, and the picture that the file holds', async () => {
    const data = await openDataset(real!)
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < data.size; i++) counts[data.label(i)]!++
    expect(counts).toEqual(new Array(10).fill(5000))
    expect(data.classes?.join(' ')).toBe('airplane automobile bird cat deer dog frog horse ship truck')
    const file = readFileSync(join(real!, 'data_batch_3.bin'))
    const i = 20_000 + 4321
    expect(data.id(i)).toBe('data_batch_3/4321')
    const picture = await data.read(i)
    if (picture.kind !== 'image') throw new Error('expected an image')
    const start = 4321 * 3073
    const planes = [0, 1, 2].map((c) => file.subarray(start + 1 + c * 1024, start + 1 + (c + 1) * 1024))
    expect(picture.pixels.every((v, k) => v === planes[k % 3]![Math.floor(k / 3)])).toBe(true)
    expect(data.label(i)).toBe(file[start])
  })

  it('is read without holding it: memory stays far under the size of the files', async () => {
    const data = await openDataset(real!, { split: 'test' })
    expect(statSync(join(real!, 'test_batch.bin')).size).toBe(30_730_000)
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    collect()
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    await digestDataset(data, () => {
      collect()
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    })
    // Two blocks of 512 rows and 64 pictures are 3.4 MiB, one block more may be on its way; the file is 29 MiB.
    expect(most).toBeLessThan(6 * 2 ** 20)
  })
})
