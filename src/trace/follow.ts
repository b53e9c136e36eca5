import { type Part, type PartContext, partsOf } from '../autodiff/parts.js'
import { broadcastingOps, unaryOps } from '../graph/elementwise.js'
import { type Graph, type Node, permOf, standardOpset } from '../graph/graph.js'
import type { DataType } from '../tensor/tensor.js'

/** Element type and shape of a value in one run. */
export interface Form {
  readonly dtype: DataType
  readonly dims: readonly number[]
}

/** What is known of an input of an operator: how its axes grow with the batch, and whether examples are apart on the one that does. */
export interface Growth {
  readonly slope: readonly number[]
  /** Does not grow, and is the same whatever the examples are. */
  readonly isSteady: boolean
  readonly isSeparate: boolean
  /** Q of an axis that holds P·B·Q places of B examples, where it is known. */
  readonly fold?: { readonly axis: number; readonly inner: number }
}

/** Before this version Add and its like name the axis that they broadcast along. */
const broadcastOpset = 8

/**
 * Nodes whose results need not be looked at: what is to be known of them follows from their inputs. Most of what a network
 * computes is such, and looking at a value costs its memory in every run.
 *
 * Not among them: outputs of the graph, and values that meet parameters (`meets`), where folded examples are looked for; of
 * those only what is made of initializers alone, which does not grow.
 */
export function followersOf(graph: Graph, meets: ReadonlySet<string>): Set<Node> {
  const followers = new Set<Node>()
  if (standardOpset(graph) < broadcastOpset) return followers
  const outputs = new Set(graph.outputs.map((o) => o.name))
  const fixed = new Set(graph.initializers.keys())
  for (const node of graph.nodes) {
    const name = node.outputs[0]
    if (!name || node.outputs.length > 1 || !isFollowing(node)) continue
    const isFixed = node.inputs.every((input) => !input || fixed.has(input))
    if (isFixed) fixed.add(name)
    if (!outputs.has(name) && (isFixed || !meets.has(name))) followers.add(node)
  }
  return followers
}

function isFollowing({ op, domain }: Node): boolean {
  return domain === '' && (op === 'Transpose' || unaryOps.has(op) || broadcastingOps.has(op))
}

/** Form of a follower's result, of the forms of its inputs. */
export function formOf(node: Node, inputs: readonly Form[]): Form {
  const { dtype, dims } = inputs[0]!
  if (node.op === 'Transpose') {
    const perm = permOf(node, dims.length)
    return { dtype, dims: perm.map((axis) => dims[axis]!) }
  }
  if (unaryOps.has(node.op)) return { dtype, dims }
  const rank = Math.max(...inputs.map((i) => i.dims.length))
  const sizes = Array.from({ length: rank }, (_, axis) => {
    const all = inputs.map((i) => i.dims[axis - rank + i.dims.length] ?? 1)
    return all.find((size) => size !== 1) ?? 1
  })
  return { dtype, dims: sizes }
}

/**
 * Operators whose result is not looked at where its shape, which is measured, and the inputs tell enough; the element type is that of the
 * first input. They are those that make the large values of networks.
 */
const measuredOps: ReadonlySet<string> = new Set(
  (
    'AveragePool BatchNormalization Concat Conv Expand Flatten Gather Gemm GlobalAveragePool LayerNormalization LogSoftmax MatMul MaxPool ' +
    'ReduceMean ReduceSum Reshape Slice Softmax Split Squeeze Unsqueeze'
  ).split(' '),
)

/** Nodes whose results need not be looked at but for their shapes; not those that make outputs of the graph. */
export function measuredOf(graph: Graph, followers: ReadonlySet<Node>): Set<Node> {
  const outputs = new Set(graph.outputs.map((o) => o.name))
  const isMeasured = (node: Node): boolean => {
    const [first, ...more] = node.outputs
    const isPlain = first !== undefined && first !== '' && (node.op === 'Split' || more.every((name) => !name))
    return (
      isPlain &&
      node.domain === '' &&
      (measuredOps.has(node.op) || isFollowing(node)) &&
      !node.outputs.some((name) => outputs.has(name))
    )
  }
  return new Set(graph.nodes.filter((node) => isMeasured(node) && !followers.has(node)))
}

/**
 * True where examples are apart on the axis of a node's result that grows: each position on it is made of that position in every
 * input that grows, where they are apart, and the other inputs are the same for all examples, which a mean over the batch is not.
 */
export function keepsApart(c: PartContext, axis: number, inputs: readonly (Growth | undefined)[]): boolean {
  const parts = partsOf(c, { axis, from: 0, to: 1 })
  return parts !== undefined && inputs.every((input, i) => !input || isApart(input, parts[i]))
}

function isApart({ slope, isSteady, isSeparate }: Growth, part: Part | undefined): boolean {
  const growing = slope.flatMap((s, i) => (s !== 0 ? [i] : []))
  if (growing.length === 0) return isSteady
  return isSeparate && growing.length === 1 && growing[0] === part?.axis
}

/** Q of the fold that a result has where every input that grows has one and the same on the axis that it is made of. */
export function inheritedFold(
  c: PartContext,
  axis: number,
  inputs: readonly (Growth | undefined)[],
): number | undefined {
  const parts = partsOf(c, { axis, from: 0, to: 1 })
  const growing = inputs.flatMap((input, i) => (input?.slope.some((s) => s !== 0) ? [{ input, part: parts?.[i] }] : []))
  const folds = growing.map(({ input, part }) =>
    input.fold && input.fold.axis === part?.axis ? input.fold.inner : undefined,
  )
  return folds.every((inner) => inner === folds[0]) ? folds[0] : undefined
}
