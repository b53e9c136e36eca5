import { readFile } from 'node:fs/promises'
import { readFault } from './fault.js'

/** All bytes of a file. Throws `not-found`, `unreadable` (permission, a folder). */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    const bytes = await readFile(path)
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  } catch (error) {
    throw readFault(error, path)
  }
}
