import {
  type Attributes,
  type Graph,
  int,
  ints,
  type LocalFunction,
  type Node,
  tensorAttribute,
} from '../../src/graph/graph.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { random } from '../cases/check-op.js'
import { below, oneOf, type Random } from './mutate.js'

/** Length of an axis: a number, or a multiple of the batch size. */
export type Dim = number | { readonly batch: number }

/** A float value of a graph that is being built. */
export interface Value {
  readonly name: string
  readonly dims: readonly Dim[]
}

export const N: Dim = { batch: 1 }
export const isBatch = (d: Dim | undefined): boolean => typeof d === 'object'
export const same = (a: readonly Dim[], b: readonly Dim[]): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Product of axes; a multiple of the batch size where one of them is. Two such axes are not multiplied. */
export function product(dims: readonly Dim[]): Dim {
  const size = dims.reduce<number>((n, d) => n * (typeof d === 'number' ? d : d.batch), 1)
  return dims.some(isBatch) ? { batch: size } : size
}

/** Writes a random valid graph: what is chosen follows from `next`. */
export class GraphBuilder {
  readonly nodes: Node[] = []
  readonly initializers = new Map<string, Tensor>()
  readonly values: Value[] = []
  readonly functions: LocalFunction[] = []
  /** Operators that are not smooth: numeric differences say nothing. */
  isKinky = false
  /** The examples of a batch are mixed on purpose. */
  isMixed = false
  #counter = 0

  constructor(
    readonly opset: number,
    public next: Random,
  ) {}

  below = (limit: number): number => below(this.next, limit)
  oneOf = <T>(list: readonly T[]): T => oneOf(this.next, list)
  chance = (share: number): boolean => this.next() < share

  fresh(hint: string): string {
    return `${hint}_${this.#counter++}`
  }

  /** A node with one output of a known shape. */
  op(op: string, inputs: readonly (Value | string)[], dims: readonly Dim[], attributes: Attributes = {}): Value {
    return { name: this.many(op, inputs, 1, attributes)[0]!, dims }
  }

  many(op: string, inputs: readonly (Value | string)[], count: number, attributes: Attributes = {}): string[] {
    const outputs = Array.from({ length: count }, () => this.fresh(op.toLowerCase()))
    const names = inputs.map((v) => (typeof v === 'string' ? v : v.name))
    this.nodes.push({ op, domain: '', name: `node_${outputs[0]}`, inputs: names, outputs, attributes })
    return outputs
  }

  /** A call of a local function, which is defined on the first call. */
  call(name: string, inputs: readonly Value[], dims: readonly Dim[], define: () => Body): Value {
    if (!this.functions.some((f) => f.name === name)) {
      const shared = { domain: 'own', name, overload: '', opsets: new Map([['', this.opset]]), defaults: {} }
      this.functions.push({ ...shared, ...define() })
    }
    const value = this.op(name, inputs, dims)
    this.nodes.push({ ...this.nodes.pop()!, domain: 'own' })
    return value
  }

  /** A parameter of this shape: a new one, or sometimes one that is used already. */
  param(dims: readonly number[], options: { positive?: true; buffer?: true } = {}): Value {
    const known = [...this.initializers].filter(([n, t]) => n.startsWith('p') && same(t.dims, dims))
    if (known.length > 0 && !options.positive && !options.buffer && this.chance(0.4))
      return { name: this.oneOf(known)[0], dims }
    const name = this.fresh(options.buffer ? 'buffer' : options.positive ? 'q' : 'p')
    const size = dims.reduce((a, b) => a * b, 1)
    const values = Float32Array.from({ length: size }, () => {
      const v = this.next() * 1.6 - 0.8
      return options.positive ? 0.5 + Math.abs(v) : v
    })
    this.initializers.set(name, tensor('float32', dims, values))
    return { name, dims }
  }

  /** Whole numbers: an initializer, or a Constant node. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.constant(tensor('int64', dims, BigInt64Array.from(values, BigInt)))
  }

  /** A float setting without axes. */
  scalar(value: number): string {
    return this.constant(tensor('float32', [], Float32Array.of(value)))
  }

  constant(t: Tensor): string {
    if (this.chance(0.5)) return this.many('Constant', [], 1, { value: tensorAttribute(t) })[0]!
    const name = this.fresh('c')
    this.initializers.set(name, t)
    return name
  }

  /** Reshape to axes of which one may grow with the batch: −1, or a shape that is computed. */
  reshape(x: Value, dims: readonly Dim[]): Value {
    const at = dims.findIndex(isBatch)
    const numbers = dims.map((d) => (typeof d === 'number' ? d : -1))
    if (at < 0 || this.chance(0.7)) return this.op('Reshape', [x, this.ints(numbers)], dims)
    // As exporters write it: Shape, Gather, Unsqueeze, Concat.
    const axis = x.dims.findIndex(isBatch)
    const length = this.many('Gather', [this.many('Shape', [x], 1)[0]!, this.ints([axis])], 1, { axis: int(0) })[0]!
    const [from, to] = [x.dims[axis], dims[at]] as [{ batch: number }, { batch: number }]
    const unit = this.many('Div', [length, this.ints([from.batch])], 1)[0]!
    const scaled = this.many('Mul', [unit, this.ints([to.batch])], 1)[0]!
    const parts = numbers.map((d, i) => (i === at ? scaled : this.ints([d])))
    const shape = parts.length > 1 ? this.many('Concat', parts, 1, { axis: int(0) })[0]! : scaled
    return this.op('Reshape', [x, shape], dims)
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.op(
      'Transpose',
      [x],
      perm.map((p) => x.dims[p]!),
      { perm: ints(perm) },
    )
  }

