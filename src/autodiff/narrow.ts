import { Emitter, type Val } from '../graph/emitter.js'
import { type Graph, int, type Node, standardOpset, usesOf } from '../graph/graph.js'
import { tensor, toInt64 } from '../tensor/tensor.js'
import type { ValueFacts } from './backward.js'
import { type InputParts, type Part, type PartContext, partsOf, pickedBy, placesPickedBy } from './parts.js'

/** A static graph as a pass takes and gives it. */
export interface Stated {
  readonly graph: Graph
  readonly values: ReadonlyMap<string, ValueFacts>
}

/** What is asked of a value: a part of it, or all. */
type Demand = Part | 'all'

/** How a node is made: whole (undefined), the part of its outputs that is asked for, or a pick from a part of its input. */
type Making =
  | { readonly kind: 'part'; readonly part: Part; readonly inputs: InputParts }
  | { readonly kind: 'pick'; readonly part: Part }

const opsOfShape: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

/**
 * The graph that makes only those positions of each value that something is made of: a classifier that reads one token of
 * its last layer (a class token, the last word) needs that layer for this token alone, forward and backward: but for keys and values of the
 * attention, whose other positions this token looks at.
 *
 * Requires shapes that are numbers. The values named in `kept`, and the outputs, stay whole; numbers are the same but for the order in which kernels add.
 * Values keep their names. Returns the graph itself where nothing changes. The batch axis is never cut.
 */
export function narrow(stated: Stated, kept: Iterable<string> = []): Stated {
  const { graph, values } = stated
  const opset = standardOpset(graph)
  const makings = makingsOf(graph, (node) => contextOf(node), values, kept)
  if (![...makings.values()].some((making) => making.kind === 'part')) return stated
  const e = new Emitter(opset, 'lethe/part')
  const next = new Map(values)
  const made = new Map<string, Part>()
  const cuts = new Map<string, Val>()
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const making = makings.get(node)
    const rewritten = making ? remade(node, making) : node
    nodes.push(...e.nodes.splice(0), rewritten)
  }
  for (const [name, { dtype, dims }] of e.initializers)
    next.set(name, { name, dtype, dims, kind: 'constant', batchAxis: undefined })
  const initializers = new Map([...graph.initializers, ...e.initializers])
  const used = new Set([...nodes.flatMap(usesOf), ...graph.outputs.map((o) => o.name)])
  for (const name of initializers.keys()) if (!used.has(name)) initializers.delete(name)
  return { graph: { ...graph, nodes, initializers }, values: next }

  function contextOf(node: Node): PartContext | undefined {
    const facts = (name: string): ValueFacts | undefined => values.get(name)
    const O = facts(node.outputs[0] ?? '')
    if (!O || node.inputs.some((name) => name !== '' && !facts(name))) return undefined
    const I = node.inputs.map((name) => (name === '' ? undefined : facts(name)))
    return { node, opset, I, O, constant: (i) => graph.initializers.get(node.inputs[i] ?? '') }
  }

  function remade(node: Node, making: Making): Node {
    const c = contextOf(node)!
    const { part } = making
    if (making.kind === 'pick') {
      const source = made.get(node.inputs[0]!)
      return source ? pick(node, c, placesPickedBy(c), source) : node
    }
    for (const name of node.outputs) {
      if (!name) continue
      const facts = values.get(name)!
      next.set(name, { ...facts, dims: facts.dims.with(part.axis, part.to - part.from) })
      made.set(name, part)
    }
    const inputs = node.inputs.map((name, i) => {
      const wanted = making.inputs[i]
      return wanted && name ? partOf(name, wanted).name : name
    })
    const { dims } = next.get(node.outputs[0]!)!
    if (opsOfShape.has(node.op))
      return { ...node, op: 'Reshape', inputs: [inputs[0]!, e.int64s(dims).name], attributes: {} }
    return node.op === 'Expand' ? { ...node, inputs: [inputs[0]!, e.int64s(dims).name] } : { ...node, inputs }
  }

  /** The wanted part of a value, cut out where more of it is made. */
  function partOf(name: string, wanted: Part): ValueFacts | Val {
    const facts = next.get(name)!
    const from = wanted.from - (made.get(name)?.from ?? 0)
    const to = wanted.to - (made.get(name)?.from ?? 0)
    if (from === 0 && to === facts.dims[wanted.axis]) return facts
    const key = `${name}:${wanted.axis}:${from}:${to}`
    const known = cuts.get(key)
    if (known) return known
    const cut = e.slice(facts, [wanted.axis], [from], [to])
    cuts.set(key, cut)
    next.set(cut.name, { ...facts, ...cut })
    return cut
  }

  /** A pick from what is left of its input. */
  function pick(node: Node, c: PartContext, places: readonly number[], source: Part): Node {
    const at = places.map((place) => place - source.from)
    if (node.op === 'Slice' && at.length === source.to - source.from && at.every((place, i) => place === i))
      return { ...node, op: 'Identity', inputs: [node.inputs[0]!], attributes: {} }
    const dims = node.op === 'Gather' ? c.I[1]!.dims : [at.length]
    const index = e.constant(tensor('int64', dims, BigInt64Array.from(at, toInt64)), 'places')
    return { ...node, op: 'Gather', inputs: [node.inputs[0]!, index.name], attributes: { axis: int(source.axis) } }
  }
}

/** What each node has to make, seen from the outputs. */
function makingsOf(
  graph: Graph,
  contextOf: (node: Node) => PartContext | undefined,
  values: Stated['values'],
  kept: Iterable<string>,
): Map<Node, Making> {
  const demands = new Map<string, Demand>()
  for (const name of [...kept, ...graph.outputs.map((o) => o.name)]) demands.set(name, 'all')
  const makings = new Map<Node, Making>()
  for (const node of graph.nodes.toReversed()) {
    const c = contextOf(node)
    const making = c && makingOf(c)
    if (making) makings.set(node, making)
    usesOf(node).forEach((name, i) => {
      if (name) ask(name, askedOfInput(making, i) ?? 'all')
    })
  }
  return makings

  function makingOf(c: PartContext): Making | undefined {
    const part = c.node.outputs.map((name) => (name ? demands.get(name) : undefined)).reduce(together)
    // Examples stay together, and so does what holds them on an axis with others.
    if (part && part !== 'all' && c.node.outputs.every((name) => !name || isFree(name, part.axis))) {
      const inputs = partsOf(c, part)
      if (inputs) return { kind: 'part', part, inputs }
    }
    const picked = pickedBy(c)
    return picked && isFree(c.node.inputs[0]!, picked.axis) ? { kind: 'pick', part: picked } : undefined
  }

  function isFree(name: string, axis: number): boolean {
    const { kind, batchAxis } = values.get(name)!
    return kind === 'data' && batchAxis !== undefined && batchAxis !== axis
  }

  function ask(name: string, demand: Demand): void {
    const asked = together(demands.get(name), demand)!
    const isWhole = asked !== 'all' && asked.from === 0 && asked.to === values.get(name)?.dims[asked.axis]
    demands.set(name, isWhole ? 'all' : asked)
  }
}

function askedOfInput(making: Making | undefined, i: number): Part | undefined {
  if (making?.kind === 'part') return making.inputs[i]
  return making?.kind === 'pick' && i === 0 ? making.part : undefined
}

/** What covers both. */
function together(a: Demand | undefined, b: Demand | undefined): Demand | undefined {
  if (!a || !b) return a ?? b
  if (a === 'all' || b === 'all' || a.axis !== b.axis) return 'all'
  return { axis: a.axis, from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }
}
