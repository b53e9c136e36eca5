import type { Engine, Tensors } from '../engine/engine.js'
import { LetheError } from '../errors.js'
import { chooseLoss, findLoss, isTokenLoss, type LabelFacts, type LossName, type LossPoint } from '../fisher/loss.js'
import { gradientProgram, scores, trainable } from '../fisher/program.js'
import type { Graph } from '../graph/graph.js'
import type { Untied } from '../graph/untie.js'
import { lower } from '../lower/lower.js'
import { unfold } from '../lower/unfold.js'
import type { DataType, Tensor } from '../tensor/tensor.js'
import { allocate, isFloat, sizeOf } from '../tensor/tensor.js'
import { type StaticGraph, specialise, type Trace, trace } from '../trace/trace.js'
import { checkCausal } from './causal.js'
import { prepare } from './prepare.js'
import type { Tied } from './tie.js'

/** An input of the model as data must provide it: shape without the batch axis. */
export interface InputSpec {
  readonly name: string
  readonly dtype: DataType
  readonly dims: readonly number[]
}

export interface Parameter {
  readonly name: string
  readonly dims: readonly number[]
}

/** A model opened for work: its float32 graph of operators that have gradient rules, what tracing has shown, where the loss attaches, and what can be trained. */
export interface Network {
  readonly graph: Graph
  readonly trace: Trace
  readonly loss: LossPoint
  /** K: classes, or tokens of the vocabulary. */
  readonly classes: number
  /** T of scores [N, T, K], for losses by tokens. */
  readonly tokens: number | undefined
  readonly inputs: readonly InputSpec[]
  /** Initializers that gradients reach, in the order of the file. */
  readonly parameters: readonly Parameter[]
  /** Float initializers with an axis that no gradient reaches: running statistics and other state. */
  readonly buffers: readonly string[]
  readonly untied: readonly Untied[]
  readonly tied: readonly Tied[]
  /** The graph at one batch size; remembered. */
  at(batch: number): Promise<StaticGraph>
}

export interface OpenOptions {
  /** Output that holds the class scores; needed where there are several. */
  readonly output?: string
  /** A few real inputs (at least one example); random numbers of the declared shapes where it is missing. */
  readonly sample?: Tensors
  /** The loss, where it is not to be found by the model and its data; see `chooseLoss`. */
  readonly loss?: LossName
  /** What is known of the labels of the data. */
  readonly labels?: LabelFacts
}

/**
 * Opens a graph: converts it to float32, separates merged parameters, writes composite operators out, runs it on a sample and finds loss and parameters.
 * Throws what `trace`, `lower`, `findLoss`, `chooseLoss` and `gradientProgram` throw.
 */
export async function openNetwork(source: Graph, engine: Engine, options: OpenOptions = {}): Promise<Network> {
  const { graph: plain, untied, tied } = prepare(source)
  const point = findLoss(plain, options.output)
  // Told before anything runs.
  if (trainable(plain).size === 0) throw withoutWeights(point.output)
  const { graph, traced } = await lowered(plain, engine, options.sample ?? randomSample(plain))
  const known = new Map<number, Promise<StaticGraph>>()
  const at = (batch: number): Promise<StaticGraph> => {
    const found = known.get(batch) ?? specialise(traced, engine, batch)
    known.set(batch, found)
    return found
  }
  const s = await at(traced.fixedBatch ?? 2)
  const dims = s.values.get(point.logits)?.dims ?? []
  const loss = chooseLoss(point, dims, { asked: options.loss, graph, labels: options.labels })
  // Who asks for it may have a reason.
  if (loss.loss === 'next-token' && options.loss === undefined) await checkCausal(s, engine, loss, traced.sample)
  const reached = gradientProgram(s, loss, 'sum').outputs
  const floats = [...trainable(graph)]
  if (!floats.some((n) => reached.has(n))) throw withoutWeights(loss.output)
  const scored = scores(s, loss).dims
  return {
    graph,
    trace: traced,
    loss,
    classes: scored.at(-1)!,
    tokens: isTokenLoss(loss.loss) ? scored[1]! : undefined,
    inputs: inputSpecs(graph, traced),
    parameters: floats
      .filter((n) => reached.has(n))
      .map((name) => ({ name, dims: graph.initializers.get(name)!.dims })),
    buffers: floats.filter((n) => !reached.has(n)),
    untied,
    tied,
    at,
  }
}

