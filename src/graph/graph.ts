import { LetheError } from '../errors.js'
import type { DataType, Tensor } from '../tensor/tensor.js'

/** Attribute of a node, tagged with the kind that ONNX knows it by (an integer and a float must not be confused). */
export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  /** A body (of If, Loop, Scan): its nodes may use values of the graph around it. */
  | { readonly kind: 'graph'; readonly value: Graph }
  /** In the body of a local function: the attribute of the call that has this name. */
  | { readonly kind: 'reference'; readonly value: string }
  /** Anything Lethe does not look into (sparse tensors, types); kept as it was read. */
  | { readonly kind: 'opaque'; readonly value: unknown }

export type Attributes = Readonly<Record<string, Attribute>>

/** One operator call. An empty input name is an omitted optional input; an empty output name an unused output. */
export interface Node {
  readonly op: string
  /** Operator domain, '' for the ONNX standard. */
  readonly domain: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Attributes
  /** Which of several local functions of one name is called; absent elsewhere. */
  readonly overload?: string
}

/** An operator that a model defines itself. Nodes with its domain and name are calls of it. */
export interface LocalFunction {
  readonly domain: string
  readonly name: string
  readonly overload: string
  readonly opsets: ReadonlyMap<string, number>
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Attributes that a call may leave out, with their values. */
  readonly defaults: Attributes
  readonly nodes: readonly Node[]
}

/** Input or output of a graph: an axis is a number, the name of a free axis, or unknown. */
export interface ValueInfo {
  readonly name: string
  /** Undefined on an output that is only exposed for a look: the runtime infers it. */
  readonly dtype: DataType | undefined
  readonly dims: readonly (number | string | undefined)[]
  /** In bodies: the shape is not written, and `dims` says nothing. */
  readonly isUnranked?: true
}

/** A computation graph in single-assignment form: nodes in topological order over named values. */
export interface Graph {
  readonly name: string
  /** Version of each operator domain; '' is the ONNX standard. */
  readonly opsets: ReadonlyMap<string, number>
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly initializers: ReadonlyMap<string, Tensor>
  readonly nodes: readonly Node[]
  /** Local functions; absent where there are none. */
  readonly functions?: readonly LocalFunction[]
}

export const int = (value: number): Attribute => ({ kind: 'int', value })
export const float = (value: number): Attribute => ({ kind: 'float', value })
export const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value })
export const floats = (value: readonly number[]): Attribute => ({ kind: 'floats', value })
export const text = (value: string): Attribute => ({ kind: 'string', value })
export const tensorAttribute = (value: Tensor): Attribute => ({ kind: 'tensor', value })

/** Version of the standard operator set that a graph is written in. */
export function standardOpset(graph: Graph): number {
  return graph.opsets.get('') ?? graph.opsets.get('ai.onnx') ?? 1
}

/** Node that makes each value, by value name. */
export function producers(graph: Graph): Map<string, Node> {
  const made = new Map<string, Node>()
  for (const node of graph.nodes) for (const output of node.outputs) if (output) made.set(output, node)
  return made
}

/** Nodes that read each value, by value name; one entry for each time. */
export function readersOf(graph: Graph): Map<string, Node[]> {
  const readers = new Map<string, Node[]>()
  for (const node of graph.nodes) {
    for (const name of usesOf(node)) {
      const known = readers.get(name)
      if (known) known.push(node)
      else readers.set(name, [node])
    }
  }
  return readers
}

/** Bodies among a node's attributes. */
export function bodiesOf(node: Node): Graph[] {
  return Object.values(node.attributes).flatMap((a) => (a.kind === 'graph' ? [a.value] : []))
}

/** Values that a node reads: its inputs, and what its bodies take from the graph around it. */
export function usesOf(node: Node): readonly string[] {
  const bodies = bodiesOf(node)
  return bodies.length === 0 ? node.inputs : [...node.inputs, ...bodies.flatMap(capturedBy)]
}

/** Names that a body uses and does not make. */
function capturedBy(body: Graph): string[] {
  const own = new Set([...body.inputs.map((v) => v.name), ...body.initializers.keys(), ...producers(body).keys()])
  const used = [...body.nodes.flatMap(usesOf), ...body.outputs.map((v) => v.name)]
  return used.filter((name) => name && !own.has(name))
}

/** How a node is called in messages: its name, else its first output. */
export function nodeLabel(node: Node): string {
  return node.name || node.outputs.find((name) => name) || node.op
}

const wrongKind = (node: Node, name: string, expected: string): LetheError =>
  new LetheError(
    'model-unsupported',
    `Attribute "${name}" of node "${nodeLabel(node)}" (${node.op}) should be ${expected}, got ${node.attributes[name]?.kind}.`,
  )

/** Integer attribute, or the default where it is absent. Throws `model-unsupported` for another kind. */
export function intAttribute<D>(node: Node, name: string, fallback: D): number | D {
  const attribute = node.attributes[name]
  if (!attribute) return fallback
  if (attribute.kind !== 'int') throw wrongKind(node, name, 'an integer')
  return attribute.value
}

/** Float attribute, or the default where it is absent. Throws `model-unsupported` for another kind. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name]
  if (!attribute) return fallback
  if (attribute.kind !== 'float' && attribute.kind !== 'int') throw wrongKind(node, name, 'a float')
  return attribute.value
}

/** String attribute, or the default where it is absent. Throws `model-unsupported` for another kind. */
export function textAttribute(node: Node, name: string, fallback: string): string {
  const attribute = node.attributes[name]
  if (!attribute) return fallback
  if (attribute.kind !== 'string') throw wrongKind(node, name, 'a string')
  return attribute.value
}

/** List-of-integers attribute, or the default where it is absent. Throws `model-unsupported` for another kind. */
export function intsAttribute<D>(node: Node, name: string, fallback: D): readonly number[] | D {
  const attribute = node.attributes[name]
  if (!attribute) return fallback
  if (attribute.kind !== 'ints') throw wrongKind(node, name, 'a list of integers')
  return attribute.value
}

/** For each axis of a Transpose's output the axis of its input; all of them reversed where the node does not tell. ONNX Transpose-13. */
export function permOf(node: Node, rank: number): readonly number[] {
  return intsAttribute(node, 'perm', undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
}
