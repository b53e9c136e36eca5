import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeFileAtomic } from '../../src/files/atomic-node.js'
import { digestFile, sha256Hex } from '../../src/files/digest-node.js'
import { newDisk, newFolder } from './folder.js'

async function* pieces(count: number, sizeBytes: number): AsyncIterable<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(sizeBytes).fill(i)
}

describe('content arrives whole, with its size and digest', () => {
  const hello = 'héllo'
  it.each([
    ['text', () => hello],
    ['bytes', () => new TextEncoder().encode(hello)],
    ['pieces', () => [new TextEncoder().encode('hé'), new Uint8Array(0), new TextEncoder().encode('llo')]],
  ])('%s', async (_, content) => {
    const path = join(newFolder(), 'out.bin')
    expect(await writeFileAtomic(path, content())).toEqual({ sizeBytes: 6, sha256: sha256Hex(hello) })
    expect(readFileSync(path, 'utf8')).toBe(hello)
    expect(await digestFile(path)).toEqual({ sizeBytes: 6, sha256: sha256Hex(hello) })
  })

  it('a stream of pieces', async () => {
    const path = join(newFolder(), 'out.bin')
    const { sizeBytes, sha256 } = await writeFileAtomic(path, pieces(5, 100_000))
    expect(sizeBytes).toBe(500_000)
    expect(sha256Hex(readFileSync(path))).toBe(sha256)
  })
})

it('replaces a file, keeps its permissions and leaves nothing else', async () => {
  const folder = newFolder()
  const path = join(folder, 'model.onnx')
  writeFileSync(path, 'old and longer')
  chmodSync(path, 0o640)
  await writeFileAtomic(path, 'new')
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(statSync(path).mode & 0o777).toBe(0o640)
  expect(readdirSync(folder)).toEqual(['model.onnx'])
})

it('writes through a link', async () => {
  const folder = newFolder()
  mkdirSync(join(folder, 'real'))
  writeFileSync(join(folder, 'real', 'a'), 'old')
  symlinkSync(join('real', 'a'), join(folder, 'link'))
  await writeFileAtomic(join(folder, 'link'), 'new')
  expect(readFileSync(join(folder, 'real', 'a'), 'utf8')).toBe('new')
  expect(readdirSync(join(folder, 'real'))).toEqual(['a'])
})

it('a source that fails leaves the old file and no other, and its error unchanged', async () => {
  const folder = newFolder()
  const path = join(folder, 'out')
  writeFileSync(path, 'old')
  const broken = new Error('source broke')
  async function* source(): AsyncIterable<Uint8Array> {
    yield new Uint8Array(1000)
    throw broken
  }
  await expect(writeFileAtomic(path, source())).rejects.toBe(broken)
  expect(readFileSync(path, 'utf8')).toBe('old')
  expect(readdirSync(folder)).toEqual(['out'])
})

it('while it is written, the final name holds the old content', async () => {
  const folder = newFolder()
  const path = join(folder, 'out')
  writeFileSync(path, 'old')
  async function* source(): AsyncIterable<Uint8Array> {
    yield new Uint8Array(1000)
    expect(readFileSync(path, 'utf8')).toBe('old')
    yield new Uint8Array(1000)
  }
  await writeFileAtomic(path, source())
  expect(statSync(path).size).toBe(2000)
})

describe('places that cannot be written', () => {
  it('a folder that does not exist', async () => {
    const path = join(newFolder(), 'no', 'out')
    await expect(writeFileAtomic(path, 'x')).rejects.toMatchObject({
      code: 'unwritable',
      message: `"${path}" cannot be written: its folder does not exist; create it first.`,
    })
  })

  it('a folder in its place', async () => {
    const folder = newFolder()
    mkdirSync(join(folder, 'out'))
    await expect(writeFileAtomic(join(folder, 'out'), 'x')).rejects.toMatchObject({
      code: 'unwritable',
      message: expect.stringContaining('a folder is in its place'),
    })
    expect(readdirSync(folder)).toEqual(['out'])
  })

  it('a file where a folder should be', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'file'), '')
    await expect(writeFileAtomic(join(folder, 'file', 'out'), 'x')).rejects.toMatchObject({ code: 'unwritable' })
  })

  it('a device, which stays a device', async () => {
    await expect(writeFileAtomic('/dev/null', 'x')).rejects.toMatchObject({
      code: 'unwritable',
      message: '"/dev/null" cannot be written: not a regular file.',
    })
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  it('a folder without permission', async (test) => {
    if (process.getuid?.() === 0) test.skip('permissions do not bind the superuser')
    const folder = newFolder()
    chmodSync(folder, 0o555)
    await expect(writeFileAtomic(join(folder, 'out'), 'x')).rejects.toMatchObject({
      code: 'unwritable',
      message: expect.stringContaining('permission denied'),
    })
  })

  it('a read-only disk', async (test) => {
    const disk = newDisk('size=64k,ro')
    if ('reason' in disk) return test.skip(disk.reason)
    await expect(writeFileAtomic(join(disk.folder, 'out'), 'x')).rejects.toMatchObject({
      code: 'unwritable',
      message: expect.stringContaining('the disk is read-only'),
    })
  })
})

describe('a disk that is full', () => {
  it.for([
    ['bytes', () => new Uint8Array(300_000)],
    ['a stream that ends too late', () => pieces(30, 10_000)],
  ] as const)('%s: the old file stays, nothing is left half-written', async ([, content], test) => {
    const disk = newDisk('size=64k')
    if ('reason' in disk) return test.skip(disk.reason)
    const path = join(disk.folder, 'out')
    await writeFileAtomic(path, 'old')
    await expect(writeFileAtomic(path, content())).rejects.toMatchObject({
      code: 'disk-full',
      message: `No room to write "${path}": the disk is full. Nothing was left half-written.`,
    })
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(disk.folder)).toEqual(['out'])
    // All room is given back: half of the disk fits again beside the old file.
    await writeFileAtomic(path, new Uint8Array(32_768))
  })
})
