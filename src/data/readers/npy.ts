import { LetheError } from '../../errors.js'
import type { DataType } from '../../tensor/tensor.js'
import { type ArrayHeader, checkExtent, type ElementType, type StoredArray } from './array.js'
import type { ByteSource } from './byte-source.js'

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
/** A header longer than this is no honest array. */
const headerLimitBytes = 1 << 20
/** More axes than NumPy itself allows. */
const rankLimit = 64

const numberTypes: Readonly<Record<string, DataType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
}

/**
 * Array of a `.npy` source; only the header is read.
 *
 * The header is "\x93NUMPY", a version, its length, and a Python literal {'descr', 'fortran_order', 'shape'}.
 * Throws `data-format`; `data-unsafe` for pickled objects (`|O`), which can run any code when loaded.
 * Source: NumPy, "NPY format" (numpy.lib.format), versions 1.0 to 3.0.
 */
export async function openNpy(name: string, source: ByteSource): Promise<StoredArray> {
  const head = await source.read(0, Math.min(12, source.sizeBytes))
  if (head.length < 10 || magic.some((byte, i) => head[i] !== byte)) {
    throw new LetheError('data-format', `"${name}" is no .npy array: it does not begin with the mark of one.`, { name })
  }
  const version = head[6]!
  if (version < 1 || version > 3) {
    throw new LetheError('data-format', `Array "${name}" is of .npy version ${version}; versions 1 to 3 are known.`)
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const at = version === 1 ? 10 : 12
  const length = version === 1 ? view.getUint16(8, true) : head.length < 12 ? Number.NaN : view.getUint32(8, true)
  if (!(length <= headerLimitBytes)) throw new LetheError('data-format', `Array "${name}" has a damaged header.`)
  const header = parseHeader(name, new TextDecoder().decode(await source.read(at, length)))
  const array = { name, header, source, start: at + length }
  checkExtent(array)
  return array
}

function parseHeader(name: string, text: string): ArrayHeader {
  const descr = /'descr':\s*(?:'([^']*)'|(\[))/.exec(text)
  const order = /'fortran_order':\s*(True|False)/.exec(text)
  const shape = /'shape':\s*\(([\d\sL,]*)\)/.exec(text)
  if (!descr || !order || !shape) throw new LetheError('data-format', `Array "${name}" has a damaged header.`, { text })
  const dims = (shape[1]!.match(/\d+/g) ?? []).map(Number)
  if (dims.length > rankLimit || dims.some((d) => !Number.isSafeInteger(d))) {
    throw new LetheError('data-format', `Array "${name}" has the impossible shape [${dims}].`)
  }
  const [bigEndian, element] = parseType(name, descr[1])
  return { element, dims, bigEndian, fortranOrder: order[1] === 'True' }
}

function parseType(name: string, descr: string | undefined): [boolean, ElementType] {
  const [, endian = '', code = '', size = ''] = /^([<>|=]?)([A-Za-z])(\d*)/.exec(descr ?? '') ?? []
  if (code === 'O') {
    throw new LetheError(
      'data-unsafe',
      `Array "${name}" holds pickled Python objects, which can run any code. Save it with a fixed type (numbers, or text with astype(str)).`,
      { name, descr },
    )
  }
  const bigEndian = endian === '>'
  if (code === 'U') return [bigEndian, { kind: 'text', form: 'utf-32', length: Number(size) }]
  if (code === 'S') return [false, { kind: 'text', form: 'bytes', length: Number(size) }]
  const dtype = Object.hasOwn(numberTypes, `${code}${size}`) ? numberTypes[`${code}${size}`] : undefined
  if (dtype) return [bigEndian, { kind: 'number', dtype }]
  throw new LetheError(
    'data-format',
    `Array "${name}" has element type ${descr ?? 'of several fields'}; save it as floats, integers, booleans or text.`,
    { name, descr },
  )
}
