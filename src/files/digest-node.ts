import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFault } from './fault.js'

/** SHA-256 of bytes, or of a text's UTF-8 bytes, as 64 lower-case hex digits. */
export function sha256Hex(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Size and SHA-256 of a file, read piece by piece. */
export interface FileDigest {
  readonly sizeBytes: number
  readonly sha256: string
}

/** Size and SHA-256 of bytes in pieces. */
export function digestOf(pieces: Iterable<Uint8Array>): FileDigest {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for (const piece of pieces) {
    hash.update(piece)
    sizeBytes += piece.byteLength
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

/** Size and SHA-256 of a file, with memory that does not grow with it. Throws `not-found`, `unreadable`. */
export async function digestFile(path: string): Promise<FileDigest> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>) {
      hash.update(piece)
      sizeBytes += piece.byteLength
    }
  } catch (error) {
    throw readFault(error, path)
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}
