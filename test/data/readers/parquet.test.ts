import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import type { Dataset } from '../../../src/data/dataset.js'
import { openDataset } from '../../../src/data/open-node.js'
import { toNumbers } from '../../../src/tensor/tensor.js'
import { newFolder } from '../../files/folder.js'

const fixtures = join(import.meta.dirname, '../../fixtures/data')
const tokenizer = join(fixtures, 'wordpiece.json')
const all = <T>(data: Dataset, value: (i: number) => T): T[] => Array.from({ length: data.size }, (_, i) => value(i))
const rows = [0, 1, 2, 3, 4, 5, 6]

async function numbersOf(data: Dataset, i: number): Promise<Record<string, number[]>> {
  const example = await data.read(i)
  if (example.kind !== 'tensors') throw new Error('expected tensors')
  return Object.fromEntries(Object.entries(example.tensors).map(([name, t]) => [name, toNumbers(t)]))
}

describe.each(['texts-none', 'texts-snappy', 'texts-gzip', 'texts-zstd', 'texts-brotli', 'texts-lz4'])(
  'parquet: %s',
  (file) => {
    it('gives what Arrow wrote: texts, classes with their names, attributes', async () => {
      const data = await openDataset(join(import.meta.dirname, `../../fixtures/data/${file}.parquet`), {
        records: { tokenizer, maxLength: 30 },
      })
      expect([data.classes, all(data, data.label)]).toEqual([['sad', 'happy', 'odd'], rows.map((i) => i % 3)])
      expect([data.attributes, all(data, (i) => data.attribute('person', i))]).toEqual([
        ['person', 'stars', 'when'],
        rows.map((i) => `p${i % 2}`),
      ])
      expect(data.attribute('stars', 3)).toBe('')
      expect(data.attribute('when', 1)).toBe('1970-01-02T00:00:00.000Z')
      const folder = newFolder()
      writeFileSync(join(folder, 'same.jsonl'), rows.map((i) => JSON.stringify({ text: `text ${i} é😀` })).join('\n'))
      const same = await openDataset(join(folder, 'same.jsonl'), { records: { tokenizer, maxLength: 30 } })
      for (const i of [6, 0, 3, 2, 5, 1, 4]) expect(await numbersOf(data, i)).toEqual(await numbersOf(same, i))
    })
  },
)

describe('parquet', () => {
  it('of lists gives token ids and their classes', async () => {
    const data = await openDataset(join(fixtures, 'tokens.parquet'), { records: { maxLength: 3 } })
    expect(await numbersOf(data, 5)).toEqual({
      input_ids: [6, 7, 9],
      attention_mask: [1, 1, 1],
      token_type_ids: [0, 0, 0],
      labels: [1, -100, 1],
    })
    expect(await numbersOf(data, 3)).toMatchObject({ input_ids: [4, 0, 0], labels: [1, -100, -100] })
  })

  it('of numbers is a table, in every encoding', async () => {
    const data = await openDataset(join(fixtures, 'numbers.parquet'))
    for (const i of rows) {
      expect(await numbersOf(data, i)).toEqual({ x: [20 + i, 1.5 + i / 8, i / 2, i % 2 === 0 ? 1 : 0] })
      expect(data.label(i)).toBe(i % 2)
    }
  })

  it('in a folder as hubs lay it: shards of train and test, numbered through', async () => {
    const folder = join(newFolder(), 'set')
    mkdirSync(folder)
    for (const file of ['train-00000-of-00002', 'train-00001-of-00002', 'test-00000-of-00001'])
      copyFileSync(join(fixtures, 'numbers.parquet'), join(folder, `${file}.parquet`))
    writeFileSync(join(folder, 'README.md'), '')
    const train = await openDataset(folder)
    expect([train.size, train.id(7), (await openDataset(folder, { split: 'test' })).id(6)]).toEqual([
      14,
      'train/7',
      'test/6',
    ])
    expect(await numbersOf(train, 9)).toEqual(await numbersOf(train, 2))
  })

  it('reads many row groups in any order', async () => {
    const n = 2500
    const path = join(newFolder(), 'many.parquet')
    const numbers = Array.from({ length: n }, (_, i) => i)
    const columnData = [
      { name: 'a', data: numbers, type: 'DOUBLE' as const },
      { name: '__proto__', data: numbers.map((i) => `p${i % 5}`), type: 'STRING' as const },
      { name: 'label', data: numbers.map((i) => i % 4), type: 'INT32' as const },
    ]
    writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 100 })))
    const data = await openDataset(path)
    for (let k = 0; k < n; k += 13) {
      const i = (k * 997) % n
      expect([await numbersOf(data, i), data.label(i), data.attribute('__proto__', i)]).toEqual([
        { x: [i] },
        i % 4,
        `p${i % 5}`,
      ])
    }
  })

  it('refuses every truncation, and damage anywhere is told or does no harm', async () => {
    const bytes = readFileSync(join(fixtures, 'texts-zstd.parquet'))
    const path = join(newFolder(), 'broken.parquet')
    const open = async (content: Uint8Array): Promise<unknown> => {
      writeFileSync(path, content)
      const data = await openDataset(path, { records: { tokenizer } })
      return Promise.all(all(data, (i) => data.read(i)))
    }
    for (let length = 0; length < bytes.length; length += 97) {
      await expect(open(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'data-format' })
    }
    for (let at = 0; at < bytes.length; at += 13) {
      const damaged = Uint8Array.from(bytes)
      damaged[at] = damaged[at]! ^ (1 << (at % 8))
      const error = await open(damaged).then(
        () => undefined,
        (e: unknown) => e,
      )
      if (error !== undefined)
        expect(error).toMatchObject({ name: 'LetheError', code: expect.stringMatching(/^(data-format|label-range)$/) })
    }
  })

  it('refuses what only bears its name', async () => {
    const path = join(newFolder(), 'text.parquet')
    writeFileSync(path, 'a,label\n1,0\n2,0\n')
    await expect(openDataset(path)).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(/is no whole parquet file: .*PAR1/),
    })
  })
})
