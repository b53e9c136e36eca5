import type { Engine, Tensors } from '../engine/engine.js'
import { LetheError } from '../errors.js'
import type { Val } from '../graph/emitter.js'
import { type Graph, intAttribute, type Node, nodeLabel, producers, usesOf } from '../graph/graph.js'
import { writeGraph } from '../onnx/model.js'
import { allocate, type DataType, isFloat, numberAt, sizeOf, type Tensor, toNumbers } from '../tensor/tensor.js'
import { type Form, followersOf, formOf, type Growth, keepsApart } from './follow.js'
import { shapeOps, withKnownShapes } from './shapes.js'

/**
 * Where a value comes from. `data`: depends on the examples. `shared`: made of trainable initializers alone, the same for
 * every example. `constant`: neither, which holds for every shape computation once the batch size is fixed.
 */
export type ValueKind = 'data' | 'shared' | 'constant'

/** What running the model has shown of one value, at any batch size B: dims[i] = slope[i]·B + offset[i]. */
export interface TracedValue {
  readonly name: string
  readonly dtype: DataType
  readonly kind: ValueKind
  readonly slope: readonly number[]
  readonly offset: readonly number[]
  /** The only axis that grows counts the examples: example 0 was found at its places in every run. */
  readonly isSeparate: boolean
  /**
   * Set where the only axis that grows holds the examples between others, [P·B·Q]: example n at ((p·B + n)·Q + q). `inner` is Q,
   * slope[axis] is P·Q. Looked for where the value meets parameters, and only where one Q alone fits.
   */
  readonly fold?: { readonly axis: number; readonly inner: number }
}

/** Shapes, batch axes and kinds of every value of a graph, observed by running it at two batch sizes. */
export interface Trace {
  readonly graph: Graph
  readonly values: ReadonlyMap<string, TracedValue>
  /** The batch size the model is bound to, undefined where it takes any. */
  readonly fixedBatch: number | undefined
  readonly sample: Tensors
}

/** A value of a graph at one batch size. */
export interface StaticValue extends Val {
  readonly kind: ValueKind
  /** The axis that counts examples; undefined where there is none, or where it is folded into another axis. */
  readonly batchAxis: number | undefined
}

/** A graph at one batch size: every shape is a number, every shape computation a constant initializer. */
export interface StaticGraph {
  readonly graph: Graph
  readonly batch: number
  readonly values: ReadonlyMap<string, StaticValue>
}

const randomOps = new Set([
  'RandomNormal',
  'RandomUniform',
  'RandomNormalLike',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
])

/**
 * Observes a graph by running it on a sample of at least three examples (repeated where there are fewer).
 *
 * Throws `mixes-examples` where the first example's outputs change with its neighbours or its place (unless `mixing` is allowed, for
 * training with batch statistics), `engine-failed` where the model cannot be run, `model-unsupported` for random operators.
 */
