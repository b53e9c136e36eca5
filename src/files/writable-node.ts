import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { resolveTarget } from './atomic-node.js'
import { writeFault } from './fault.js'

/**
 * Checks that `writeFileAtomic` will find a place for a file: no folder or device has its name, and its folder takes new
 * files, which is tried with an empty one, removed at once (permissions alone do not tell of every disk).
 * Throws `unwritable`, `disk-full`.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const { target } = await resolveTarget(path)
    const trial = join(dirname(target), `.lethe-${randomBytes(8).toString('hex')}.tmp`)
    const handle = await open(trial, 'wx')
    await handle.close()
    await rm(trial, { force: true })
  } catch (error) {
    throw writeFault(error, path)
  }
}
