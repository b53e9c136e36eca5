import type { Engine, Tensors } from '../engine/engine.js'
import { LetheError } from '../errors.js'
import type { Val } from '../graph/emitter.js'
import { type Graph, intAttribute, type Node, nodeLabel, producers, usesOf } from '../graph/graph.js'
import { writeGraph } from '../onnx/model.js'
import { allocate, isFloat, sizeOf, type Tensor, toNumbers } from '../tensor/tensor.js'
import { agrees, partsOfFirst, spread } from './alike.js'
import { described, meetingParameters, type Runs, type TracedValue, type ValueKind } from './described.js'
import { type Form, followersOf, formOf, measuredOf } from './follow.js'
import { shapeOps, withKnownShapes } from './shapes.js'

export type { TracedValue, ValueKind } from './described.js'

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
  const fed = orders.map((order) => takeExamples(sample, order))
  const followers = followersOf(graph, meetingParameters(graph, kindsOf(graph)))
  // A model that is bound to a batch size shows no axis that grows, from which something could follow.
  const measured = fixedBatch === undefined ? measuredOf(graph, followers) : new Set<Node>()
  const made = await runAll(exposed(graph, followers, measured), engine, fed)
  const seen = [made[0]!, made[1] ?? made[0]!] as const
  const last = sizes.length - 1
  const forms = [0, last].map((run) => formsIn(graph, { ...fed[run], ...seen[run] }, { followers, measured }))
  const kinds = kindsOf(graph, (name) => forms[0]!.get(name)?.dims.some((d, i) => d !== forms[1]!.get(name)?.dims[i]))
  if (options.mixing !== 'allow')
    for (const { name } of graph.outputs) {
      checkIndependence(
        name,
        orders.map((order, run) => ({ order, output: made[run]?.[name] })),
      )
    }
  const looked = new Map<string, readonly [Tensor, Tensor]>()
  const look = (run0: Tensors, run1: Tensors): void => {
    for (const [name, t] of Object.entries(run0)) if (!name.startsWith(shapePrefix)) looked.set(name, [t, run1[name]!])
  }
  look(...seen)
  const runs: Runs = { graph, measured, sizes, orders, kinds, forms, fed: [fed[0]!, fed[last]!] as const }
  while (true) {
    const { values, unclear } = described(runs, looked)
    if (unclear.length === 0) return { graph, values, fixedBatch, sample }
    const again = await runAll(partFor(graph, unclear), engine, fed)
    look(again[0]!, again[1]!)
  }
}

/** What the runs came to, in their order. All cores that the engine has work on one run. */
async function runAll(graph: Graph, engine: Engine, fed: readonly Tensors[]): Promise<Record<string, Tensor>[]> {
  const session = await engine.createSession(writeGraph(graph), { optimise: 'none', handOver: true, threads: allCores })
  const made: Record<string, Tensor>[] = []
  try {
    for (const feeds of fed) made.push(await session.run(feeds))
  } finally {
    await session.release()
  }
  return made
}

/** Begins the names of outputs that hold the shape of a value. */
const shapePrefix = 'lethe/shape of '

/** Threads, as many as the engine has cores to work on. */
const allCores = 0
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

/** The graph with every value as an output, but what follows from others; of what is measured its shape. */
function exposed(graph: Graph, followers: ReadonlySet<Node>, measured: ReadonlySet<Node>): Graph {
  const known = new Set(graph.outputs.map((o) => o.name))
  const made = [...producers(graph)].filter(([name, node]) => !known.has(name) && !followers.has(node))
  const shapes = made.filter(([, node]) => measured.has(node)).map(([name]) => name)
  const extra = made.map(([name, node]) => (measured.has(node) ? `${shapePrefix}${name}` : name))
  const shape = (name: string): Node => {
    const output = `${shapePrefix}${name}`
    return { op: 'Shape', domain: '', name: output, inputs: [name], outputs: [output], attributes: {} }
  }
  return {
    ...graph,
    nodes: [...graph.nodes, ...shapes.map(shape)],
    outputs: [...graph.outputs, ...extra.map((name) => ({ name, dtype: undefined, dims: [] }))],
  }
}

/** Forms of all values of a run, of what was fed, looked at and measured. */
function formsIn(
  graph: Graph,
  known: Tensors,
  { followers, measured }: { followers: ReadonlySet<Node>; measured: ReadonlySet<Node> },
): Map<string, Form> {
  const forms = new Map<string, Form>([...graph.initializers, ...Object.entries(known)])
  for (const node of graph.nodes) {
    if (measured.has(node)) {
      const { dtype } = forms.get(node.inputs[0]!)!
      for (const name of node.outputs) {
        const shape = known[`${shapePrefix}${name}`]
        if (shape) forms.set(name, { dtype, dims: toNumbers(shape) })
      }
    }
    if (!followers.has(node)) continue
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
