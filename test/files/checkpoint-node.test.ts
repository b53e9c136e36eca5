import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/files/checkpoint-node.js'
import { newFolder } from './folder.js'

it('gives back what the same work saved last, until it is removed', async () => {
  const folder = newFolder()
  const path = join(folder, 'out.checkpoint')
  const checkpoint = openCheckpoint(path, 'model a, data b')
  expect(await checkpoint.load()).toBeUndefined()
  expect(readdirSync(folder)).toEqual([])
  await checkpoint.save(new Uint8Array([1]))
  await checkpoint.save(new Uint8Array([10, 2, 10, 255]))
  expect(await openCheckpoint(path, 'model a, data b').load()).toEqual(new Uint8Array([10, 2, 10, 255]))
  await checkpoint.remove()
  await checkpoint.remove()
  expect(await checkpoint.load()).toBeUndefined()
  expect(readdirSync(folder)).toEqual([])
})

it('an empty state is a state', async () => {
  const checkpoint = openCheckpoint(join(newFolder(), 'c'), 'k')
  await checkpoint.save(new Uint8Array(0))
  expect(await checkpoint.load()).toEqual(new Uint8Array(0))
})

it("a loaded state's memory is its own and aligned, so that numbers can be read in place", async () => {
  const checkpoint = openCheckpoint(join(newFolder(), 'c'), 'k')
  await checkpoint.save(new Uint8Array(new Float64Array([1.5, -2]).buffer))
  const bytes = await checkpoint.load()
  expect(bytes?.byteOffset).toBe(0)
  expect(new Float64Array(bytes?.buffer as ArrayBuffer)).toEqual(new Float64Array([1.5, -2]))
})

describe('is refused', () => {
  it.each([
    ['of other work', () => undefined, 'belongs to another piece of work'],
    [
      'damaged',
      (path: string) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from('x')])),
      'is damaged',
    ],
    ['cut short', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, -1)), 'is damaged'],
    ['another file', (path: string) => writeFileSync(path, 'precious notes'), 'is not a checkpoint of Lethe'],
    ['an empty file', (path: string) => writeFileSync(path, ''), 'is not a checkpoint of Lethe'],
  ])('%s', async (name, spoil, says) => {
    const path = join(newFolder(), 'c')
    await openCheckpoint(path, 'mine').save(new Uint8Array([1, 2, 3]))
    spoil(path)
    await expect(openCheckpoint(path, name === 'of other work' ? 'other' : 'mine').load()).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
      message: `"${path}" ${says}; delete it to begin anew, or choose another name for the output.`,
    })
  })
})