export async function trace(
  graph: Graph,
  engine: Engine,
  sample: Tensors,
  options: { mixing?: 'refuse' | 'allow' } = {},
): Promise<Trace> {
  for (const node of graph.nodes) {
    if (randomOps.has(node.op)) {
      throw new LetheError(
        'model-unsupported',
        `Node "${nodeLabel(node)}" (${node.op}) is random; export the model in inference mode.`,
      )
    }
  }
  const fixedBatch = fixedBatchOf(graph)
  const sizes = fixedBatch === undefined ? [2, 3] : [fixedBatch]
  checkSize(sample, Math.max(...sizes))
  const orders = ordersOf(sizes[0]!, fixedBatch !== undefined)
  const followers = followersOf(graph, meetingParameters(graph, kindsOf(graph)))
  const seen: Record<string, Tensor>[] = []
  const session = await engine.createSession(writeGraph(exposed(graph, followers)), {
    optimise: 'none',
    handOver: true,
  })
  try {
    for (const order of orders) seen.push(await session.run(takeExamples(sample, order)))
  } finally {
    await session.release()
  }
  const [first, second] = [seen[0]!, seen[1] ?? seen[0]!]
  const fed = [0, sizes.length - 1].map((run) => takeExamples(sample, orders[run]!))
  const [forms, others] = [first, second].map((out, run) => formsIn(graph, { ...fed[run], ...out }, followers))
  const kinds = kindsOf(graph, (name) => forms!.get(name)?.dims.some((d, i) => d !== others!.get(name)?.dims[i]))
  if (options.mixing !== 'allow')
    for (const { name } of graph.outputs) {
      checkIndependence(
        name,
        orders.map((order, run) => ({ order, output: seen[run]?.[name] })),
      )
    }
  const meeting = meetingParameters(graph, kinds)
  const values = new Map<string, TracedValue>()
  const steady = new Set<string>()
  const growthsOf = (node: Node): Growth[] =>
    node.inputs.filter((name) => name !== '').map((name) => ({ ...values.get(name)!, isSteady: steady.has(name) }))
  const add = (name: string, tensors: readonly [Tensor, Tensor] | undefined, node?: Node): void => {
    const [a, b] = tensors ?? [forms!.get(name)!, others!.get(name)!]
    const slope = a.dims.map((d, i) => (sizes.length === 1 ? 0 : b.dims[i]! - d))
    if (a.dims.length !== b.dims.length) {
      throw new LetheError('model-unsupported', `The rank of value "${name}" changes with the batch size.`)
    }
    const axis = slope.findIndex((grows) => grows !== 0)
    const isApart = (): boolean => {
      if (!tensors) return keepsApart(node!, axis, slope.length, growthsOf(node!))
      const parts = tensors.flatMap((t, run) => partsOfFirst(t, axis, orders[run]!))
      return agrees(parts, near)
    }
    const offset = a.dims.map((d, i) => d - slope[i]! * sizes[0]!)
    const isFolded =
      meeting.has(name) && slope[axis]! > 1 && offset[axis] === 0 && slope.every((s, i) => i === axis || s === 0)
    const inner = isFolded && tensors ? innerOf(tensors, axis, orders) : undefined
    const kind = kinds.get(name) ?? 'data'
    const isSeparate = axis >= 0 && isApart()
    const isSteady = (): boolean =>
      tensors ? agrees(tensors.map(numbersOf), near) : growthsOf(node!).every((i) => i.isSteady)
    if (axis < 0 && (kind !== 'data' || isSteady())) steady.add(name)
    values.set(name, { name, dtype: a.dtype, kind, slope, offset, isSeparate, ...(inner && { fold: { axis, inner } }) })
  }
  for (const [name, t] of graph.initializers) add(name, [t, t])
  for (const { name } of graph.inputs) add(name, [fed[0]![name]!, fed[1]![name]!])
  for (const node of graph.nodes) {
    for (const name of node.outputs) {
      if (followers.has(node)) add(name, undefined, node)
      else if (first[name]) add(name, [first[name], second[name]!])
    }
  }
  return { graph, values, fixedBatch, sample }
}

/**
 * Kind of every value, by what it is made of. Float initializers with an axis count as trainable, scalars as settings. What
 * is made of parameters but grows with the batch (a class token expanded to every example) has one copy an example: `data`.
 */
function kindsOf(graph: Graph, grows: (name: string) => boolean | undefined = () => false): Map<string, ValueKind> {
  const kinds = new Map<string, ValueKind>()
  for (const [name, t] of graph.initializers)
    kinds.set(name, isFloat(t.dtype) && t.dims.length > 0 ? 'shared' : 'constant')
  for (const input of graph.inputs) kinds.set(input.name, 'data')
  for (const node of graph.nodes) {
    const from = usesOf(node).map((name) => kinds.get(name) ?? 'constant')
    const kind = shapeOps.has(node.op)
      ? 'constant'
      : from.includes('data')
        ? 'data'
        : from.includes('shared')
          ? 'shared'
          : 'constant'
    for (const output of node.outputs) kinds.set(output, kind === 'shared' && grows(output) ? 'data' : kind)
  }
  return kinds
}

/** Inputs and outputs of the operators that take parameters, beside the parameters. */
function meetingParameters(graph: Graph, kinds: ReadonlyMap<string, ValueKind>): Set<string> {
  const nodes = graph.nodes.filter((node) => usesOf(node).some((name) => kinds.get(name) === 'shared'))
  return new Set(nodes.flatMap((node) => [...usesOf(node), ...node.outputs]))
}

/** The batch size that every input's first axis is fixed to, if they are. */
export function fixedBatchOf(graph: Graph): number | undefined {
  const first = graph.inputs.map((input) => input.dims[0]).find((d) => typeof d === 'number' && d > 0)
  return typeof first === 'number' ? first : undefined
}

/** Most numbers that one run of the trace is fed (1 GiB of float32): a damaged file can claim any size. */
const sampleLimit = 2 ** 28

/** Throws `model-unsupported` for a batch of more numbers than a run can be fed. */
function checkSize(sample: Tensors, batch: number): void {
  const size = Math.max(1, ...Object.values(sample).map((t) => sizeOf(t.dims.slice(1))))
  if (size * batch <= sampleLimit) return
  throw new LetheError(
    'model-unsupported',
    `The model takes batches of ${batch} examples with ${size} numbers each, too many to run; export it with a free or smaller batch axis.`,
    { batch, size },
  )
}

