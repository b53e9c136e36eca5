import { LetheError } from '../../errors.js'

/** Bytes that can be read piece by piece: a file, a part of one, or memory. */
export interface ByteSource {
  /** Where the bytes come from, for messages. */
  readonly name: string
  readonly sizeBytes: number
  /** Exactly `length` bytes from `offset` on; they may share memory with the source. Throws `data-format` past the end. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** Source over bytes in memory. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    async read(offset, length) {
      checkRange(name, bytes.length, offset, length)
      return bytes.subarray(offset, offset + length)
    },
  }
}

/** The part of a source that starts at `start`. Throws `data-format` where it reaches past the end. */
export function partOf(source: ByteSource, name: string, start: number, sizeBytes: number): ByteSource {
  checkRange(source.name, source.sizeBytes, start, sizeBytes)
  return {
    name,
    sizeBytes,
    async read(offset, length) {
      checkRange(name, sizeBytes, offset, length)
      return source.read(start + offset, length)
    },
  }
}

/** Throws `data-format` where a range reaches past the end of its source. */
export function checkRange(name: string, sizeBytes: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= sizeBytes) return
  throw new LetheError(
    'data-format',
    `"${name}" ends early: expected at least ${offset + length} bytes, got ${sizeBytes}. Get the whole file again.`,
    { name, expected: offset + length, sizeBytes },
  )
}
