import type { Dataset } from '../data/dataset.js'
import type { StoredArray } from '../data/readers/array.js'
import { arraysDataset } from '../data/readers/arrays.js'
import { type ByteSource, checkRange, memorySource } from '../data/readers/byte-source.js'
import { openNpy } from '../data/readers/npy.js'
import { listZip, type ZipEntry } from '../data/readers/zip.js'
import { LetheError } from '../errors.js'
import { type Bytes, readBytes } from './bytes.js'

/**
 * Data set of a NumPy archive: `x` (or an array per model input), `y`, and what else docs/data.md names. Of one that has the parts `x_train`, `y_train`,
 * `x_test`, `y_test` the part that is asked for, 'train' by default; ids are then `train/0` …, as in Node.
 *
 * Of a Blob (a chosen file), arrays that are not compressed are read row by row and never lie in memory whole.
 * Throws `data-format`, `data-unsafe`, `label-range`, and what `readBytes` throws.
 */
export async function npzDataset(
  source: Bytes,
  options: { name?: string; part?: 'train' | 'test' } = {},
): Promise<Dataset> {
  const { name = source instanceof File ? source.name : 'npz' } = options
  const bytes = source instanceof Blob ? blobSource(name, source) : memorySource(name, await readBytes(source))
  const entries = new Map<string, ZipEntry>()
  for (const entry of await listZip(bytes)) if (entry.name.endsWith('.npy')) entries.set(entry.name.slice(0, -4), entry)
  const isParted = !entries.has('y') && (entries.has('y_train') || entries.has('y_test'))
  const part = isParted ? (options.part ?? 'train') : undefined
  const arrays = new Map<string, StoredArray>()
  for (const [full, entry] of entries) {
    const [, stem, of] = /^(.+)_(train|test|val)$/.exec(full) ?? []
    if (part && of !== undefined && of !== part) continue
    const key = part && stem !== undefined ? stem : full
    arrays.set(key, await openNpy(key, entry.method === 'stored' ? entry.packed : await unpack(entry)))
  }
  return arraysDataset(part ? `${name} ${part}` : name, arrays, part ? `${part}/` : '')
}

/** Source over a Blob: pieces are read as they are asked for. */
function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    sizeBytes: blob.size,
    async read(offset, length) {
      checkRange(name, blob.size, offset, length)
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer())
    },
  }
}

/** Contents of a deflated file; never more memory than it claims to need. */
async function unpack({ packed, sizeBytes, crc32 }: ZipEntry): Promise<ByteSource> {
  const damaged = (cause?: unknown): LetheError =>
    new LetheError('data-format', `"${packed.name}" is damaged; get the whole file again.`, {}, { cause })
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  const stream = new Blob([new Uint8Array(await packed.read(0, packed.sizeBytes))])
    .stream()
    .pipeThrough(new DecompressionStream('deflate-raw'))
    .getReader()
  try {
    for (let next = await stream.read(); !next.done; next = await stream.read()) {
      bytes.set(next.value, at)
      at += next.value.length
    }
  } catch (cause) {
    throw damaged(cause)
  }
  if (at !== sizeBytes || crcOf(bytes) !== crc32) throw damaged()
  return memorySource(packed.name, bytes)
}

/** CRC-32 of zip archives (polynomial edb88320, reflected). */
function crcOf(bytes: Uint8Array): number {
  const table = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
    return c
  })
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!
  return (crc ^ 0xffffffff) >>> 0
}