  /** Axes as an attribute or as an input, by the version at which the operator changed. */
  withAxes(op: string, x: Value, axes: readonly number[], options: WithAxes): Value {
    const { since, dims, attributes = {} } = options
    return this.opset < since
      ? this.op(op, [x], dims, { ...attributes, axes: ints(axes) })
      : this.op(op, [x, this.ints(axes)], dims, attributes)
  }
}

type Body = Pick<LocalFunction, 'inputs' | 'outputs' | 'nodes'>

interface WithAxes {
  /** First version with axes as an input. */
  readonly since: number
  readonly dims: readonly Dim[]
  readonly attributes?: Attributes
}

/** What a random graph is made of: fast-check makes steps fewer and numbers smaller where a graph fails. */
export interface Recipe {
  readonly opset: number
  readonly seed: number
  readonly shape: readonly number[]
  readonly fixedBatch: boolean
  /** Of each step: the operator, and the seed of its choices. */
  readonly steps: readonly { readonly op: number; readonly seed: number }[]
}

/** An operator of the pool. Gives nothing where it does not fit the value. */
export interface Ingredient {
  readonly name: string
  readonly since?: number
  readonly until?: number
  /** Has kinks or jumps. */
  readonly isKinky?: true
  readonly apply: (b: GraphBuilder, x: Value) => Value | undefined
}

export interface RandomGraph {
  readonly graph: Graph
  readonly isSmooth: boolean
  /** Examples of a batch look at each other: refused where that shows in the scores. */
  readonly isMixed: boolean
  /** Inputs without batch axis. */
  readonly shape: readonly number[]
}

/** Most numbers of a value of one example. */
const valueLimit = 400

/** The graph of a recipe: x [N, …shape] → logits [N, 3]. */
export function graphOf(recipe: Recipe, pool: readonly Ingredient[], batch: number): RandomGraph {
  const b = new GraphBuilder(recipe.opset, random(recipe.seed))
  const x: Value = { name: 'x', dims: [N, ...recipe.shape] }
  b.values.push(x)
  const fitting = pool.filter((p) => (p.since ?? 1) <= recipe.opset && recipe.opset <= (p.until ?? 99))
  for (const step of recipe.steps) {
    b.next = random(step.seed)
    const ingredient = fitting[step.op % fitting.length]!
    // The newest value most often; an old one is then used twice.
    const from = b.chance(0.7) ? b.values.at(-1)! : b.oneOf(b.values)
    const [nodes, initializers] = [b.nodes.length, new Set(b.initializers.keys())]
    const made = ingredient.apply(b, from)
    const size = made && product(made.dims)
    if (made && (typeof size === 'object' ? size.batch : valueLimit + 1) <= valueLimit) {
      b.values.push(made)
      if (ingredient.isKinky) b.isKinky = true
    } else {
      b.nodes.length = nodes
      for (const name of b.initializers.keys()) if (!initializers.has(name)) b.initializers.delete(name)
    }
  }
  b.next = random(recipe.seed + 1)
  const logits = head(b)
  const graph: Graph = {
    name: 'random',
    opsets: new Map([['', recipe.opset], ...(b.functions.length > 0 ? [['own', 1] as const] : [])]),
    ...(b.functions.length > 0 && { functions: b.functions }),
    inputs: [{ name: 'x', dtype: 'float32', dims: [recipe.fixedBatch ? batch : 'batch', ...recipe.shape] }],
    outputs: [{ name: logits.name, dtype: 'float32', dims: [undefined, undefined] }],
    initializers: b.initializers,
    nodes: b.nodes,
  }
  return { graph, isSmooth: !b.isKinky, isMixed: b.isMixed, shape: recipe.shape }
}

/** Examples to the front, the rest flat, a linear layer; sometimes of two values. */
function head(b: GraphBuilder): Value {
  const flat = (v: Value): Value => {
    const axis = v.dims.findIndex(isBatch)
    const rest = v.dims.map((_, i) => i).filter((i) => i !== axis)
    const front = axis === 0 ? v : b.transpose(v, [axis, ...rest])
    const size = product(v.dims) as { batch: number }
    return b.reshape(front, [N, size.batch])
  }
  const parts = [flat(b.values.at(-1)!)]
  if (b.values.length > 2 && b.chance(0.3)) parts.push(flat(b.oneOf(b.values)))
  const width = parts.reduce((n, v) => n + (v.dims[1] as number), 0)
  const features = parts.length > 1 ? b.op('Concat', parts, [N, width], { axis: int(1) }) : parts[0]!
  const w = b.param([width, 3])
  return b.chance(0.5)
    ? b.op('Gemm', [features, w, b.param([3])], [N, 3])
    : b.op('Add', [b.op('MatMul', [features, w], [N, 3]), b.param([3])], [N, 3])
}
