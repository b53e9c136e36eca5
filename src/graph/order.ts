import { LetheError } from '../errors.js'
import { bodiesOf, type Graph, type Node, nodeLabel, usesOf } from './graph.js'

/** Bodies lie in each other no deeper than this. */
const depthLimit = 64

/**
 * The graph with its nodes in an order in which every value is made before it is read, as ONNX wants it and as everything
 * here relies on; bodies and local functions as well. The graph itself where they already are.
 *
 * Throws `model-truncated` where the parts do not fit together: a value that is made twice, that nothing makes, or that depends on
 * itself; `model-unsupported` for bodies in bodies without an end.
 */
export function ordered(graph: Graph): Graph {
  const scope: Scope = new Set()
  const { functions } = graph
  const inOrder = orderedGraph(graph, [scope])
  if (!functions) return inOrder
  return {
    ...inOrder,
    functions: functions.map((f) => {
      const nodes = orderedNodes(f.nodes, [new Set(f.inputs)])
      checkMade(f.outputs, `An output of the function "${f.name}"`, [new Set([...f.inputs, ...outputsOf(nodes)])])
      return nodes === f.nodes ? f : { ...f, nodes }
    }),
  }
}

/** Names known in a graph. */
type Scope = ReadonlySet<string>

const outputsOf = (nodes: readonly Node[]): string[] => nodes.flatMap((node) => node.outputs)

function orderedGraph(graph: Graph, outer: readonly Scope[]): Graph {
  const given = new Set([...graph.inputs.map((v) => v.name), ...graph.initializers.keys()])
  const nodes = orderedNodes(graph.nodes, [...outer, given])
  const all = [...outer, given, new Set(outputsOf(nodes))]
  checkMade(
    graph.outputs.map((v) => v.name),
    'An output of the graph',
    all,
  )
  return nodes === graph.nodes ? graph : { ...graph, nodes }
}

function checkMade(names: readonly string[], what: string, scopes: readonly Scope[]): void {
  const lost = names.find((name) => !scopes.some((scope) => scope.has(name)))
  if (lost !== undefined) throw broken(`${what}, "${lost}", is made by no node`, lost)
}

function orderedNodes(nodes: readonly Node[], scopes: readonly Scope[]): readonly Node[] {
  const makers = makersOf(nodes, scopes.at(-1)!)
  const sorted = sortedNodes(nodes, makers, scopes)
  if (!nodes.some((node) => bodiesOf(node).length > 0)) return sorted
  if (scopes.length > depthLimit) {
    throw new LetheError('model-unsupported', `The model has bodies in bodies, more than ${depthLimit} deep.`)
  }
  const known = [...scopes, new Set(makers.keys())]
  return sorted.map((node) => withBodies(node, known))
}

function withBodies(node: Node, known: readonly Scope[]): Node {
  if (bodiesOf(node).length === 0) return node
  const attributes = Object.entries(node.attributes).map(([name, a]): [string, typeof a] => [
    name,
    a.kind === 'graph' ? { ...a, value: orderedGraph(a.value, known) } : a,
  ])
  return { ...node, attributes: Object.fromEntries(attributes) }
}

/** Node that makes each value. */
function makersOf(nodes: readonly Node[], given: Scope): Map<string, Node> {
  const makers = new Map<string, Node>()
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (!name) continue
      if (makers.has(name) || given.has(name)) throw broken(`The value "${name}" is made twice`, name)
      makers.set(name, node)
    }
  }
  return makers
}

/** Nodes as they come; one that reads what is not made yet waits for it. */
function sortedNodes(
  nodes: readonly Node[],
  makers: ReadonlyMap<string, Node>,
  scopes: readonly Scope[],
): readonly Node[] {
  const placed = new Set<Node>()
  const missing = new Map<Node, number>()
  const waiting = new Map<Node, Node[]>()
  const place = (first: Node): void => {
    const ready = [first]
    for (let node = ready.pop(); node; node = ready.pop()) {
      placed.add(node)
      for (const next of waiting.get(node)?.toReversed() ?? []) {
        const left = missing.get(next)! - 1
        missing.set(next, left)
        if (left === 0) ready.push(next)
      }
    }
  }
  let isSorted = true
  for (const node of nodes) {
    const before = new Set<Node>()
    for (const name of usesOf(node)) {
      const maker = makers.get(name)
      if (maker && !placed.has(maker)) before.add(maker)
      else if (!maker && name && !scopes.some((scope) => scope.has(name))) {
        throw broken(`Node "${nodeLabel(node)}" (${node.op}) reads "${name}", which nothing makes`, name)
      }
    }
    if (before.size === 0) {
      place(node)
      continue
    }
    isSorted = false
    missing.set(node, before.size)
    for (const maker of before) {
      const list = waiting.get(maker)
      if (list) list.push(node)
      else waiting.set(maker, [node])
    }
  }
  if (isSorted) return nodes
  const stuck = nodes.find((node) => !placed.has(node))
  if (stuck) throw broken(`Node "${nodeLabel(stuck)}" (${stuck.op}) depends on its own output`, stuck.name)
  return [...placed]
}

function broken(what: string, name: string): LetheError {
  return new LetheError(
    'model-truncated',
    `The parts of the model do not fit together: ${what.length > 300 ? `${what.slice(0, 300)}…` : what}. Get or export the file again.`,
    { name },
  )
}
