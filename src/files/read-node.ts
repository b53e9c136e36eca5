import { type FileHandle, open } from 'node:fs/promises'
import { readFault } from './fault.js'

/** Bytes that one read asks for. */
const pieceBytes = 2 ** 25
/** Reads under way at a time. */
const readsAtOnce = 4

/** All bytes of a file, of any size. Throws `not-found`, `unreadable` (permission, a folder). */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    const handle = await open(path)
    try {
      return await readAll(handle)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw readFault(error, path)
  }
}

async function readAll(handle: FileHandle): Promise<Uint8Array> {
  const { size } = await handle.stat()
  // Pipes and files of the system do not tell their size.
  if (size === 0) {
    const bytes = await handle.readFile()
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  const bytes = new Uint8Array(size)
  let next = 0
  let end = size
  /** Takes piece after piece; several at once, for most of the time is copying. */
  const read = async (): Promise<void> => {
    while (next < end) {
      const start = next
      next += pieceBytes
      end = Math.min(end, await readPiece(handle, bytes, start, Math.min(next, size)))
    }
  }
  await Promise.all(Array.from({ length: readsAtOnce }, read))
  return bytes.subarray(0, end)
}

/** Reads bytes `start` to `stop` to their places; returns `Infinity`, or where the file ends before that: it was cut meanwhile. */
async function readPiece(handle: FileHandle, bytes: Uint8Array, start: number, stop: number): Promise<number> {
  for (let at = start; at < stop; ) {
    const { bytesRead } = await handle.read(bytes, at, stop - at, at)
    if (bytesRead === 0) return at
    at += bytesRead
  }
  return Number.POSITIVE_INFINITY
}
