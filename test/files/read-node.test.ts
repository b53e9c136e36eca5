import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { digestFile, digestOf, sha256Hex } from '../../src/files/digest-node.js'
import { readFileBytes } from '../../src/files/read-node.js'
import { newFolder } from './folder.js'

it('reads all bytes', async () => {
  const path = join(newFolder(), 'a')
  writeFileSync(path, new Uint8Array([1, 2, 255]))
  expect(await readFileBytes(path)).toEqual(new Uint8Array([1, 2, 255]))
})

it('reads a file of many pieces in their order', async () => {
  const path = join(newFolder(), 'a')
  const words = Uint32Array.from({ length: 36_000_000 }, (_, i) => i)
  writeFileSync(path, new Uint8Array(words.buffer, 0, words.byteLength - 3))
  const bytes = await readFileBytes(path)
  expect(bytes.byteLength).toBe(words.byteLength - 3)
  expect(Buffer.compare(bytes, new Uint8Array(words.buffer, 0, words.byteLength - 3))).toBe(0)
})

it.skipIf(!existsSync('/proc/self/stat'))('reads what does not tell its size', async () => {
  expect((await readFileBytes('/proc/self/stat')).byteLength).toBeGreaterThan(10)
})

it('has the SHA-256 that sha256sum prints', () => {
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

it('has the same digest of bytes in pieces', () => {
  const text = new TextEncoder().encode('abc')
  const pieces = [text.subarray(0, 1), new Uint8Array(0), text.subarray(1)]
  expect(digestOf(pieces)).toEqual({ sizeBytes: 3, sha256: sha256Hex('abc') })
})

it.each([
  ['readFileBytes', readFileBytes],
  ['digestFile', digestFile],
] as const)('%s says what is missing or in the way', async (_, read) => {
  const folder = newFolder()
  const missing = join(folder, 'no.onnx')
  await expect(read(missing)).rejects.toMatchObject({ code: 'not-found', message: `There is no file "${missing}".` })
  await expect(read(folder)).rejects.toMatchObject({
    code: 'unreadable',
    message: `"${folder}" is a folder, expected a file.`,
  })
})

it('a file without permission is unreadable', async (test) => {
  if (process.getuid?.() === 0) test.skip('permissions do not bind the superuser')
  const path = join(newFolder(), 'a')
  writeFileSync(path, '')
  chmodSync(path, 0)
  await expect(readFileBytes(path)).rejects.toMatchObject({ code: 'unreadable' })
})
