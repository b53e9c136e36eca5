import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { digestDataset } from '../../../src/data/digest-node.js'
import { openDataset } from '../../../src/data/open-node.js'
import { subset } from '../../../src/data/split.js'
import { newFolder } from '../../files/folder.js'

const count = 900
const rows = Array.from({ length: count }, (_, i) => ({
  id: `r${i}`,
  age: i / 4,
  colour: ['red', 'green', 'blue'][i % 3]!,
  label: ['no', 'yes'][i % 2]!,
}))
const formats = ['jsonl', 'csv', 'parquet'] as const
const columns = { features: ['age', 'colour'], categories: { colour: ['red', 'green', 'blue'] } }

function write(format: (typeof formats)[number]): string {
  const path = join(newFolder(), `table.${format}`)
  const content = {
    jsonl: () => rows.map((r) => JSON.stringify(r)).join('\n'),
    csv: () => ['id,age,colour,label', ...rows.map((r) => Object.values(r).join(','))].join('\n'),
    parquet: () =>
      new Uint8Array(
        parquetWriteBuffer({
          rowGroupSize: 128,
          columnData: (['id', 'age', 'colour', 'label'] as const).map((name) => ({
            name,
            data: rows.map((r) => r[name]),
          })),
        }),
      ),
  }
  writeFileSync(path, content[format]())
  return path
}

describe('the same records', () => {
  it('as JSON Lines, CSV and parquet are the same data', async () => {
    const digests = new Set<string>()
    for (const format of formats) {
      const data = await openDataset(write(format), { format, records: { columns } })
      expect([data.size, data.classes, data.id(899), data.attributes]).toEqual([
        count,
        ['no', 'yes'],
        'r899',
        ['colour'],
      ])
      digests.add(await digestDataset(data))
    }
    expect(digests.size).toBe(1)
  })
})

describe.each(formats)('a reader of records: %s', (format) => {
  it('gives every record the same contents in any order, at once or one by one', async () => {
    const data = await openDataset(write(format), { records: { columns } })
    const shuffled = Int32Array.from({ length: count }, (_, i) => (i * 331) % count)
    const back = Int32Array.from(shuffled)
    for (const [at, row] of shuffled.entries()) back[row] = at
    const digest = await digestDataset(data)
    for (let i = count - 1; i >= 0; i -= 7) await data.read(i)
    // Shuffled, and shuffled back: read out of order, told in order.
    expect(await digestDataset(subset(subset(data, shuffled), back))).toBe(digest)
  })

  it('is asked for records that there are, and attributes that it has', async () => {
    const data = await openDataset(write(format), { records: { columns } })
    expect(() => data.id(count)).toThrow(/outside 0…899/)
    expect(() => data.label(-1)).toThrow(/outside/)
    expect(() => data.attribute('color', 0)).toThrow(/no attribute "color"; it has colour. Did you mean "colour"/)
  })
})

describe('memory', () => {
  it('stays far under the size of a file of JSON Lines', async () => {
    setFlagsFromString('--expose-gc')
    const collect: unknown = runInNewContext('gc')
    const used = (): number => {
      if (typeof collect === 'function') collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    const path = join(newFolder(), 'long.jsonl')
    const ids = Array.from({ length: 2000 }, (_, i) => i)
    const line = `${JSON.stringify({ input_ids: ids, label: 1 })}\n`
    writeFileSync(path, line.repeat(4000))
    const before = used()
    const data = await openDataset(path, { records: { maxLength: 8 } })
    for (let i = 0; i < data.size; i += 3) await data.read(i)
    expect(line.length * 4000).toBeGreaterThan(35e6)
    expect(used() - before).toBeLessThan(8e6)
    expect(data.size).toBe(4000)
  })
})
