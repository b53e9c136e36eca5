import { describe, expect, it } from 'vitest'
import { type BatchInput, makeBatch } from '../../src/data/batch.js'
import { datasetOf } from '../../src/data/columns.js'
import type { Dataset, Example, ImageExample } from '../../src/data/dataset.js'
import type { Preprocessing } from '../../src/data/transforms/preprocessing.js'
import { numberToHalf, type Tensor, toNumbers } from '../../src/tensor/tensor.js'
import { smallDataset } from './small-dataset.js'

const of = (...examples: Example[]): Dataset =>
  datasetOf({ name: 'test', labels: examples.map(() => 0), id: (i) => `r${i}`, read: (i) => examples[i]! })

const picture = (width: number, height: number, channels: 1 | 3 | 4 = 3, first = 0): ImageExample => ({
  kind: 'image',
  width,
  height,
  channels,
  pixels: Uint8Array.from({ length: width * height * channels }, (_, i) => (first + i * 11) % 256),
})
const tensors = (t: Record<string, Tensor>): Example => ({ kind: 'tensors', tensors: t })
const floats = (...values: number[]): Tensor => ({
  dtype: 'float32',
  dims: [values.length],
  data: Float32Array.from(values),
})
const input = (dims: number[], dtype: BatchInput['dtype'] = 'float32', name = 'in'): BatchInput => ({
  name,
  dims,
  dtype,
})

