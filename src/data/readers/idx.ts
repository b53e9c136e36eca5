import { LetheError } from '../../errors.js'
import type { DataType } from '../../tensor/tensor.js'
import { checkExtent, type StoredArray } from './array.js'
import type { ByteSource } from './byte-source.js'

const types: Readonly<Record<number, DataType>> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
}

/**
 * Array of an IDX source (the format of MNIST); only the header is read.
 *
 * Two zero bytes, element type, number of axes, each axis as a big-endian uint32, then the elements, big-endian and
 * row-major. Throws `data-format`. Source: the format's description on the page of the MNIST database.
 */
export async function openIdx(name: string, source: ByteSource): Promise<StoredArray> {
  const head = await source.read(0, Math.min(4, source.sizeBytes))
  const dtype = types[head[2] ?? 0]
  const rank = head[3] ?? 0
  if (head.length < 4 || head[0] !== 0 || head[1] !== 0 || !dtype || rank === 0) {
    throw new LetheError('data-format', `"${name}" is no IDX file: it does not begin with the mark of one.`, { name })
  }
  const axes = await source.read(4, rank * 4)
  const view = new DataView(axes.buffer, axes.byteOffset, axes.byteLength)
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(i * 4))
  const header = { element: { kind: 'number', dtype }, dims, bigEndian: true, fortranOrder: false } as const
  const array = { name, header, source, start: 4 + rank * 4 }
  checkExtent(array)
  return array
}
