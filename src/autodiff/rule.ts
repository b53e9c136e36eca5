import { LetheError } from '../errors.js'
import type { Emitter, Val } from '../graph/emitter.js'
import { floatAttribute, intAttribute, intsAttribute, type Node, nodeLabel, textAttribute } from '../graph/graph.js'
import { type Tensor, toNumbers } from '../tensor/tensor.js'

/** A gradient that is written only when it is wanted. */
export type Thunk = () => Val

/**
 * How gradients of shared values (parameters) are wanted. `sum`: over the batch, shape of the parameter.
 * `each`: one gradient an example, [N, ...shape of the parameter].
 */
export type Form = 'sum' | 'each'

/**
 * All the system knows of one operator: which versions the rule holds for, its vector-Jacobian product, and what is
 * special in its per-example form. Axis letters in rules: `N` examples, `C` channels, `H W` space, `K` kernel, `O` outputs.
 */
export interface Rule {
  readonly op: string
  /** Operator domain, '' (the default) for the ONNX standard. */
  readonly domain?: string
  /** First opset whose definition the rule follows. */
  readonly since: number
  /** Last opset, where a later definition differs. */
  readonly until?: number
  /**
   * Gradients by input position; undefined: constant by nature (indices, shapes, state that is not trained).
   *
   * A thunk returns the input's shape, or any shape that broadcasting the input made (the walk sums it back, and keeps
   * the example axis in the form `each`). A thunk for a parameter that contracts over the batch itself looks at
   * `c.form` and returns [N, ...shape] for `each`, most easily through `c.keepAxes`.
   */
  readonly vjp: (c: RuleContext) => readonly (Thunk | undefined)[]
  /**
   * Σ_n g_n² of a parameter used nowhere else, for operators that have a cheaper way to it than `each`.
   * A missing entry means that there is none.
   */
  readonly squares?: (c: RuleContext) => readonly (Thunk | undefined)[]
  /**
   * The rule also holds with `c.lead` extra axes in front of cotangents: the operator is applied to parameters alone
   * (Transpose of a weight) and its cotangent is per example. Elementwise rules lift by broadcasting.
   */
  readonly lifts?: boolean
  /** Each element of the output is one of the input and the other way round: squares go back as gradients do. */
  readonly moves?: boolean
}

/** What a rule sees: the node, its inputs I, outputs O and cotangents dO, and the emitter to write with. */
export interface RuleContext {
  readonly node: Node
  readonly opset: number
  readonly e: Emitter
  readonly form: Form
  /** Axes in front of every cotangent of a lifted node: [] or [N]. */
  readonly lead: readonly number[]
  /** Inputs by position; undefined where omitted. Shapes without `lead`. */
  readonly I: readonly (Val | undefined)[]
  readonly O: readonly (Val | undefined)[]
  /** Cotangents by output; undefined where nothing flows back. */
  readonly dO: readonly (Val | undefined)[]
  /** Axis of `O[0]` that counts examples; throws `batch-axis-lost` where it cannot be followed. */
  batchAxis(i?: number): number
  /** Throws `batch-axis-lost`: the examples are on an axis where the rule cannot keep them apart. */
  loseBatchAxis(): never
  /** True where input `i` is a parameter or made of parameters alone. */
  isShared(i: number): boolean
  /** True where input `i` is a constant: `constant(i)` gives its value. */
  isConstant(i: number): boolean
  wants(i: number): boolean
  /** Value of a constant input, undefined where it is omitted. Throws `rule-missing` where it is not constant. */
  constant(i: number): Tensor | undefined
  /** Value of an input that no run changes: a constant, or a weight that is part of the graph. */
  fixed(i: number): Tensor | undefined
  /** Output 0, or what a Relu or Clip that alone reads it makes of it: the two are equal wherever the cotangent is not 0, and the runtime may then write the second alone. */
  shown(): Val
  /**
   * Sum over all axes but those listed (which stay in this order); in the form `each` the batch axis stays too, in front.
   */
  keepAxes(v: Val, axes: readonly number[], batchAxis?: number): Val
}

/** First input, cotangent of the first output: what most rules need. */
export function x(c: RuleContext): Val {
  return input(c, 0)
}

/** Input that must be there. */
export function input(c: RuleContext, i: number): Val {
  const v = c.I[i]
  if (!v) throw new LetheError('model-unsupported', `Node "${nodeLabel(c.node)}" (${c.node.op}) lacks input ${i}.`)
  return v
}

/** Output that must be there. */
export function output(c: RuleContext, i = 0): Val {
  const v = c.O[i]
  if (!v) throw new LetheError('internal', `Node "${nodeLabel(c.node)}" (${c.node.op}) lacks output ${i}.`)
  return v
}

/** Cotangent of output 0, which the walk promises where a rule with one output is asked. */
export function dy(c: RuleContext, i = 0): Val {
  const v = c.dO[i]
  if (!v) throw new LetheError('internal', `Node "${nodeLabel(c.node)}" (${c.node.op}) has no cotangent ${i}.`)
  return v
}

/** Numbers of a constant input, or undefined where it is omitted. */
export function constantNumbers(c: RuleContext, i: number): number[] | undefined {
  const t = c.constant(i)
  return t && toNumbers(t)
}

/** Axis counted from the front. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis
}

/** All axis numbers of a shape. */
export function axesOf(v: Val): number[] {
  return v.dims.map((_, i) => i)
}

export const intOf = <D>(c: RuleContext, name: string, fallback: D): number | D => intAttribute(c.node, name, fallback)
export const floatOf = (c: RuleContext, name: string, fallback: number): number =>
  floatAttribute(c.node, name, fallback)
export const textOf = (c: RuleContext, name: string, fallback: string): string => textAttribute(c.node, name, fallback)
export const intsOf = <D>(c: RuleContext, name: string, fallback: D): readonly number[] | D =>
  intsAttribute(c.node, name, fallback)

/** Throws `rule-missing` for a variant of a known operator that the rule does not cover. */
export function refuse(c: RuleContext, what: string): never {
  throw new LetheError(
    'rule-missing',
    `Node "${nodeLabel(c.node)}" (${c.node.op}, opset ${c.opset}): the gradient with ${what} has no rule; export the model without it.`,
    { op: c.node.op, node: nodeLabel(c.node) },
  )
}