describe('makeBatch', () => {
  it('stacks the records in the given order, more than are read at a time', async () => {
    const indices = Array.from({ length: 70 }, (_, k) => (k * 13) % 100)
    const batch = await makeBatch(smallDataset(100), indices, [input([2])])
    expect(batch.in).toEqual({
      dtype: 'float32',
      dims: [70, 2],
      data: Float32Array.from(indices.flatMap((i) => [i, -i])),
    })
  })

  it.each<{ spec: Preprocessing; dims: number[]; index: (y: number, x: number, c: number) => number }>([
    { spec: {}, dims: [3, 2, 4], index: (y, x, c) => c * 8 + y * 4 + x },
    { spec: { layout: 'NHWC' }, dims: [2, 4, 3], index: (y, x, c) => (y * 4 + x) * 3 + c },
    { spec: {}, dims: [24], index: (y, x, c) => c * 8 + y * 4 + x },
    { spec: {}, dims: [-1, -1, -1], index: (y, x, c) => c * 8 + y * 4 + x },
    { spec: { channels: 'BGR' }, dims: [3, 2, 4], index: (y, x, c) => (2 - c) * 8 + y * 4 + x },
  ])('gives pictures as (value/255 − mean)/std in the layout: $spec to $dims', async ({ spec, dims, index }) => {
    const [mean, std] = [0.4, [0.2, 0.3, 0.5]]
    const image = picture(4, 2, 3, 5)
    const { in: got } = await makeBatch(of(image), [0], [input(dims)], { ...spec, mean: [mean, mean, mean], std })
    for (let y = 0; y < 2; y++) {
      for (let x = 0; x < 4; x++) {
        for (let c = 0; c < 3; c++) {
          const position = spec.channels === 'BGR' ? 2 - c : c
          const value = (image.pixels[(y * 4 + x) * 3 + c]! / 255 - mean) / std[position]!
          expect(got!.data[index(y, x, c)]).toBe(Math.fround(value))
        }
      }
    }
    expect(got!.dims).toEqual([1, ...(dims.includes(-1) ? [3, 2, 4] : dims)])
  })

  it('makes grey pictures where the model takes one channel, and keeps them grey where they are', async () => {
    expect((await makeBatch(of(picture(4, 2, 3)), [0], [input([1, 2, 4])])).in!.dims).toEqual([1, 1, 2, 4])
    expect((await makeBatch(of(picture(4, 2, 1)), [0], [input([8])])).in!.dims).toEqual([1, 8])
    expect((await makeBatch(of(picture(4, 2, 1)), [0], [input([3, 2, 4])])).in!.dims).toEqual([1, 3, 2, 4])
  })

  it('finds tensors by the name of the input, of its source, or x', async () => {
    const data = of(tensors({ a: floats(1), b: floats(2), x: floats(3) }))
    const batch = await makeBatch(
      data,
      [0],
      [input([1], 'float32', 'a'), { ...input([1], 'float32', 'c'), source: 'b' }],
    )
    expect([batch.a!.data[0], batch.c!.data[0]]).toEqual([1, 2])
    expect((await makeBatch(data, [0], [input([1], 'float32', 'other')])).other!.data[0]).toBe(3)
  })

  it.each<{ from: Tensor; to: BatchInput['dtype']; values: number[] }>([
    { from: { dtype: 'float64', dims: [2], data: Float64Array.of(1.5, -2) }, to: 'float32', values: [1.5, -2] },
    { from: { dtype: 'float16', dims: [1], data: Uint16Array.of(numberToHalf(0.25)) }, to: 'float32', values: [0.25] },
    { from: floats(0.5, 3), to: 'float16', values: [0.5, 3] },
    { from: floats(0.5, 3), to: 'float64', values: [0.5, 3] },
    { from: { dtype: 'int32', dims: [2], data: Int32Array.of(7, -1) }, to: 'int64', values: [7, -1] },
    { from: { dtype: 'int64', dims: [1], data: BigInt64Array.of(200n) }, to: 'uint8', values: [200] },
  ])('gives $from.dtype as $to', async ({ from, to, values }) => {
    const { in: got } = await makeBatch(of(tensors({ x: from })), [0], [input(from.dims.slice(), to)])
    expect([got!.dtype, toNumbers(got!)]).toEqual([to, values])
  })

  it.each<{
    what: string
    data: Dataset
    dims: number[]
    dtype?: BatchInput['dtype']
    spec?: Preprocessing
    code: string
    says: string | RegExp
  }>([
    {
      what: 'a picture of another size',
      data: of(picture(2, 2), picture(3, 2)),
      dims: [3, 2, 2],
      code: 'image-size',
      says: 'Image "r1" is 3×2 pixels and gives [3,2,3]; the model takes [3,2,2]. Declare resize, crop, channels or layout in the preprocessing.',
    },
    {
      what: 'a picture of another size after a resize',
      data: of(picture(3, 2)),
      dims: [3, 2, 2],
      spec: { resize: { width: 5, height: 5 } },
      code: 'image-size',
      says: /3×2 pixels \(5×5 after resize and crop\)/,
    },
    {
      what: 'pictures of two sizes for a free axis',
      data: of(picture(2, 2), picture(3, 2)),
      dims: [3, 2, -1],
      code: 'shape-mismatch',
      says: /"r1" gives \[3,2,3\].*\[3,2,2\]/,
    },
    {
      what: 'too many means',
      data: of(picture(2, 2)),
      dims: [3, 2, 2],
      spec: { mean: [1, 2] },
      code: 'config-invalid',
      says: /mean has 2 numbers.* 3 channels/,
    },
    {
      what: 'NaN',
      data: of(tensors({ x: floats(1) }), tensors({ x: floats(Number.NaN) })),
      dims: [1],
      code: 'value-not-finite',
      says: 'Record "r1" holds NaN at element 0 of "in"; mend or leave out the record.',
    },
    {
      what: 'a number past float32',
      data: of(tensors({ x: { dtype: 'float64', dims: [1], data: Float64Array.of(1e300) } })),
      dims: [1],
      code: 'value-not-finite',
      says: /"r0" holds Infinity/,
    },
    {
      what: 'integers for floats',
      data: of(tensors({ x: { dtype: 'uint8', dims: [1], data: Uint8Array.of(1) } })),
      dims: [1],
      code: 'dtype-mismatch',
      says: /"r0" is uint8 .* takes float32/,
    },
    {
      what: 'a token past int8',
      data: of(tensors({ x: { dtype: 'int32', dims: [1], data: Int32Array.of(300) } })),
      dims: [1],
      dtype: 'int8',
      code: 'dtype-mismatch',
      says: /holds 300/,
    },
    {
      what: 'another shape',
      data: of(tensors({ x: floats(1, 2) })),
      dims: [3],
      code: 'shape-mismatch',
      says: /"r0" gives \[2\] .* expected \[3\]/,
    },
    {
      what: 'a tensor of another name',
      data: of(tensors({ z: floats(1) })),
      dims: [1],
      code: 'data-format',
      says: /"r0" has no tensor for model input "in"; it has z/,
    },
  ])('refuses $what: $code', async ({ data, dims, dtype, spec, code, says }) => {
    const all = Array.from({ length: data.size }, (_, i) => i)
    const error = await makeBatch(data, all, [input(dims, dtype)], spec).catch((e: unknown) => e)
    expect(error).toMatchObject({ code, message: typeof says === 'string' ? says : expect.stringMatching(says) })
  })

  it('refuses one picture for two inputs', async () => {
    const inputs = [input([3, 2, 2], 'float32', 'a'), input([3, 2, 2], 'float32', 'b')]
    await expect(makeBatch(of(picture(2, 2)), [0], inputs)).rejects.toMatchObject({ code: 'data-format' })
  })
})
