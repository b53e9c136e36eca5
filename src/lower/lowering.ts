import { LetheError } from '../errors.js'
import { type Node, nodeLabel } from '../graph/graph.js'
import { numberAt, type Tensor } from '../tensor/tensor.js'
import type { TracedValue } from '../trace/trace.js'
import type { Fresh } from './splice.js'
import type { Writer } from './writer.js'

/**
 * How a composite operator is written in operators that have gradient rules. The written nodes hold for any batch size:
 * what grows with the batch is never written as a number.
 */
export interface Lowering {
  readonly op: string
  /** Operator domain, '' (the default) for the ONNX standard. */
  readonly domain?: string
  /** First opset whose definition is followed; counts for the standard domain. */
  readonly since: number
  /** Positions of inputs that must be the same numbers at every batch size; read with `c.constant`. */
  readonly constants?: readonly number[]
  /** Writes the nodes and names the value of each output. Throws `rule-missing` for what it does not cover. */
  readonly expand: (c: LoweringContext) => readonly (string | undefined)[]
}

/** What an expansion sees: the node, its traced inputs, and the writer. */
export interface LoweringContext {
  readonly node: Node
  readonly opset: number
  readonly w: Writer
  readonly fresh: Fresh
  /** Inputs by position; undefined where omitted. */
  readonly I: readonly (TracedValue | undefined)[]
  /** Number of an input that is constant, undefined where it is omitted. */
  constant(i: number): Tensor | undefined
}

/** Name of an input that must be there. */
export function given(c: LoweringContext, i: number): string {
  return traced(c, i).name
}

/** Input that must be there. */
export function traced(c: LoweringContext, i: number): TracedValue {
  const v = c.I[i]
  if (!v) throw new LetheError('model-unsupported', `Node "${nodeLabel(c.node)}" (${c.node.op}) lacks input ${i}.`)
  return v
}

/** Length of an axis of an input. Throws `rule-missing` where it grows with the batch. */
export function lengthOf(c: LoweringContext, i: number, axis: number): number {
  const { slope, offset } = traced(c, i)
  const at = axis < 0 ? axis + slope.length : axis
  if (slope[at] !== 0) refuse(c, `an axis ${axis} of input ${i} that grows with the batch`)
  return offset[at]!
}

export const rankOf = (c: LoweringContext, i: number): number => traced(c, i).offset.length

/** Single number of a constant input, or undefined where it is omitted. */
export function constantNumber(c: LoweringContext, i: number): number | undefined {
  const t = c.constant(i)
  return t && numberAt(t, 0)
}

/** Throws `rule-missing` for a variant of a known operator that its expansion does not cover. */
export function refuse(c: { readonly node: Node; readonly opset: number }, what: string): never {
  const { op, domain } = c.node
  const name = domain ? `${domain}.${op}` : op
  throw new LetheError(
    'rule-missing',
    `Node "${nodeLabel(c.node)}" (${name}, opset ${c.opset}) has ${what}, for which there is no gradient; export the model without it.`,
    { op: name, node: nodeLabel(c.node) },
  )
}
