import { backward, type ValueFacts } from '../autodiff/backward.js'
import { narrow } from '../autodiff/narrow.js'
import { withStatistics } from '../autodiff/statistics.js'
import { LetheError } from '../errors.js'
import { Emitter, type Val } from '../graph/emitter.js'
import { type Graph, standardOpset } from '../graph/graph.js'
import type { Place } from '../tensor/place.js'
import { isFloat } from '../tensor/tensor.js'
import { crossEntropy, type LossValues, tokenCrossEntropy } from './cross-entropy.js'
import { isTokenLoss, type LossPoint } from './loss.js'

/** A static graph (see trace): shapes are numbers, every value's kind and batch axis known. */
export interface StaticInput {
  readonly graph: Graph
  readonly batch: number
  readonly values: ReadonlyMap<string, ValueFacts>
}

/** A graph that computes gradients, and the names of what goes in beside the model's inputs and what comes out. */
export interface GradientProgram {
  readonly graph: Graph
  readonly batch: number
  /** Number of classes K. */
  readonly classes: number
  /** Input [N, K]: one-hot targets; of a loss by tokens [N, T], int32: their labels. */
  readonly targets: string
  /** Input [N, 1]: weights of the examples' losses; 0 for padding. */
  readonly weights: string
  /** Of a loss by tokens: the number T of tokens, and the input [N, T] with what each counts within its example. */
  readonly tokens: { readonly count: number; readonly shares: string } | undefined
  /** Output [N]: losses. */
  readonly losses: string
  /** Output [N, K] or [N, T, K]: scores. */
  readonly logits: string
  /** Output of each parameter, by the parameter's name; of one that comes in pieces, of each piece, by the name that the piece has there. */
  readonly outputs: ReadonlyMap<string, string>
  /** Where totals are kept: the input of each output that takes what runs before have come to, by the same name. */
  readonly totals: ReadonlyMap<string, Val>
  /** Pieces of the parameters that come in such, by the parameter's name. */
  readonly pieces: ReadonlyMap<string, readonly NamedPiece[]>
}

/** Where a piece lies in its parameter, by the piece's name. */
export interface NamedPiece extends Place {
  readonly name: string
  readonly dims: readonly number[]
}

/**
 * Graph of the gradients of the parameters of a model under its loss.
 *
 * `squares`: Σ_n (w_n ∂ℓ_n/∂θ)², the sum over the batch of squared per-example gradients (the empirical Fisher's diagonal
 * times N). `sum`: Σ_n w_n ∂ℓ_n/∂θ. Shapes: as the parameter. With `total` each is added to an input, squared before where asked; with
 * `inPieces`, large ones may come in pieces, as they are made: putting them together and moving their numbers costs every run what it costs once at the end (see `pieces`).
 * Throws `rule-missing`, `batch-axis-lost` (`squares` only), `loss-unsupported`.
 * Source of the quantity: Foster, Schoepf, Brintrup, "Fast Machine Unlearning Without Retraining Through Selective Synaptic
 * Dampening", AAAI 2024, section on the Fisher information matrix; per example instead of per batch.
 */
export function gradientProgram(
  whole: StaticInput,
  loss: LossPoint,
  form: 'squares' | 'sum',
  wanted: ReadonlySet<string> = trainable(whole.graph),
  options: {
    asInputs?: ReadonlySet<string>
    keep?: readonly string[]
    total?: 'of results' | 'of their squares'
    inPieces?: boolean
  } = {},
): GradientProgram {
  const s = { ...whole, ...withStatistics(narrow(whole, [loss.logits, ...(options.keep ?? [])]), wanted) }
  const e = new Emitter(standardOpset(s.graph))
  const z = scores(s, loss)
  const attached = attach(e, z, loss, s.batch)
  const { targets, weights, shares, losses, seed } = attached
  const gradients = backward({
    graph: s.graph,
    batch: s.batch,
    values: s.values,
    emitter: e,
    seeds: new Map([[loss.logits, seed]]),
    wanted,
    form,
    ...(options.asInputs && { varying: options.asInputs }),
  })
  const totals = new Map<string, Val>()
  const results = new Map<string, Val>()
  const pieces = new Map<string, NamedPiece[]>()
  const resultIn = (name: string, v: Val): void => {
    const { dtype, dims } = v
    if (options.total) totals.set(name, { name: `lethe/total/${name}`, dtype, dims })
    results.set(name, options.total ? e.add(totals.get(name)!, options.total === 'of results' ? v : e.mul(v, v)) : v)
  }
  for (const [name, made] of gradients) {
    const parts = options.inPieces ? e.pieces.of(made)?.() : undefined
    if (!parts) {
      resultIn(name, made)
      continue
    }
    const named = parts.map(({ value: { dims }, at, strides }, i) => ({
      name: pieceName(name, i),
      dims,
      at,
      strides,
    }))
    for (const [i, piece] of named.entries()) resultIn(piece.name, parts[i]!.value)
    pieces.set(name, named)
  }
  const exposed = [losses, z, ...results.values(), ...(options.keep ?? []).map((name) => s.values.get(name)!)]
  const inputs = [...s.graph.inputs, targets, weights, ...(shares ? [shares] : []), ...totals.values()]
  const full = e.finish(s.graph, exposed, inputs)
  const graph = initializersAsInputs(full, options.asInputs ?? new Set())
  return {
    graph,
    batch: s.batch,
    classes: z.dims.at(-1)!,
    targets: targets.name,
    weights: weights.name,
    tokens: shares && { count: z.dims[1]!, shares: shares.name },
    losses: losses.name,
    logits: z.name,
    outputs: new Map([...results].map(([name, v]) => [name, v.name])),
    totals,
    pieces,
  }
}