/**
 * Examples of each run, by position. Example 0 comes with other neighbours beside and behind it, at the front and at the
 * end: whatever looks at a neighbour, at a position or at the whole batch answers differently for it.
 */
function ordersOf(size: number, isFixed: boolean): number[][] {
  const order = Array.from({ length: size }, (_, i) => i)
  if (!isFixed) return [order, [0, 2, 0]]
  if (size === 1) return [order]
  return [order, order.map((i) => (i < size - 1 ? 2 : 0)), order.map((i) => Math.min(i, 1))]
}

/** The graph with every value as an output, but what follows from others. */
function exposed(graph: Graph, followers: ReadonlySet<Node>): Graph {
  const known = new Set(graph.outputs.map((o) => o.name))
  const extra = [...producers(graph)].flatMap(([name, node]) => (known.has(name) || followers.has(node) ? [] : [name]))
  return { ...graph, outputs: [...graph.outputs, ...extra.map((name) => ({ name, dtype: undefined, dims: [] }))] }
}

/** Forms of all values of a run, of what was fed and looked at. */
function formsIn(graph: Graph, known: Tensors, followers: ReadonlySet<Node>): Map<string, Form> {
  const forms = new Map<string, Form>([...graph.initializers, ...Object.entries(known)])
  for (const node of followers) {
    const inputs = node.inputs.filter((name) => name !== '').map((name) => forms.get(name)!)
    forms.set(node.outputs[0]!, formOf(node, inputs))
  }
  return forms
}

/** The given examples (rows of axis 0, counted modulo what there is) of every tensor. */
export function takeExamples(tensors: Tensors, rows: readonly number[]): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, t]) => {
      const count = t.dims[0] ?? 1
      const size = sizeOf(t.dims.slice(1))
      const data = allocate(t.dtype, size * rows.length)
      rows.forEach((row, i) => {
        const from = (row % count) * size
        // Both arrays are of the element type t.dtype.
        ;(data as Float32Array).set((t.data as Float32Array).subarray(from, from + size), i * size)
      })
      return [name, { dtype: t.dtype, dims: [rows.length, ...t.dims.slice(1)], data } as Tensor]
    }),
  )
}

/** One run's batch and what came out of it. */
interface Answered {
  readonly order: readonly number[]
  readonly output: Tensor | undefined
}

/** Throws `mixes-examples` where the answers for example 0 are not all the same, over all runs and positions. */
function checkIndependence(name: string, runs: readonly Answered[]): void {
  const answers: ArrayLike<number>[] = []
  for (const { order, output } of runs) {
    // An output whose first axis does not count the examples is not read as their scores.
    if (!output || !isFloat(output.dtype) || output.dims[0] !== order.length) return
    answers.push(...partsOfFirst(output, 0, order))
  }
  if (agrees(answers, { share: 1e-3, floor: 1e-9 })) return
  throw new LetheError(
    'mixes-examples',
    `Output "${name}" of an example changes with the other examples of its batch (by ${spread(answers).toPrecision(2)}); export the model in inference mode (model.eval()).`,
  )
}

/** How many places lie behind each example on an axis of P·B·Q, where the two runs agree for one Q alone. */
function innerOf(runs: readonly Tensor[], axis: number, orders: readonly (readonly number[])[]): number | undefined {
  const slope = runs[0]!.dims[axis]! / orders[0]!.length
  const fits = Array.from({ length: slope }, (_, i) => i + 1).filter((inner) => {
    if (slope % inner !== 0) return false
    const parts = runs.flatMap((t, run) => {
      const [outside, inside] = [t.dims.slice(0, axis), t.dims.slice(axis + 1)]
      const dims = [...outside, slope / inner, orders[run]!.length, inner, ...inside]
      return partsOfFirst({ ...t, dims }, axis + 1, orders[run]!)
    })
    return agrees(parts, { share: 1e-3, floor: 1e-9 })
  })
  return fits.length === 1 ? fits[0] : undefined
}

/** What a value holds of example 0 along an axis, once for each of its places; nothing where the axis is not that long. */
function partsOfFirst(t: Tensor, axis: number, order: readonly number[]): ArrayLike<number>[] {
  if (t.dims[axis] !== order.length) return []
  const inner = sizeOf(t.dims.slice(axis + 1))
  const outer = sizeOf(t.dims.slice(0, axis))
  return order.flatMap((example, at): ArrayLike<number>[] => {
    if (example !== 0) return []
    if (outer === 1 && t.data instanceof Float32Array) return [t.data.subarray(at * inner, (at + 1) * inner)]
    const part = new Float64Array(outer * inner)
    for (let k = 0; k < part.length; k++) {
      part[k] = numberAt(t, (Math.floor(k / inner) * order.length + at) * inner + (k % inner))
    }
    return [part]
  })
}

