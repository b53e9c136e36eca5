import { LetheError } from '../errors.js'
import type { Place } from '../tensor/place.js'
import { type DataType, isFloat, sizeOf, type Tensor, tensor, toInt64 } from '../tensor/tensor.js'
import { type Attributes, float, type Graph, int, ints, type Node, type ValueInfo } from './graph.js'
import { Offers } from './offers.js'

/** A value with its element type and static shape: what rules compute with. */
export interface Val {
  readonly name: string
  readonly dtype: DataType
  readonly dims: readonly number[]
}

/** A part of a value, as it was made: where its elements lie in the whole. */
export interface Piece extends Place {
  readonly value: Val
}

/** A product by channels, taken apart: `value` [N, C, …] times `factor` [C]. */
export interface Factors {
  readonly value: Val
  readonly factor: Val
}

/**
 * Writes ONNX nodes and knows the shape of every value it makes, so that a wrong shape stops where it is written and
 * not in the runtime. Only standard operators that CPU, WebGPU and CUDA have; forms follow the opset it is made for.
 */
export class Emitter {
  readonly nodes: Node[] = []
  readonly initializers = new Map<string, Tensor>()
  readonly #shared = new Map<string, Val>()
  /** Factors of a product by channels. */
  readonly factors = new Offers<Factors>()
  /** The value with its last two axes exchanged, made so from the start at the price of the value. */
  readonly exchanged = new Offers<() => Val>()
  /** Pieces that the value is put together from. */
  readonly pieces = new Offers<() => readonly Piece[]>()
  readonly #dots = new Offers<{ readonly other: string; readonly dot: () => Val }>()
  #counter = 0

  constructor(
    readonly opset: number,
    /** Begins every name that is made, so that names never meet those of the model. */
    readonly prefix = 'lethe',
  ) {}

  fresh(hint: string): string {
    return `${this.prefix}/${hint}_${this.#counter++}`
  }

  /** One node with one output of the given shape. The low door: everything below goes through it. */
  emit(
    op: string,
    inputs: readonly (Val | undefined)[],
    dims: readonly number[],
    attributes: Attributes = {},
    dtype: DataType = inputs[0]?.dtype ?? 'float32',
  ): Val {
    const name = this.fresh(op)
    this.nodes.push({
      op,
      domain: '',
      name,
      inputs: inputs.map((v) => v?.name ?? ''),
      outputs: [name],
      attributes,
    })
    return { name, dtype, dims }
  }

  /** One node with several outputs of the given shapes. */
  emitMany(
    op: string,
    inputs: readonly (Val | undefined)[],
    outputs: readonly (readonly number[])[],
    attributes: Attributes = {},
  ): Val[] {
    const dtype = inputs[0]?.dtype ?? 'float32'
    const base = this.fresh(op)
    const values = outputs.map((dims, i) => ({ name: `${base}:${i}`, dtype, dims }))
    this.nodes.push({
      op,
      domain: '',
      name: base,
      inputs: inputs.map((v) => v?.name ?? ''),
      outputs: values.map((v) => v.name),
      attributes,
    })
    return values
  }

  /** A constant tensor as an initializer. */
  constant(t: Tensor, hint = 'const'): Val {
    const name = this.fresh(hint)
    this.initializers.set(name, t)
    return { name, dtype: t.dtype, dims: t.dims }
  }

