import { describe, expect, it } from 'vitest'
import { type DataType, isFloat, sizeOf, type Tensor, tensor, toBytes, toNumbers } from '../../src/tensor/tensor.js'
import { putElement, readerOf } from '../../src/weights/element.js'
import { describePlace } from '../../src/weights/place.js'
import { takeBack } from '../../src/weights/take-back.js'
import { f32, numbers } from '../small-graphs.js'
import { bytesOf, dictOf, halved, modelOf } from './dict.js'

type Tensors = Readonly<Record<string, Tensor>>

/** A tensor of the same elements in another shape. */
const reshaped = (t: Tensor, dims: readonly number[]): Tensor => ({ ...t, dims })

/** [a, b] → [b, a]. */
function turned(t: Tensor, [a, b]: readonly number[] = t.dims): Tensor {
  const data = t.data.slice()
  for (let i = 0; i < a!; i++) for (let j = 0; j < b!; j++) data[j * a! + i] = t.data[i * b! + j]!
  return { ...t, dims: [b!, a!], data } as Tensor
}

/** Tensors one below the other: rows of the result. */
function stacked(parts: readonly Tensor[], dims: readonly number[]): Tensor {
  return tensor('float32', dims, Float32Array.from(parts.flatMap((t) => Array.from(t.data, Number))))
}

/** Matrices of one height side by side: columns of the result. */
function beside(parts: readonly Tensor[]): Tensor {
  const columns = parts.reduce((n, t) => n + t.dims[1]!, 0)
  return turned(
    stacked(
      parts.map((t) => turned(t)),
      [columns, parts[0]!.dims[0]!],
    ),
  )
}

interface Row {
  readonly what: string
  readonly dict: Tensors
  /** What the exporter makes of the state dict, before and after forgetting. */
  readonly exported: (t: Tensors) => Tensors
  /** How places are told. */
  readonly how: readonly string[]
  /** How many of the first elements are in the model, where that is not all. */
  readonly elements?: number
}

const d = 8
const qkv: Tensors = { q: f32([d, d], 1), k: f32([d, d], 2), v: f32([d, d], 3) }
const fused: Tensors = { qkv: f32([3 * d, d], 4) }
const part = (t: Tensor, at: number, dims: readonly number[]): Tensor =>
  ({ ...t, dims, data: t.data.slice(at, at + sizeOf(dims)) }) as Tensor

/** Equal parts of a tensor, in another order. */
const gates = (t: Tensor, order: readonly number[], size: number, dims: readonly number[]): Tensor[] =>
  order.map((gate) => part(t, gate * size, dims))

