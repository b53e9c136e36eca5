import { type Attributes, float, int, ints, type Node, tensorAttribute } from '../graph/graph.js'
import { type Tensor, tensor, toInt64 } from '../tensor/tensor.js'
import type { Fresh } from './splice.js'

/**
 * Writes nodes of the standard domain, in the forms of an opset. Values are names: shapes are observed afterwards, when the
 * written graph is traced. Constants are Constant nodes, since float initializers count as parameters.
 */
export class Writer {
  readonly nodes: Node[] = []
  readonly #known = new Map<string, string>()

  constructor(
    readonly opset: number,
    readonly fresh: Fresh,
    /** Begins the names of what is written. */
    readonly label: string,
  ) {}

  /** One node with one output. */
  op(op: string, inputs: readonly (string | undefined)[], attributes: Attributes = {}): string {
    return this.many(op, inputs, 1, attributes)[0]!
  }

  /** One node with several outputs. */
  many(op: string, inputs: readonly (string | undefined)[], count: number, attributes: Attributes = {}): string[] {
    const outputs = Array.from({ length: count }, () => this.fresh(`${this.label}/${op}`))
    const names = inputs.map((name) => name ?? '')
    this.nodes.push({ op, domain: '', name: outputs[0]!, inputs: names, outputs, attributes })
    return outputs
  }

  constant(t: Tensor): string {
    return this.op('Constant', [], { value: tensorAttribute(t) })
  }
  /** A float without axes. */
  scalar(value: number): string {
    return this.#remember(`f${value}`, () => tensor('float32', [], Float32Array.of(value)))
  }
  /** A 1-D int64 list. */
  ints(values: readonly number[]): string {
    return this.#remember(`i${values}`, () =>
      tensor(
        'int64',
        [values.length],
        BigInt64Array.from(values, (v) => toInt64(v)),
      ),
    )
  }
  /** An int64 without axes. */
  int(value: number): string {
    return this.#remember(`n${value}`, () => tensor('int64', [], BigInt64Array.of(toInt64(value))))
  }

  #remember(key: string, make: () => Tensor): string {
    const known = this.#known.get(key) ?? this.constant(make())
    this.#known.set(key, known)
    return known
  }

  add = (a: string, b: string): string => this.op('Add', [a, b])
  sub = (a: string, b: string): string => this.op('Sub', [a, b])
  mul = (a: string, b: string): string => this.op('Mul', [a, b])
  matmul = (a: string, b: string): string => this.op('MatMul', [a, b])
  where = (condition: string, a: string, b: string): string => this.op('Where', [condition, a, b])
  scale = (a: string, factor: number): string => (factor === 1 ? a : this.mul(a, this.scalar(factor)))

  transpose(a: string, perm: readonly number[]): string {
    return perm.every((p, i) => p === i) ? a : this.op('Transpose', [a], { perm: ints(perm) })
  }
  /** Reshape with 0 for an axis that stays and −1 for the one that grows with the batch. */
  reshape(a: string, dims: readonly number[]): string {
    return this.op('Reshape', [a, this.ints(dims)])
  }
  squeeze(a: string, axis: number): string {
    return this.#axes('Squeeze', a, axis)
  }
  unsqueeze(a: string, axis: number): string {
    return this.#axes('Unsqueeze', a, axis)
  }
  #axes(op: string, a: string, axis: number): string {
    return this.opset < 13 ? this.op(op, [a], { axes: ints([axis]) }) : this.op(op, [a, this.ints([axis])])
  }
  concat(values: readonly string[], axis: number): string {
    return values.length === 1 ? values[0]! : this.op('Concat', values, { axis: int(axis) })
  }
  /** Parts of the given sizes. */
  split(a: string, axis: number, sizes: readonly number[]): string[] {
    if (sizes.length === 1) return [a]
    return this.opset < 13
      ? this.many('Split', [a], sizes.length, { axis: int(axis), split: ints(sizes) })
      : this.many('Split', [a, this.ints(sizes)], sizes.length, { axis: int(axis) })
  }
  reduceMean(a: string, axes: readonly number[]): string {
    return this.opset < 18
      ? this.op('ReduceMean', [a], { axes: ints(axes), keepdims: int(1) })
      : this.op('ReduceMean', [a, this.ints(axes)], { keepdims: int(1) })
  }
  /** An activation with its numbers. */
  activation(op: string, a: string, numbers: Readonly<Record<string, number>> = {}): string {
    return this.op(op, [a], Object.fromEntries(Object.entries(numbers).map(([name, v]) => [name, float(v)])))
  }
}
