import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDataset } from '../../../src/data/open-node.js'
import { readers } from '../../../src/data/readers/index.js'
import { newFolder } from '../../files/folder.js'

const room = join(import.meta.dirname, '../../../src/data/readers')

describe('the table of readers', () => {
  it('holds every reader of the room', async () => {
    const found: unknown[] = []
    for (const file of readdirSync(room).filter((f) => f.endsWith('-node.ts'))) {
      const module: Record<string, unknown> = await import(join(room, file))
      found.push(...Object.entries(module).flatMap(([name, value]) => (name.endsWith('Reader') ? [value] : [])))
    }
    expect(new Set(found)).toEqual(new Set(readers))
    expect(new Set(readers.map((r) => r.name)).size).toBe(readers.length)
  })

  it('is told where data is of no known format', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'data.xyz'), '')
    for (const path of [folder, join(folder, 'data.xyz')]) {
      const error = await openDataset(path).catch((e: unknown) => e)
      expect(error).toMatchObject({ code: 'data-format' })
      for (const { name } of readers) expect(String(error)).toContain(`${name}: `)
    }
  })

  it('is asked by name', async () => {
    const path = join(newFolder(), 'rows')
    writeFileSync(path, new Uint8Array(2 * 3073))
    await expect(openDataset(path)).rejects.toMatchObject({ code: 'data-format' })
    expect((await openDataset(path, { format: 'cifar' })).size).toBe(2)
    await expect(openDataset(path, { format: 'tar' })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/known are cifar, idx/),
    })
  })

  it('does not find what is not there', async () => {
    await expect(openDataset('/no/such/data')).rejects.toMatchObject({
      code: 'not-found',
      message: 'There is no data at "/no/such/data".',
    })
  })
})