const rows: readonly Row[] = [
  { what: 'as they are', dict: { w: f32([6, 5]) }, exported: ({ w }) => ({ x: w! }), how: [''] },
  { what: 'with axes of one', dict: { w: f32([40]) }, exported: ({ w }) => ({ x: reshaped(w!, [1, 40]) }), how: [''] },
  { what: 'transposed', dict: { w: f32([6, 5]) }, exported: ({ w }) => ({ x: turned(w!) }), how: ['transposed'] },
  {
    what: 'transposed, square',
    dict: { w: f32([9, 9]) },
    exported: ({ w }) => ({ x: turned(w!) }),
    how: ['transposed'],
  },
  {
    what: 'transposed from a convolution of width one',
    dict: { w: f32([6, 5, 1]) },
    exported: ({ w }) => ({ x: turned(w!, [6, 5]) }),
    how: ['transposed'],
  },
  {
    what: 'transposed from patches',
    dict: { w: f32([6, 3, 4, 4]) },
    exported: ({ w }) => ({ x: turned(w!, [6, 48]) }),
    how: ['transposed'],
  },
  {
    what: 'fused by rows in the model',
    dict: qkv,
    exported: ({ q, k, v }) => ({ x: stacked([q!, k!, v!], [3 * d, d]) }),
    how: ['rows 0–7 of it', 'rows 8–15 of it', 'rows 16–23 of it'],
  },
  {
    what: 'fused by columns in the model, transposed',
    dict: qkv,
    exported: ({ q, k, v }) => ({ x: beside([turned(q!), turned(k!), turned(v!)]) }),
    how: ['columns 0–7 of it, transposed', 'columns 8–15 of it, transposed', 'columns 16–23 of it, transposed'],
  },
  {
    what: 'fused by columns in the model',
    dict: qkv,
    exported: ({ q, k, v }) => ({ x: beside([q!, k!, v!]) }),
    how: ['columns 0–7 of it', 'columns 8–15 of it', 'columns 16–23 of it'],
  },
  {
    what: 'fused in the model, keys and values with fewer heads',
    dict: { q: f32([12, 10], 1), k: f32([4, 10], 2), v: f32([4, 10], 3) },
    exported: ({ q, k, v }) => ({ x: stacked([q!, k!, v!], [20, 10]) }),
    how: ['rows 0–11 of it', 'rows 12–15 of it', 'rows 16–19 of it'],
  },
  {
    what: 'fused vectors in the model',
    dict: { q: f32([20], 1), k: f32([20], 2) },
    exported: ({ q, k }) => ({ x: stacked([q!, k!], [40]) }),
    how: ['elements 0–19 of it', 'elements 20–39 of it'],
  },
  {
    what: 'rows of a matrix in the model, vectors in the state dict',
    dict: { q: f32([20], 1), k: f32([20], 2) },
    exported: ({ q, k }) => ({ x: stacked([q!, k!], [2, 20]) }),
    how: ['row 0 of it', 'row 1 of it'],
  },
  {
    what: 'fused in the state dict',
    dict: fused,
    exported: ({ qkv: t }) => ({ x: part(t!, 0, [d, d]), y: part(t!, d * d, [d, d]), z: part(t!, 2 * d * d, [d, d]) }),
    how: ['into rows 0–7', 'into rows 8–15', 'into rows 16–23'],
  },
  {
    what: 'fused in the state dict, apart and transposed in the model',
    dict: fused,
    exported: ({ qkv: t }) => ({
      x: turned(part(t!, 0, [d, d])),
      y: turned(part(t!, d * d, [d, d])),
      z: turned(part(t!, 2 * d * d, [d, d])),
    }),
    how: ['into rows 0–7, transposed', 'into rows 8–15, transposed', 'into rows 16–23, transposed'],
  },
  {
    what: 'fused by columns in the state dict (Conv1D of GPT-2)',
    dict: { c: f32([d, 2 * d], 5) },
    exported: ({ c }) => {
      const across = turned(c!)
      return { x: turned(part(across, 0, [d, d])), y: turned(part(across, d * d, [d, d])) }
    },
    how: ['into columns 0–7', 'into columns 8–15'],
  },
  {
    what: 'the first rows of a table of positions',
    dict: { p: f32([1, 16, 8], 6) },
    exported: ({ p }) => ({ x: part(p!, 0, [1, 9, 8]) }),
    how: ['into rows 0–8'],
    elements: 72,
  },
  {
    what: 'gates of an LSTM in the order of ONNX',
    dict: { w: f32([4 * 5, 6], 8) },
    exported: ({ w }) => ({ x: stacked(gates(w!, [0, 3, 1, 2], 30, [5, 6]), [1, 20, 6]) }),
    how: [
      'rows 0–4 of it, into rows 0–4',
      'rows 5–9 of it, into rows 15–19',
      'rows 10–14 of it, into rows 5–9',
      'rows 15–19 of it, into rows 10–14',
    ],
  },
  {
    what: 'biases of a GRU, four of them side by side',
    dict: { a: f32([18], 1), b: f32([18], 2), c: f32([18], 3), d: f32([18], 4) },
    exported: (t) => ({
      x: stacked(
        'abcd'.split('').flatMap((n) => gates(t[n]!, [1, 0, 2], 6, [6])),
        [2, 36],
      ),
    }),
    how: [0, 18, 36, 54].flatMap((at) =>
      [6, 0, 12].map((into, i) => `elements ${at + 6 * i}–${at + 6 * i + 5} of it, into elements ${into}–${into + 5}`),
    ),
  },
  {
    what: 'a table tied to the last layer, twice in the model',
    dict: { e: f32([20, 8], 7) },
    exported: ({ e }) => ({ x: e!, y: turned(e!) }),
    how: ['', 'transposed'],
  },
]

const forget = (dict: Tensors, elements?: number): Tensors =>
  Object.fromEntries(Object.entries(dict).map(([name, t]) => [name, halved(t, 7, 17, elements)]))
const bytes = (dict: Tensors): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(dict).map(([name, t]) => [name, toBytes(t.data)]))

