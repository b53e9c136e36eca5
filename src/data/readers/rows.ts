import type { ByteSource } from './byte-source.js'

/** Rows of equal length in a source, read by index. */
export interface Rows {
  readonly count: number
  /** Bytes of row `i`; they may share memory with other rows, so copy what is kept. */
  row(i: number): Promise<Uint8Array>
}

/** Rows that one read fetches when they are asked for in order, and the most bytes that read may take. */
const blockRows = 512
const blockBytes = 4 << 20
/** Blocks kept: the one being read and its neighbour. */
const blocksKept = 2

/**
 * Rows of a source, with memory that does not grow with it.
 *
 * Rows asked for in ascending order are read block by block; a row out of order costs one read of that row alone, so
 * shuffled data does not fetch blocks in vain.
 */
export function readRows(source: ByteSource, start: number, rowBytes: number, count: number): Rows {
  const perBlock = Math.max(1, Math.min(blockRows, Math.floor(blockBytes / Math.max(rowBytes, 1))))
  const blocks = new Map<number, Promise<Uint8Array>>()
  let last = Number.NaN

  const block = (b: number): Promise<Uint8Array> => {
    const first = b * perBlock
    const bytes = source.read(start + first * rowBytes, Math.min(perBlock, count - first) * rowBytes)
    blocks.set(b, bytes)
    // A failed read is told to whoever asked, and tried again by the next one.
    bytes.catch(() => blocks.delete(b))
    for (const old of blocks.keys()) if (blocks.size > blocksKept) blocks.delete(old)
    return bytes
  }

  return {
    count,
    async row(i) {
      const inOrder = i === last + 1 || i === last
      last = i
      const b = Math.floor(i / perBlock)
      const held = blocks.get(b) ?? (inOrder ? block(b) : undefined)
      if (!held) return source.read(start + i * rowBytes, rowBytes)
      const at = (i - b * perBlock) * rowBytes
      return (await held).subarray(at, at + rowBytes)
    },
  }
}
