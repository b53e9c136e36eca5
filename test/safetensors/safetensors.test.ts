import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readSafetensors, writeSafetensors } from '../../src/safetensors/safetensors.js'
import { type ArrayOf, allocate, type DataType, sizeOf, type Tensor, toBytes } from '../../src/tensor/tensor.js'

const dtypes = Object.keys({
  float64: 0,
  float32: 0,
  float16: 0,
  bfloat16: 0,
  int64: 0,
  int32: 0,
  int16: 0,
  int8: 0,
  uint64: 0,
  uint32: 0,
  uint16: 0,
  uint8: 0,
  bool: 0,
} satisfies Record<keyof ArrayOf, 0>) as DataType[]

/** Tensor whose bytes count up. */
function counted(dtype: DataType, dims: readonly number[]): Tensor {
  const data = allocate(dtype, sizeOf(dims))
  toBytes(data).forEach((_, i, bytes) => {
    bytes[i] = dtype === 'bool' ? i % 2 : (i * 7 + 1) % 256
  })
  return { dtype, dims, data }
}

/** A file of any header text and data. */
function file(header: unknown, dataBytes = 0, length?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? json.length), true)
  bytes.set(json, 8)
  return bytes
}

const entry = (start: number, end: number, shape = [(end - start) / 4], dtype: unknown = 'F32'): unknown => ({
  dtype,
  shape,
  data_offsets: [start, end],
})

const anyFile = fc.dictionary(
  fc.string().filter((name) => name !== '__metadata__'),
  fc.record({ dtype: fc.constantFrom(...dtypes), dims: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }) }),
)

describe('safetensors', () => {
  it('gives back every tensor and all metadata, and the same bytes in any order', () => {
    fc.assert(
      fc.property(anyFile, fc.dictionary(fc.string(), fc.string()), (forms, metadata) => {
        const tensors = Object.entries(forms).map(([name, f]) => [name, counted(f.dtype, f.dims)] as const)
        const bytes = writeSafetensors(tensors, metadata)
        const read = readSafetensors(bytes)
        expect(new Map(read.tensors)).toEqual(new Map(tensors))
        expect({ ...read.metadata }).toEqual({ ...metadata })
        const turned = Object.fromEntries(Object.entries(metadata).reverse())
        expect(writeSafetensors([...tensors].reverse(), turned)).toEqual(bytes)
      }),
    )
  })

  it('shares the memory of the file, and copies only where it is not aligned', () => {
    const bytes = writeSafetensors([
      ['narrow', counted('uint8', [3])],
      ['wide', counted('float64', [2])],
    ])
    for (const t of readSafetensors(bytes).tensors.values()) expect(t.data.buffer).toBe(bytes.buffer)
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    expect(readSafetensors(shifted.subarray(1)).tensors).toEqual(readSafetensors(bytes).tensors)
  })

  it('is what the published library writes', () => {
    // safetensors 0.8 for Python: save({"b": float32 [1.5, −2], "a": int16 [[3], [4]]}, metadata={"k": "v"}).
    const published = Buffer.from(
      'iAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJrIjoidiJ9LCJiIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbMCw4XX0sImEiOnsiZHR5cGUiOiJJMTYiLCJzaGFwZSI6WzIsMV0sImRhdGFfb2Zmc2V0cyI6WzgsMTJdfX0gAADAPwAAAMADAAQA',
      'base64',
    )
    const { tensors, metadata } = readSafetensors(published)
    expect({ ...metadata }).toEqual({ k: 'v' })
    expect(tensors.get('b')).toEqual({ dtype: 'float32', dims: [2], data: Float32Array.of(1.5, -2) })
    expect(tensors.get('a')).toEqual({ dtype: 'int16', dims: [2, 1], data: Int16Array.of(3, 4) })
    expect(Buffer.from(writeSafetensors(tensors, metadata)).equals(published)).toBe(true)
  })

  it.each([
    { what: 'an empty file', bytes: new Uint8Array(), says: /shorter than its header length/ },
    { what: 'a header past the end', bytes: file({}, 0, 3), says: /ends before its header/ },
    { what: 'a header of 2⁶⁰ bytes', bytes: file({}, 0, 2 ** 60), says: /ends before its header/ },
    { what: 'no JSON', bytes: file('{"a"'), says: /no JSON object/ },
    { what: 'a list', bytes: file([]), says: /no JSON object/ },
    { what: 'metadata that is a number', bytes: file({ __metadata__: { a: 1 } }), says: /"a" that is no text/ },
    { what: 'metadata that is a list', bytes: file({ __metadata__: ['a'] }), says: /no object/ },
    { what: 'an unknown type', bytes: file({ a: entry(0, 4, [1], 'F8_E4M3') }, 4), says: /unknown type F8_E4M3/ },
    { what: 'a type from the prototype', bytes: file({ a: entry(0, 4, [1], 'constructor') }, 4), says: /unknown type/ },
    { what: 'no entry', bytes: file({ a: null }), says: /"a" with a damaged entry/ },
    { what: 'a negative axis', bytes: file({ a: entry(0, 4, [-1]) }, 4), says: /damaged entry/ },
    {
      what: 'a shape past all numbers',
      bytes: file({ a: entry(0, 4, [2 ** 50, 2 ** 50]) }, 4),
      says: /outside its data/,
    },
    { what: 'a shape that does not fill its bytes', bytes: file({ a: entry(0, 8, [1]) }, 8), says: /outside its data/ },
    { what: 'data past the end', bytes: file({ a: entry(0, 8) }, 4), says: /outside its data/ },
    { what: 'offsets turned round', bytes: file({ a: entry(8, 4, [1]) }, 8), says: /outside its data/ },
    { what: 'tensors that overlap', bytes: file({ a: entry(0, 8), b: entry(4, 12) }, 12), says: /overlap/ },
    { what: 'a gap', bytes: file({ a: entry(0, 4), b: entry(8, 12) }, 12), says: /4 bytes that belong to no tensor/ },
    { what: 'bytes at the end', bytes: file({ a: entry(0, 4) }, 9), says: /5 bytes that belong to no tensor/ },
  ])('refuses $what', ({ bytes, says }) => {
    expect(() => readSafetensors(bytes)).toThrow(
      expect.objectContaining({ code: 'data-format', message: expect.stringMatching(says) }),
    )
  })

  it('refuses any damaged file with data-format, or reads it', () => {
    const sound = writeSafetensors([['a', counted('float32', [2, 3])]], { k: 'v' })
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.nat(255), fc.nat(sound.length), (at, byte, length) => {
        const bytes = Uint8Array.from(sound)
        bytes[at] = byte
        try {
          readSafetensors(bytes.subarray(0, length))
        } catch (error) {
          expect(error).toMatchObject({ code: 'data-format' })
        }
      }),
    )
  })

  it('refuses to write two entries of one name', () => {
    const t = counted('bool', [1])
    expect(() =>
      writeSafetensors([
        ['a', t],
        ['a', t],
      ]),
    ).toThrow(/two entries of one name/)
    expect(() => writeSafetensors([['__metadata__', t]], { k: 'v' })).toThrow(/two entries of one name/)
  })
})
