import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeFilesAtomic } from '../../src/files/atomic-node.js'
import { sha256Hex } from '../../src/files/digest-node.js'
import { checkWritable } from '../../src/files/writable-node.js'
import { newFolder } from './folder.js'

describe('files that belong together', () => {
  it('are all written, each with its digest', async () => {
    const folder = newFolder()
    const files = ['a', 'b'].map((name) => ({ path: join(folder, name), content: `content of ${name}` }))
    const digests = await writeFilesAtomic(files)
    expect(digests.map((d) => d.sha256)).toEqual(files.map((f) => sha256Hex(f.content)))
    expect(files.map((f) => readFileSync(f.path, 'utf8'))).toEqual(files.map((f) => f.content))
    expect(readdirSync(folder)).toEqual(['a', 'b'])
  })

  it.each([
    { what: 'has no folder', second: 'nowhere/b', content: 'new' },
    { what: 'has a folder in its place', second: 'taken', content: 'new' },
    {
      what: 'ends early',
      second: 'b',
      content: (function* () {
        yield new Uint8Array(3)
        throw new Error('the source is broken')
      })(),
    },
  ])('are none of them written where the second one $what', async ({ second, content }) => {
    const folder = newFolder()
    mkdirSync(join(folder, 'taken'))
    writeFileSync(join(folder, 'a'), 'old')
    const files = [
      { path: join(folder, 'a'), content: 'new' },
      { path: join(folder, second), content },
    ]
    await expect(writeFilesAtomic(files)).rejects.toThrow()
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['a', 'taken'])
  })
})

describe('a place for a file', () => {
  it('is checked without a trace', async () => {
    const folder = newFolder()
    await checkWritable(join(folder, 'new'))
    writeFileSync(join(folder, 'old'), 'old')
    await checkWritable(join(folder, 'old'))
    expect(readdirSync(folder)).toEqual(['old'])
    expect(readFileSync(join(folder, 'old'), 'utf8')).toBe('old')
  })

  it.each([
    ['nowhere/new', /its folder does not exist; create it first/],
    ['old/new', /a part of its path is a file/],
    ['taken', /a folder is in its place/],
    ['/dev/null', /not a regular file/],
    // Takes no new file from any user, though root has all rights to it.
    ['/proc/new', /cannot be written/],
  ])('is none at %s', async (name, says) => {
    const folder = newFolder()
    mkdirSync(join(folder, 'taken'))
    writeFileSync(join(folder, 'old'), 'old')
    const path = name.startsWith('/') ? name : join(folder, name)
    const refused = checkWritable(path)
    await expect(refused).rejects.toMatchObject({ code: 'unwritable', message: expect.stringMatching(says) })
  })
})
