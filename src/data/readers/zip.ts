import { LetheError } from '../../errors.js'
import { type ByteSource, partOf } from './byte-source.js'

/** One file in a zip archive. */
export interface ZipEntry {
  readonly name: string
  readonly method: 'stored' | 'deflated'
  readonly sizeBytes: number
  readonly crc32: number
  /** Bytes as they are in the archive. */
  readonly packed: ByteSource
}

const endMark = 0x06054b50
const end64Mark = 0x06064b50
const end64LocatorMark = 0x07064b50
const entryMark = 0x02014b50
const localMark = 0x04034b50
const endBytes = 22
const commentLimit = 0xffff
const directoryLimitBytes = 64 << 20
/** Deflate cannot pack tighter than this, so an entry that claims more is a trap. */
const deflateLimit = 1032

const bad = (source: ByteSource, what: string): LetheError =>
  new LetheError('data-format', `"${source.name}" is no sound zip archive: ${what}.`, { name: source.name })

/**
 * Files of a zip archive, by its central directory; contents are not read.
 * Throws `data-format`. Source: PKWARE APPNOTE 6.3, sections 4.3 and 4.5.3 (ZIP64).
 */
export async function listZip(source: ByteSource): Promise<ZipEntry[]> {
  const { count, sizeBytes, offset } = await findDirectory(source)
  if (sizeBytes > directoryLimitBytes) throw bad(source, `its directory claims ${sizeBytes} bytes`)
  const bytes = await source.read(offset, sizeBytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: ZipEntry[] = []
  let at = 0
  for (let n = 0; n < count; n++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== entryMark) throw bad(source, 'its directory is damaged')
    const nameBytes = view.getUint16(at + 28, true)
    const extraBytes = view.getUint16(at + 30, true)
    const next = at + 46 + nameBytes + extraBytes + view.getUint16(at + 32, true)
    if (next > bytes.length) throw bad(source, 'its directory is damaged')
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameBytes))
    entries.push(await readEntry(source, view, at, name, at + 46 + nameBytes, extraBytes))
    at = next
  }
  return entries
}

async function findDirectory(source: ByteSource): Promise<{ count: number; sizeBytes: number; offset: number }> {
  const tailBytes = Math.min(source.sizeBytes, endBytes + commentLimit)
  const tail = await source.read(source.sizeBytes - tailBytes, tailBytes)
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  let at = tailBytes - endBytes
  while (at >= 0 && view.getUint32(at, true) !== endMark) at--
  if (at < 0) throw bad(source, 'the end of its directory is missing')
  const count = view.getUint16(at + 10, true)
  const sizeBytes = view.getUint32(at + 12, true)
  const offset = view.getUint32(at + 16, true)
  if (count !== 0xffff && sizeBytes !== 0xffffffff && offset !== 0xffffffff) return { count, sizeBytes, offset }
  if (at < 20 || view.getUint32(at - 20, true) !== end64LocatorMark) return { count, sizeBytes, offset }
  const end = await source.read(Number(view.getBigUint64(at - 12, true)), 56)
  const view64 = new DataView(end.buffer, end.byteOffset, end.byteLength)
  if (view64.getUint32(0, true) !== end64Mark) throw bad(source, 'the end of its directory is damaged')
  return {
    count: Number(view64.getBigUint64(32, true)),
    sizeBytes: Number(view64.getBigUint64(40, true)),
    offset: Number(view64.getBigUint64(48, true)),
  }
}

async function readEntry(
  source: ByteSource,
  view: DataView,
  at: number,
  name: string,
  extraAt: number,
  extraBytes: number,
): Promise<ZipEntry> {
  const method = view.getUint16(at + 10, true)
  if (view.getUint16(at + 8, true) & 1) throw bad(source, `"${name}" is encrypted`)
  if (method !== 0 && method !== 8) throw bad(source, `"${name}" is packed by the unknown method ${method}`)
  const wide = wideFields(view, extraAt, extraBytes)
  const field = (value: number): number => {
    if (value !== 0xffffffff) return value
    const next = wide.shift()
    if (next === undefined) throw bad(source, `the size of "${name}" is missing`)
    return next
  }
  // The order of the wide fields: unpacked size, packed size, offset.
  const sizeBytes = field(view.getUint32(at + 24, true))
  const packedBytes = field(view.getUint32(at + 20, true))
  const offset = field(view.getUint32(at + 42, true))
  const local = await source.read(offset, 30)
  const head = new DataView(local.buffer, local.byteOffset, local.byteLength)
  if (head.getUint32(0, true) !== localMark) throw bad(source, `"${name}" is not where its directory says`)
  if (method === 0 ? sizeBytes !== packedBytes : sizeBytes > packedBytes * deflateLimit) {
    throw bad(source, `"${name}" claims ${sizeBytes} bytes from ${packedBytes}`)
  }
  const start = offset + 30 + head.getUint16(26, true) + head.getUint16(28, true)
  return {
    name,
    method: method === 0 ? 'stored' : 'deflated',
    sizeBytes,
    crc32: view.getUint32(at + 16, true),
    packed: partOf(source, `${source.name}: ${name}`, start, packedBytes),
  }
}

/** 64-bit fields of the ZIP64 extra block (id 1). */
function wideFields(view: DataView, start: number, length: number): number[] {
  for (let at = start; at + 4 <= start + length; ) {
    const size = view.getUint16(at + 2, true)
    if (view.getUint16(at, true) === 1 && at + 4 + size <= start + length) {
      return Array.from({ length: Math.floor(size / 8) }, (_, i) => Number(view.getBigUint64(at + 4 + i * 8, true)))
    }
    at += 4 + size
  }
  return []
}
