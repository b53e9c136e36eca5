import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FileDigest } from './digest-node.js'
import { systemCode, writeFault } from './fault.js'

export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/**
 * Writes a file whole or not at all, and returns its size and SHA-256.
 *
 * The bytes go to a temporary file in the same folder, which is flushed to the disk and then takes the final name in one
 * step; the folder is flushed last. Whatever fails (the source of the bytes included), the temporary file is removed and a
 * file that was there before keeps its content. An existing file keeps its permissions; a link keeps pointing to its target,
 * which is replaced. Only regular files are replaced (never a device such as /dev/null).
 *
 * Throws `unwritable`, `disk-full`; an error of the source is passed on as it is.
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<FileDigest> {
  const [digest] = await writeFilesAtomic([{ path, content }])
  return digest!
}

/**
 * Writes files that belong together, each as `writeFileAtomic` does: all are whole and flushed under temporary names before
 * the first one takes its own, then they are renamed in the given order. What fails while they are written (a full disk)
 * leaves none of them; only a fault between two renames can leave the first ones without the others.
 */
export async function writeFilesAtomic(
  files: readonly { readonly path: string; readonly content: FileContent }[],
): Promise<FileDigest[]> {
  const prepared: Prepared[] = []
  try {
    for (const { path, content } of files) prepared.push(await prepare(path, content))
    for (const { path, temporary, target } of prepared) {
      await guarded(path, rename(temporary, target))
      await guarded(path, syncFolder(dirname(target)))
    }
    return prepared.map(({ digest }) => digest)
  } catch (error) {
    // Those that have their own names already are not found any more.
    for (const { temporary } of prepared) await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}

interface Prepared {
  readonly path: string
  readonly temporary: string
  readonly target: string
  readonly digest: FileDigest
}

/** The content, flushed to the disk in a temporary file beside its target; nothing is left where that fails. */
async function prepare(path: string, content: FileContent): Promise<Prepared> {
  const { target, mode } = await guarded(path, resolveTarget(path))
  const temporary = join(dirname(target), `.lethe-${randomBytes(8).toString('hex')}.tmp`)
  const handle = await guarded(path, open(temporary, 'wx', mode))
  try {
    const digest = await pour(handle, content, path)
    await guarded(path, handle.sync())
    await guarded(path, handle.close())
    return { path, temporary, target, digest }
  } catch (error) {
    // Closing twice is an error of its own, and must not hide the first one.
    await handle.close().catch(() => undefined)
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}

/** A step of the work, with its system error told as ours. */
function guarded<T>(path: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw writeFault(error, path)
  })
}

async function pour(handle: FileHandle, content: FileContent, path: string): Promise<FileDigest> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const piece of pieces(content)) {
    // Written by another thread while this one digests.
    const written = guarded(path, writeAll(handle, piece))
    hash.update(piece)
    await written
    sizeBytes += piece.byteLength
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

/** One write may take only a part of the bytes. */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    at += (await handle.write(bytes, at, bytes.byteLength - at)).bytesWritten
  }
}

function pieces(content: FileContent): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof content === 'string') return [new TextEncoder().encode(content)]
  return content instanceof Uint8Array ? [content] : content
}

/**
 * The file behind a path, and the permissions to give it (the system's default for a new one). Throws system errors: a
 * folder that is not there, or something that is no regular file.
 */
export async function resolveTarget(path: string): Promise<{ target: string; mode: number | undefined }> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (!found) return { target: join(await realpath(dirname(path)), basename(path)), mode: undefined }
  if (found.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' })
  if (!found.isFile()) throw Object.assign(new Error('is not a regular file'), { code: 'not a regular file' })
  return { target: await realpath(path), mode: found.mode & 0o777 }
}

/** Makes a new name in a folder last; systems that cannot flush a folder are left as they are. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'].includes(systemCode(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}
