import type { Attributes, Node } from '../../src/graph/graph.js'
import type { Tensor } from '../../src/tensor/tensor.js'

/** Values of an input: where its operator is smooth and its result well-conditioned. */
export type Domain =
  | 'normal' // standard normal
  | 'positive' // 0.5 … 2
  | 'above-one' // 1.3 … 3
  | 'unit' // −0.9 … 0.9
  | 'away-from-zero' // |x| between 0.3 and 1.5, both signs
  | 'distinct' // all values at least 0.1 apart, in random order: no ties for max and min

export type CaseInput =
  /** Examples: the axis 'N' counts them. */
  | { readonly kind: 'data'; readonly dims: readonly (number | 'N')[]; readonly domain?: Domain }
  /** A trainable initializer. */
  | { readonly kind: 'param'; readonly dims: readonly number[]; readonly domain?: Domain }
  /** A constant of the model (indices, shapes, bounds); its gradient is not asked for. */
  | { readonly kind: 'constant'; readonly value: Tensor }
  /** An omitted optional input. */
  | { readonly kind: 'omitted' }

/** One row: an operator, how it is called, and (where needed) how close the numeric gradient can come. */
export interface OpCase {
  readonly name: string
  readonly op: string
  readonly opset?: number
  readonly attributes?: Attributes
  /** Inputs, called i0, i1, … */
  readonly inputs: readonly CaseInput[]
  /** Number of outputs, called o0, o1, …; default 1. */
  readonly outputs?: number
  /** A small graph in place of the single node; it ends in o0. */
  readonly nodes?: readonly Node[]
  /** Relative tolerance of the numeric check; default 5e-3 (float32 differences). Say why where it is larger. */
  readonly tolerance?: number
  readonly seed?: number
  /** The per-example form is expected to fall back to batches of one (`batch-axis-lost`). */
  readonly fallsBack?: true
  /** Couples examples (batch norm in training mode): only the sum over the batch is checked. */
  readonly mixes?: true
}

export const data = (dims: readonly (number | 'N')[], domain?: Domain): CaseInput => ({ kind: 'data', dims, domain })
export const param = (dims: readonly number[], domain?: Domain): CaseInput => ({ kind: 'param', dims, domain })
export const omitted: CaseInput = { kind: 'omitted' }
export const int64s = (values: readonly number[], dims: readonly number[] = [values.length]): CaseInput => ({
  kind: 'constant',
  value: { dtype: 'int64', dims, data: BigInt64Array.from(values, (v) => BigInt(v)) },
})
export const float32s = (values: readonly number[], dims: readonly number[] = [values.length]): CaseInput => ({
  kind: 'constant',
  value: { dtype: 'float32', dims, data: Float32Array.from(values) },
})
export const bools = (values: readonly boolean[], dims: readonly number[]): CaseInput => ({
  kind: 'constant',
  value: { dtype: 'bool', dims, data: Uint8Array.from(values, Number) },
})
/** A node for `nodes`. */
export const node = (op: string, inputs: readonly string[], output: string, attributes: Attributes = {}): Node => ({
  op,
  domain: '',
  name: output,
  inputs,
  outputs: [output],
  attributes,
})