  /** A float constant without axes; equal numbers share one initializer. */
  scalar(value: number, dtype: DataType = 'float32'): Val {
    return this.#remember(`${dtype}:${Object.is(value, -0) ? '-0' : value}`, () => {
      if (dtype === 'float64') return tensor('float64', [], new Float64Array([value]))
      if (dtype === 'float32') return tensor('float32', [], new Float32Array([value]))
      if (dtype === 'int64') return tensor('int64', [], new BigInt64Array([toInt64(value)]))
      throw new LetheError('internal', `No scalar constants of type ${dtype}.`)
    })
  }

  /** A 1-D int64 constant (shapes, axes, pads); equal lists share one initializer. */
  int64s(values: readonly number[]): Val {
    return this.#remember(`i64:${values.join(',')}`, () =>
      tensor('int64', [values.length], BigInt64Array.from(values, toInt64)),
    )
  }

  #remember(key: string, make: () => Tensor): Val {
    const known = this.#shared.get(key)
    if (known) return known
    const made = this.constant(make())
    this.#shared.set(key, made)
    return made
  }

  #binary(op: string, a: Val, b: Val, dtype?: DataType): Val {
    return this.emit(op, [a, b], broadcastDims(a.dims, b.dims, op), {}, dtype ?? a.dtype)
  }

  add(a: Val, b: Val): Val {
    return this.#binary('Add', a, b)
  }
  sub(a: Val, b: Val): Val {
    return this.#binary('Sub', a, b)
  }
  mul(a: Val, b: Val): Val {
    return this.#binary('Mul', a, b)
  }
  div(a: Val, b: Val): Val {
    return this.#binary('Div', a, b)
  }
  pow(a: Val, b: Val): Val {
    return this.#binary('Pow', a, b)
  }
  less(a: Val, b: Val): Val {
    return this.#binary('Less', a, b, 'bool')
  }
  greater(a: Val, b: Val): Val {
    return this.#binary('Greater', a, b, 'bool')
  }
  equal(a: Val, b: Val): Val {
    // Equal compares floats since opset 11.
    if (this.opset < 11 && isFloat(a.dtype)) return this.not(this.or(this.less(a, b), this.greater(a, b)))
    return this.#binary('Equal', a, b, 'bool')
  }
  and(a: Val, b: Val): Val {
    return this.#binary('And', a, b, 'bool')
  }
  or(a: Val, b: Val): Val {
    return this.#binary('Or', a, b, 'bool')
  }
  not(a: Val): Val {
    return this.emit('Not', [a], a.dims, {}, 'bool')
  }
  where(condition: Val, a: Val, b: Val): Val {
    const dims = broadcastDims(condition.dims, broadcastDims(a.dims, b.dims, 'Where'), 'Where')
    return this.emit('Where', [condition, a, b], dims, {}, a.dtype)
  }
  /** 1 where the condition holds, 0 elsewhere, in a float type. */
  indicator(condition: Val, dtype: DataType = 'float32'): Val {
    return this.cast(condition, dtype)
  }
  /** Any elementwise operator of one input that keeps shape and type: Exp, Tanh, Erf, Sqrt, Neg … */
  unary(op: string, a: Val, attributes: Attributes = {}): Val {
    return this.emit(op, [a], a.dims, attributes)
  }
  cast(a: Val, dtype: DataType): Val {
    if (a.dtype === dtype) return a
    return this.emit('Cast', [a], a.dims, { to: int(onnxTypeCode[dtype]) }, dtype)
  }

  /** Matrix product over the last two axes, leading axes broadcast; 1-D operands are not taken. */
  matmul(a: Val, b: Val): Val {
    const [m, k] = [a.dims.at(-2), a.dims.at(-1)]
    const [k2, n] = [b.dims.at(-2), b.dims.at(-1)]
    if (m === undefined || n === undefined || k !== k2) {
      throw new LetheError('internal', `MatMul of [${a.dims}] and [${b.dims}] does not fit.`)
    }
    const lead = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2), 'MatMul')
    return this.emit('MatMul', [a, b], [...lead, m, n])
  }

  /** v·factor with `factor` [C] along axis 1 of v. Who reads the product may take its `factors` apart. */
  scaleChannels(v: Val, factor: Val): Val {
    const product = this.mul(v, this.reshape(factor, [1, factor.dims[0]!, ...v.dims.slice(2).map(() => 1)]))
    return this.factors.beside(product, { value: v, factor })
  }

  /** v with its last two axes exchanged, where that has a way of its own to be made. */
  exchangedOf(v: Val): Val | undefined {
    const made = this.exchanged.of(v)?.()
    if (!made) return undefined
    this.exchanged.beside(v, () => made)
    return this.exchanged.beside(made, () => v)
  }
  transpose(a: Val, perm: readonly number[]): Val {
    if (perm.length !== a.dims.length) throw new LetheError('internal', `Transpose [${perm}] of [${a.dims}].`)
    if (perm.every((p, i) => p === i)) return a
    if (isExchange(perm)) {
      const exchanged = this.exchangedOf(a)
      if (exchanged) return exchanged
    }
    const turned = this.emit(
      'Transpose',
      [a],
      perm.map((p) => a.dims[p]!),
      { perm: ints(perm) },
    )
    return isExchange(perm) ? this.exchanged.beside(turned, () => a) : turned
  }
  /** Exchange of the last two axes. */
  swapLast(a: Val): Val {
    return this.transpose(
      a,
      a.dims.map((_, i) => exchangedAxis(i, a.dims.length)),
    )
  }
  reshape(a: Val, dims: readonly number[]): Val {
    if (sizeOf(dims) !== sizeOf(a.dims)) throw new LetheError('internal', `Reshape of [${a.dims}] to [${dims}].`)
    if (dims.length === a.dims.length && dims.every((d, i) => d === a.dims[i])) return a
    return this.emit('Reshape', [a, this.int64s(dims)], dims)
  }
  expand(a: Val, dims: readonly number[]): Val {
    if (dims.length === a.dims.length && dims.every((d, i) => d === a.dims[i])) return a
    return this.emit('Expand', [a, this.int64s(dims)], dims)
  }
  /** Zero padding (or `value`); `begin` and `end` have one entry an axis. */
  pad(a: Val, begin: readonly number[], end: readonly number[], value = 0): Val {
    if ([...begin, ...end].every((p) => p === 0)) return a
    const dims = a.dims.map((d, i) => d + begin[i]! + end[i]!)
    if (this.opset < 11) return this.emit('Pad', [a], dims, { pads: ints([...begin, ...end]), value: float(value) })
    return this.emit('Pad', [a, this.int64s([...begin, ...end]), this.scalar(value, a.dtype)], dims)
  }
  /** Slice along the given axes; steps positive, ends exclusive and within bounds. */
  slice(
    a: Val,
    axes: readonly number[],
    starts: readonly number[],
    ends: readonly number[],
    steps: readonly number[] = axes.map(() => 1),
  ): Val {
    const dims = [...a.dims]
    let whole = true
    axes.forEach((axis, i) => {
      if (starts[i] !== 0 || ends[i] !== a.dims[axis] || steps[i] !== 1) whole = false
      dims[axis] = Math.ceil((ends[i]! - starts[i]!) / steps[i]!)
    })
    if (whole) return a
    if (this.opset < 10) {
      const cut = a.dims.map((d, i) => (axes.includes(i) ? ends[axes.indexOf(i)]! - starts[axes.indexOf(i)]! : d))
      const isCut = cut.some((d, i) => d !== a.dims[i])
      const from = isCut
        ? this.emit('Slice', [a], cut, { axes: ints(axes), starts: ints(starts), ends: ints(ends) })
        : a
      return axes.reduce((v, axis, i) => this.#everyNth(v, axis, steps[i]!), from)
    }
    const inputs = [a, this.int64s(starts), this.int64s(ends), this.int64s(axes)]
    return this.emit('Slice', steps.every((s) => s === 1) ? inputs : [...inputs, this.int64s(steps)], dims)
  }
  /** Every nth element from the first on, for opsets whose Slice has no steps: the first of each group of n. */
  #everyNth(a: Val, axis: number, n: number): Val {
    if (n === 1) return a
    const groups = Math.ceil(a.dims[axis]! / n)
    const zeros = a.dims.map(() => 0)
    const padded = this.pad(a, zeros, zeros.with(axis, groups * n - a.dims[axis]!))
    const [before, after] = [a.dims.slice(0, axis), a.dims.slice(axis + 1)]
    const grouped = this.reshape(padded, [...before, groups, n, ...after])
    return this.reshape(this.slice(grouped, [axis + 1], [0], [1]), [...before, groups, ...after])
  }
  concat(values: readonly Val[], axis: number): Val {
    const first = values[0]!
    if (values.length === 1) return first
    const dims = first.dims.map((d, i) => (i === axis ? values.reduce((n, v) => n + v.dims[axis]!, 0) : d))
    return this.emit('Concat', values, dims, { axis: int(axis) })
  }
  /** At most `parts` pieces along an axis, of one size but for the last. */
  split(a: Val, axis: number, parts: number): Val[] {
    const size = a.dims[axis]!
    const piece = Math.ceil(size / parts)
    const sizes = Array.from({ length: Math.ceil(size / piece) }, (_, i) => Math.min(piece, size - i * piece))
    if (sizes.length <= 1) return [a]
    const outputs = sizes.map((n) => a.dims.with(axis, n))
    if (this.opset < 13) return this.emitMany('Split', [a], outputs, { axis: int(axis), split: ints(sizes) })
    return this.emitMany('Split', [a, this.int64s(sizes)], outputs, { axis: int(axis) })
  }
  gather(a: Val, indices: Val, axis: number): Val {
    const dims = [...a.dims.slice(0, axis), ...indices.dims, ...a.dims.slice(axis + 1)]
    return this.emit('Gather', [a, indices], dims, { axis: int(axis) })
  }

  /** v [.., k], whose products with `other`, summed over the last axis, come from `dot` [.., 1] instead, to whoever asks for them. */
  orDot(v: Val, other: Val, dot: () => Val): Val {
    return this.#dots.beside(v, { other: other.name, dot })
  }
  /** Σ_k v·other over the last axis, kept as one. */
  dotLast(v: Val, other: Val): Val {
    const known = this.#dots.of(v)
    return known?.other === other.name ? known.dot() : this.reduceSum(this.mul(v, other), [v.dims.length - 1], true)
  }

  #reduce(op: string, a: Val, axes: readonly number[], keep: boolean, axesAsInputSince: number): Val {
    if (axes.length === 0) return a
    const sorted = [...axes].sort((x, y) => x - y)
    const dims = keep
      ? a.dims.map((d, i) => (sorted.includes(i) ? 1 : d))
      : a.dims.filter((_, i) => !sorted.includes(i))
    const keepdims = int(keep ? 1 : 0)
    if (this.opset < axesAsInputSince) return this.emit(op, [a], dims, { axes: ints(sorted), keepdims })
    return this.emit(op, [a, this.int64s(sorted)], dims, { keepdims })
  }
  reduceSum(a: Val, axes: readonly number[], keep = false): Val {
    if (axes.every((axis) => a.dims[axis] === 1)) {
      return keep
        ? a
        : this.reshape(
            a,
            a.dims.filter((_, i) => !axes.includes(i)),
          )
    }
    return this.#reduce('ReduceSum', a, axes, keep, 13)
  }
  reduceMean(a: Val, axes: readonly number[], keep = false): Val {
    return this.#reduce('ReduceMean', a, axes, keep, 18)
  }
  reduceMax(a: Val, axes: readonly number[], keep = false): Val {
    return this.#reduce('ReduceMax', a, axes, keep, 18)
  }
  reduceProd(a: Val, axes: readonly number[], keep = false): Val {
    return this.#reduce('ReduceProd', a, axes, keep, 18)
  }
  softmax(a: Val, axis: number): Val {
    return this.emit('Softmax', [a], a.dims, { axis: int(axis) })
  }

  /** What was written so far and an output needs, as a graph with the given inputs and outputs, on top of `base` nodes and initializers. */
  finish(base: Graph, outputs: readonly ValueInfo[], inputs: readonly ValueInfo[] = base.inputs): Graph {
    const needed = new Set(outputs.map(({ name }) => name))
    const kept = this.nodes.toReversed().filter((node) => {
      const isNeeded = node.outputs.some((name) => needed.has(name))
      if (isNeeded) for (const name of node.inputs) needed.add(name)
      return isNeeded
    })
    const constants = [...this.initializers].filter(([name]) => needed.has(name))
    return {
      ...base,
      inputs,
      outputs,
      nodes: [...base.nodes, ...kept.reverse()],
      initializers: new Map([...base.initializers, ...constants]),
    }
  }
}

/** True for the order of axes in which the last two are exchanged. */
export function isExchange(perm: readonly number[]): boolean {
  return perm.length > 1 && perm.every((p, i) => p === exchangedAxis(i, perm.length))
}

/** Where axis i of `rank` axes goes when the last two are exchanged. */
function exchangedAxis(i: number, rank: number): number {
  return i < rank - 2 ? i : 2 * rank - 3 - i
}

/** Numpy-style broadcast of two shapes. Throws `internal` where they do not fit (input models are checked by running). */
export function broadcastDims(a: readonly number[], b: readonly number[], op: string): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1
    const y = b[b.length - rank + i] ?? 1
    if (x !== y && x !== 1 && y !== 1) throw new LetheError('internal', `${op} of [${a}] and [${b}] does not fit.`)
    return x === 1 ? y : x
  })
}

/** TensorProto.DataType code of each element type. */
export const onnxTypeCode: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
}
