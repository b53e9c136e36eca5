import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configSchema } from '../../src/data/config-node.js'
import type { Dataset } from '../../src/data/dataset.js'
import { openDataset } from '../../src/data/open-node.js'
import { readers } from '../../src/data/readers/index.js'
import { newFolder } from '../files/folder.js'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/data.md'), 'utf8')

const blocks = (language: string): string[] =>
  [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, l]) => l === language).map(([, , text]) => text!)

async function opened(text: string, file: string): Promise<Dataset> {
  const folder = newFolder()
  copyFileSync(join(root, 'test/fixtures/data/wordpiece.json'), join(folder, 'tokenizer.json'))
  writeFileSync(join(folder, file), text)
  return openDataset(join(folder, file))
}

describe('docs/data.md', () => {
  it('lists every reader', () => {
    const named = [...page.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \| .* \| .* \|$/gm)].flatMap(([, cell]) =>
      [...cell!.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name!),
    )
    expect(readers.map((r) => r.name).filter((name) => !named.includes(name))).toEqual([])
  })

  it('shows configurations that are valid, and records that are read', async () => {
    const json = blocks('json')
    const configs = json.filter((text) => text.startsWith('{\n'))
    const lines = json.filter((text) => !text.startsWith('{\n'))
    expect([configs.length, lines.length, blocks('csv').length]).toEqual([2, 3, 1])
    for (const text of configs) expect(configSchema.safeParse(JSON.parse(text)).error).toBeUndefined()
    for (const text of lines) expect((await opened(text, 'data.jsonl')).size).toBe(2)
    expect(await (await opened(blocks('csv')[0]!, 'data.csv')).read(1)).toMatchObject({ tensors: { x: { dims: [2] } } })
  })
})