describe('weights come back from initializers of other names', () => {
  it.each(rows)('$what', ({ dict, exported, how, elements }) => {
    const like = dictOf(dict)
    for (const original of [undefined, modelOf(exported(dict))]) {
      const taking = takeBack(modelOf(exported(forget(dict, elements))), like, original)
      expect(bytesOf(taking, like)).toEqual(bytes(forget(dict, elements)))
      const places = Object.keys(dict).flatMap((name) =>
        taking.take(name).matches.map(({ place }) => describePlace(place)),
      )
      expect(places.sort()).toEqual([...how].sort())
    }
  })

  it('where most elements changed, but others are as they were and all have shrunk', () => {
    const dict = { w: f32([8, 9]), v: f32([8, 9], 2) }
    const most = { w: dict.w, v: halved(dict.v, 20, 1) }
    const exported = (t: typeof dict) => modelOf({ x: turned(t.w), y: turned(t.v) })
    expect(bytesOf(takeBack(exported(most), dictOf(dict)), dictOf(dict))).toEqual(bytes(most))
    const turnedOver = {
      ...most,
      v: { ...most.v, data: Float32Array.from(toNumbers(most.v), (v, i) => (i === 70 ? -v : v)) } as Tensor,
    }
    expect(() => takeBack(exported(turnedOver), dictOf(dict))).toThrow(/"y" \[9,8\] may have changed/)
  })

  it('with the model before forgetting, even where most elements changed', () => {
    const dict = { w: f32([6, 5]), v: f32([6, 5], 2) }
    const most = { w: halved(dict.w, 0, 1), v: dict.v }
    const exported = (t: typeof dict) => modelOf({ x: turned(t.w), y: turned(t.v) })
    const taking = takeBack(exported(most), dictOf(dict), exported(dict))
    expect(bytesOf(taking, dictOf(dict))).toEqual(bytes(most))
  })
})

describe('element types', () => {
  const types: readonly DataType[] = ['float16', 'bfloat16', 'float32', 'float64']

  /** Numbers in a type, each the nearest to the given one. */
  function typed(dtype: DataType, values: ArrayLike<number>): Tensor {
    const data =
      dtype === 'float32'
        ? new Float32Array(values.length)
        : dtype === 'float64'
          ? new Float64Array(values.length)
          : new Uint16Array(values.length)
    const t = { dtype, dims: [values.length], data } as Tensor
    for (let i = 0; i < values.length; i++) putElement(t, i, values[i]!)
    return t
  }

  const numbersOf = (t: Tensor): number[] => Array.from({ length: t.data.length }, (_, i) => readerOf(t)(i))
  const pairs = types.flatMap((held) => types.map((model) => ({ held, model })))

  it.each(pairs)('$held in the state dict, $model in the model: unchanged bits stay', ({ held, model }) => {
    // More digits than any type holds, but those of float64.
    const values = Array.from(numbers(100), (v, i) => v + i * 1e-12)
    const like = typed(held, values)
    const exported = typed(model, numbersOf(like))
    const forgotten = typed(
      model,
      numbersOf(exported).map((v, i) => (i % 10 === 3 ? v * 0.3 : v)),
    )
    for (const original of [undefined, modelOf({ 'fc.bias': exported })]) {
      const dict = dictOf({ 'fc.bias': like })
      const { tensor: got, changed } = takeBack(modelOf({ 'fc.bias': forgotten }), dict, original).take('fc.bias')
      expect({ dtype: got.dtype, changed }).toEqual({ dtype: held, changed: 10 })
      const expected = typed(held, numbersOf(forgotten))
      got.data.forEach((bits, i) => {
        expect({ i, bits }).toEqual({ i, bits: (i % 10 === 3 ? expected : like).data[i] })
      })
    }
  })

  it('round to the nearest, ties to even, in bfloat16', () => {
    // 1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷; 1 + 3·2⁻⁸ between 1 + 2⁻⁷ and 1 + 2⁻⁶.
    const written = typed('bfloat16', [
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      1 + 2 ** -8 + 2 ** -20,
      -1.5,
      1e-40,
      Infinity,
      NaN,
    ])
    expect(Array.from(written.data, Number)).toEqual([0x3f80, 0x3f82, 0x3f81, 0xbfc0, 0x0001, 0x7f80, 0x7fc0])
    expect(isFloat(written.dtype)).toBe(true)
  })
})