function withoutWeights(output: string): LetheError {
  return new LetheError(
    'model-unsupported',
    `No gradient of "${output}" reaches a weight of the model; export it with its weights as initializers of float operators (MatMul, Conv), not inside operators such as LinearClassifier.`,
  )
}

/** The graph with composite operators written out, however deep they lie in each other, and its trace. */
async function lowered(source: Graph, engine: Engine, sample: Tensors): Promise<{ graph: Graph; traced: Trace }> {
  let graph = source
  while (true) {
    const traced = await trace(graph, engine, sample)
    const plain = await lower(traced, engine)
    const next = plain === graph ? unfold(traced) : plain
    if (next === graph) return { graph, traced }
    graph = next
  }
}

function inputSpecs(graph: Graph, traced: Trace): InputSpec[] {
  return graph.inputs.map(({ name }) => {
    const v = traced.values.get(name)!
    return { name, dtype: v.dtype, dims: v.offset.slice(1) }
  })
}

/** Most numbers of one example of an input: a damaged file can claim any size. */
const exampleLimit = 2 ** 26

/**
 * Declared input shapes without the batch axis; throws `model-unsupported` where an axis beside it has no number, or an example
 * would be too large to make one up.
 */
export function declaredInputs(graph: Graph): InputSpec[] {
  return graph.inputs.map((input) => {
    const dims = input.dims.slice(1).map((d) => {
      if (typeof d === 'number' && d > 0) return d
      throw new LetheError(
        'model-unsupported',
        `Input "${input.name}" has a free axis beside the batch ([${input.dims.map((x) => x ?? '?').join(', ')}]); give data with --data so that its size is known.`,
      )
    })
    if (sizeOf(dims) > exampleLimit) {
      throw new LetheError(
        'model-unsupported',
        `Input "${input.name}" is declared as [${input.dims.map((x) => x ?? '?').join(', ')}], ${sizeOf(dims)} numbers an example; give data with --data where that is meant.`,
      )
    }
    return { name: input.name, dtype: input.dtype ?? 'float32', dims }
  })
}

/** Declared inputs as data must fill them: float32 where the file has another float type, −1 for axes without a number. */
export function looseInputs(graph: Graph): InputSpec[] {
  return graph.inputs.map(({ name, dtype = 'float32', dims }) => ({
    name,
    dtype: isFloat(dtype) ? 'float32' : dtype,
    dims: dims.slice(1).map((d) => (typeof d === 'number' && d > 0 ? d : -1)),
  }))
}

/**
 * Three examples of numbers in [−1, 1), the same every time; integers are 0 or 1, which every table of tokens has rows for, the first of
 * each example 1: no mask hides all.
 */
function randomSample(graph: Graph): Tensors {
  let state = 1
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  const batch = 3
  return Object.fromEntries(
    declaredInputs(graph).map(({ name, dtype, dims }) => {
      const data = allocate(dtype, batch * sizeOf(dims))
      const size = sizeOf(dims)
      if (data instanceof Float32Array) for (let i = 0; i < data.length; i++) data[i] = next()
      else if (data instanceof BigInt64Array)
        for (let i = 0; i < data.length; i++) data[i] = i % size === 0 || next() > 0 ? 1n : 0n
      else if (data instanceof Int32Array)
        for (let i = 0; i < data.length; i++) data[i] = i % size === 0 || next() > 0 ? 1 : 0
      return [name, { dtype, dims: [batch, ...dims], data } as Tensor]
    }),
  )
}