/** Largest difference of the others to the first. */
function spread([reference, ...others]: readonly ArrayLike<number>[]): number {
  let worst = 0
  for (const part of others) {
    for (let i = 0; i < part.length; i++) {
      const difference = Math.abs(part[i]! - reference![i]!)
      if (difference > worst) worst = difference
    }
  }
  return worst
}

/** What counts as the same number in two runs of a value. */
const near = { share: 1e-3, floor: 1e-5 }

function numbersOf(t: Tensor): ArrayLike<number> {
  return t.data instanceof Float32Array ? t.data : toNumbers(t)
}

/** True where all parts are the same up to a share of the largest number, or to the floor. */
function agrees(parts: readonly ArrayLike<number>[], { share, floor }: { share: number; floor: number }): boolean {
  const first = parts[0] ?? []
  let scale = 0
  for (let i = 0; i < first.length; i++) scale = Math.max(scale, Math.abs(first[i]!))
  return spread(parts) <= Math.max(floor, share * scale)
}

/**
 * The traced graph at batch size `batch`: constants and shape computations folded to their values, all shapes numbers.
 * Runs the model once where constants depend on the batch size.
 */
export async function specialise(traced: Trace, engine: Engine, batch: number): Promise<StaticGraph> {
  const { graph } = traced
  if (traced.fixedBatch !== undefined && traced.fixedBatch !== batch) {
    throw new LetheError('internal', `The model has a fixed batch of ${traced.fixedBatch}, asked for ${batch}.`)
  }
  const made = producers(graph)
  const used = new Set(graph.nodes.flatMap((n) => (isConstantNode(n) ? [] : usesOf(n))))
  for (const output of graph.outputs) used.add(output.name)
  const values = new Map<string, StaticValue>()
  for (const v of traced.values.values()) values.set(v.name, staticValue(v, batch, traced.fixedBatch !== undefined))
  const shaped = withKnownShapes(graph, (name) => values.get(name)?.dims)
  const wanted = [...made.keys()].filter((name) => isConstant(name) && used.has(name) && !shaped.known.has(name))
  const initializers = new Map([...graph.initializers, ...shaped.known])
  if (wanted.length > 0) {
    const probe = partFor(shaped.graph, wanted)
    const session = await engine.createSession(writeGraph(probe), { optimise: 'none', handOver: true })
    try {
      const rows = Array.from({ length: batch }, (_, i) => i)
      for (const [name, t] of Object.entries(await session.run(takeExamples(traced.sample, rows))))
        initializers.set(name, t)
    } finally {
      await session.release()
    }
  }
  const nodes = graph.nodes.filter((n) => !isConstantNode(n))
  const live = new Set(nodes.flatMap(usesOf))
  for (const output of graph.outputs) live.add(output.name)
  return {
    batch,
    values,
    graph: {
      ...graph,
      nodes,
      initializers: new Map([...initializers].filter(([name]) => live.has(name))),
      inputs: graph.inputs.map((input) => ({ ...input, dims: values.get(input.name)!.dims })),
    },
  }

  function isConstant(name: string): boolean {
    return traced.values.get(name)?.kind === 'constant'
  }
  function isConstantNode(node: Node): boolean {
    return node.outputs.every((name) => !name || isConstant(name))
  }
}

/** The part of a graph that makes the named values: runtimes take long to plan what nobody reads. */
export function partFor(graph: Graph, names: readonly string[]): Graph {
  const needed = new Set(names)
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false
    for (const name of usesOf(node)) needed.add(name)
    return true
  })
  return {
    ...graph,
    outputs: names.map((name) => ({ name, dtype: undefined, dims: [] })),
    initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
    nodes: nodes.reverse(),
  }
}

function staticValue(v: TracedValue, batch: number, isFixed: boolean): StaticValue {
  const dims = v.offset.map((c, i) => c + v.slope[i]! * batch)
  const axes = v.slope.flatMap((s, i) => (s !== 0 ? [i] : []))
  const only = axes.length === 1 ? axes[0]! : undefined
  const isPure = only !== undefined && v.isSeparate && v.slope[only] === 1 && v.offset[only] === 0
  const batchAxis = isFixed && batch === 1 ? undefined : isPure ? only : undefined
  return { name: v.name, dtype: v.dtype, dims, kind: v.kind, batchAxis }
}

/** True where a Dropout or BatchNormalization node is in training mode. */
export function isTrainingMode(node: Node): boolean {
  return intAttribute(node, 'training_mode', 0) === 1
}