const pieceName = (parameter: string, i: number): string => `lethe/piece/${i}/${parameter}`

/** The parameter of an output or total: its name, or what the name of a piece ends with. */
export const parameterOf = (name: string): string => name.replace(/^lethe\/piece\/\d+\//, '')

interface Attached extends LossValues {
  readonly targets: Val
  readonly weights: Val
  readonly shares: Val | undefined
}

/** The loss on scores, with the inputs that it asks for. */
function attach(e: Emitter, z: Val, { loss }: LossPoint, batch: number): Attached {
  const weights: Val = { name: 'lethe/weights', dtype: 'float32', dims: [batch, 1] }
  if (!isTokenLoss(loss)) {
    const targets: Val = { name: 'lethe/targets', dtype: 'float32', dims: z.dims }
    return { targets, weights, shares: undefined, ...crossEntropy(e, z, targets, weights) }
  }
  const labels: Val = { name: 'lethe/labels', dtype: 'int32', dims: z.dims.slice(0, 2) }
  const shares: Val = { name: 'lethe/shares', dtype: 'float32', dims: z.dims.slice(0, 2) }
  return { targets: labels, weights, shares, ...tokenCrossEntropy(e, z, { labels, shares, weights }) }
}

/** Graph of the scores alone. */
export function forwardProgram(s: StaticInput, loss: LossPoint, asInputs: ReadonlySet<string> = new Set()): Graph {
  const z = scores(s, loss)
  return initializersAsInputs({ ...s.graph, outputs: [z] }, asInputs)
}

/** The scores' value. Throws `loss-unsupported` where it is not [N, K], or [N, T, K] for a loss by tokens. */
export function scores(s: StaticInput, loss: LossPoint): Val {
  const z = s.values.get(loss.logits)
  if (!z) throw new LetheError('internal', `Value "${loss.logits}" was not traced.`)
  const isByTokens = isTokenLoss(loss.loss)
  const form = isByTokens ? 'scores [examples, tokens, classes]' : 'class scores [examples, classes]'
  if (z.dims.length !== (isByTokens ? 3 : 2) || z.dims[0] !== s.batch || z.dims.at(-1)! < 2) {
    throw new LetheError(
      'loss-unsupported',
      `The loss ${loss.loss} needs ${form}; output "${loss.output}" has [${z.dims}] for ${s.batch} examples. Choose another output with --output.`,
    )
  }
  return z
}

/** Float initializers with at least one axis: what may be trained; those that no gradient reaches are buffers. */
export function trainable(graph: Graph): Set<string> {
  return new Set([...graph.initializers].flatMap(([name, t]) => (isFloat(t.dtype) && t.dims.length > 0 ? [name] : [])))
}

/** The graph with some initializers turned into inputs of the same name and shape: for weights that change between runs. */
export function initializersAsInputs(graph: Graph, names: ReadonlySet<string>): Graph {
  const moved = [...graph.initializers].filter(([name]) => names.has(name))
  return {
    ...graph,
    inputs: [...graph.inputs, ...moved.map(([name, t]) => ({ name, dtype: t.dtype, dims: t.dims }))],
    initializers: new Map([...graph.initializers].filter(([name]) => !names.has(name))),
  }
}
