import { broadcastingOps, unaryOps } from '../graph/elementwise.js'
import { type Graph, intsAttribute, type Node, standardOpset } from '../graph/graph.js'
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
  if (node.op === 'Transpose') return { dtype, dims: orderOf(node, dims.length).map((axis) => dims[axis]!) }
  if (unaryOps.has(node.op)) return { dtype, dims }
  const rank = Math.max(...inputs.map((i) => i.dims.length))
  const sizes = Array.from({ length: rank }, (_, axis) => {
    const all = inputs.map((i) => i.dims[axis - rank + i.dims.length] ?? 1)
    return all.find((size) => size !== 1) ?? 1
  })
  return { dtype, dims: sizes }
}

/**
 * True where examples are apart on the axis of a follower's result that grows: they are in every input that grows, on that
 * axis, and the others are the same for all examples, which a mean over the batch is not.
 */
export function keepsApart(node: Node, axis: number, rank: number, inputs: readonly Growth[]): boolean {
  const order = node.op === 'Transpose' ? orderOf(node, rank) : undefined
  return inputs.every(({ slope, isSteady, isSeparate }) => {
    const growing = slope.flatMap((s, i) => (s !== 0 ? [i] : []))
    const expected = order ? order[axis] : axis - rank + slope.length
    if (growing.length === 0) return isSteady
    return isSeparate && growing.length === 1 && growing[0] === expected
  })
}

function orderOf(node: Node, rank: number): readonly number[] {
  return intsAttribute(node, 'perm', undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
}
