import { type FileHandle, open, stat } from 'node:fs/promises'
import { readFault } from '../../files/fault.js'
import { type ByteSource, checkRange } from './byte-source.js'

/** How long a file stays open after its last read. */
const idleMs = 1000

/**
 * Source over a file, read by position. The file is opened with the first read and closed a moment after the last one, so
 * nobody has to close it; the process may end at any time. Throws `not-found`, `unreadable`.
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const guard = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw readFault(error, path)
    })
  const { size } = await guard(stat(path))
  let handle: Promise<FileHandle> | undefined
  let reading = 0
  let idle: NodeJS.Timeout | undefined

  const closeLater = (): void => {
    idle = setTimeout(() => {
      const closing = handle
      handle = undefined
      closing?.then((h) => h.close()).catch(() => undefined)
    }, idleMs).unref()
  }

  return {
    name: path,
    sizeBytes: size,
    async read(offset, length) {
      checkRange(path, size, offset, length)
      clearTimeout(idle)
      reading++
      try {
        handle ??= guard(open(path, 'r'))
        return await fill(await handle, path, offset, length, guard)
      } finally {
        if (--reading === 0) closeLater()
      }
    },
  }
}

async function fill(
  handle: FileHandle,
  path: string,
  offset: number,
  length: number,
  guard: <T>(work: Promise<T>) => Promise<T>,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  // One read may give only a part of the bytes.
  for (let at = 0; at < length; ) {
    const { bytesRead } = await guard(handle.read(bytes, at, length - at, offset + at))
    if (bytesRead === 0) checkRange(path, offset + at, offset, length)
    at += bytesRead
  }
  return bytes
}
