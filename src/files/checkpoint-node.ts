import { rm } from 'node:fs/promises'
import { isLetheError, LetheError } from '../errors.js'
import { writeFileAtomic } from './atomic-node.js'
import { digestOf, sha256Hex } from './digest-node.js'
import { writeFault } from './fault.js'
import { readFileBytes } from './read-node.js'

/** State of unfinished work in one file, readable by the same work alone. */
export interface Checkpoint {
  readonly path: string
  /** The bytes last saved, or undefined where there are none. Throws `checkpoint-mismatch`, `unreadable`. */
  load(): Promise<Uint8Array | undefined>
  /** Replaces what was saved, atomically, by these pieces one after another, none of which is copied. Throws `unwritable`, `disk-full`. */
  save(...pieces: readonly Uint8Array[]): Promise<void>
  /** Removes the file, if there is one. Throws `unwritable`. */
  remove(): Promise<void>
}

const mark = 'lethe-checkpoint-1'

/**
 * Checkpoint of the work that `key` describes (all that decides its result: inputs by digest, settings, versions). Nothing
 * is read or written yet.
 *
 * The file is one line, "lethe-checkpoint-1 SHA256(key) SHA256(bytes)", and the bytes. Another key's checkpoint, a damaged
 * one and any other file are refused with `checkpoint-mismatch`, never overwritten silently by `load`.
 */
export function openCheckpoint(path: string, key: string): Checkpoint {
  const owner = sha256Hex(key)
  return {
    path,
    async load() {
      const file = await readIfThere(path)
      if (!file) return undefined
      const end = file.indexOf(10)
      const [kind, whose, digest] = new TextDecoder().decode(file.subarray(0, Math.max(end, 0))).split(' ')
      if (kind !== mark) throw mismatch(path, 'is not a checkpoint of Lethe')
      if (whose !== owner) throw mismatch(path, 'belongs to another piece of work')
      const bytes = file.slice(end + 1)
      if (sha256Hex(bytes) !== digest) throw mismatch(path, 'is damaged')
      return bytes
    },
    async save(...pieces) {
      const { sha256 } = digestOf(pieces)
      await writeFileAtomic(path, [new TextEncoder().encode(`${mark} ${owner} ${sha256}\n`), ...pieces])
    },
    async remove() {
      await rm(path, { force: true }).catch((error: unknown) => {
        throw writeFault(error, path)
      })
    },
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFileBytes(path)
  } catch (error) {
    if (isLetheError(error) && error.code === 'not-found') return undefined
    throw error
  }
}

function mismatch(path: string, what: string): LetheError {
  return new LetheError(
    'checkpoint-mismatch',
    `"${path}" ${what}; delete it to begin anew, or choose another name for the output.`,
    { path },
  )
}
