import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { digestFile, sha256Hex } from '../../src/files/digest-node.js'
import { readFileBytes } from '../../src/files/read-node.js'
import { newFolder } from './folder.js'

it('reads all bytes', async () => {
  const path = join(newFolder(), 'a')
  writeFileSync(path, new Uint8Array([1, 2, 255]))
  expect(await readFileBytes(path)).toEqual(new Uint8Array([1, 2, 255]))
})

it('has the SHA-256 that sha256sum prints', () => {
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
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
