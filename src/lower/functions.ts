import { LetheError } from '../errors.js'
import {
  type Attribute,
  type Attributes,
  type Graph,
  type LocalFunction,
  type Node,
  nodeLabel,
} from '../graph/graph.js'
import { type Fresh, freshNames, mapBodies, splice } from './splice.js'

/** Most nodes that a model's functions may grow to. */
const nodeLimit = 200_000
/** Functions may not call themselves; deeper than this they do. */
const depthLimit = 64

/**
 * The graph with every call of a local function replaced by the function's nodes (ONNX IR, "Functions"): nested calls, attributes
 * passed on, calls inside bodies. The graph itself where it has no functions.
 * Throws `model-unsupported` for functions of an operator set that the model's nodes do not share, and for endless ones.
 */
export function inlineFunctions(graph: Graph): Graph {
  const { functions = [], ...rest } = graph
  if (functions.length === 0) return graph
  const known = new Map(functions.map((f) => [keyOf(f.domain, f.name, f.overload), f]))
  const opsets = new Map(graph.opsets)
  const inliner: Inliner = { known, opsets, fresh: freshNames(graph), written: 0 }
  const nodes = inlined(graph.nodes, inliner, 0)
  const used = new Set(domainsOf(nodes))
  return {
    ...rest,
    opsets: new Map([...opsets].filter(([domain]) => domain === '' || used.has(domain))),
    nodes,
  }
}

interface Inliner {
  readonly known: ReadonlyMap<string, LocalFunction>
  readonly opsets: Map<string, number>
  readonly fresh: Fresh
  written: number
}

const keyOf = (domain: string, name: string, overload = ''): string => JSON.stringify([domain, name, overload])

function inlined(nodes: readonly Node[], inliner: Inliner, depth: number): Node[] {
  return nodes.flatMap((outer) => {
    const node = mapBodies(outer, (body) => ({ ...body, nodes: inlined(body.nodes, inliner, depth) }))
    const f = inliner.known.get(keyOf(node.domain, node.op, node.overload))
    inliner.written++
    if (!f) return [node]
    if (depth > depthLimit || inliner.written > nodeLimit) {
      throw new LetheError(
        'model-unsupported',
        `The local functions of the model call each other without an end, or are too large (at node "${nodeLabel(node)}").`,
      )
    }
    joinOpsets(f, node, inliner.opsets)
    const body = {
      inputs: f.inputs,
      outputs: f.outputs,
      nodes: bound(f.nodes, { ...f.defaults, ...node.attributes }),
      initializers: new Map<string, never>(),
    }
    const place = { inputs: node.inputs, outputs: node.outputs, label: nodeLabel(node) }
    return inlined(splice(body, place, inliner.fresh), inliner, depth + 1)
  })
}

/** Nodes of a function with its attributes given; an attribute that is not given is left out. */
function bound(nodes: readonly Node[], given: Attributes): Node[] {
  return nodes.map((node) => {
    const attributes = Object.entries(node.attributes).flatMap(([name, a]): [string, Attribute][] => {
      if (a.kind !== 'reference') return [[name, a]]
      const value = given[a.value]
      return value ? [[name, value]] : []
    })
    const plain = { ...node, attributes: Object.fromEntries(attributes) }
    return mapBodies(plain, (body) => ({ ...body, nodes: bound(body.nodes, given) }))
  })
}

/** Versions at which operators of the standard changed their inputs (axes, shapes) in ways that a node does not tell. */
const breaks = [13, 18]

function joinOpsets(f: LocalFunction, node: Node, opsets: Map<string, number>): void {
  for (const [domain, version] of f.opsets) {
    const ours = opsets.get(domain)
    if (ours === undefined) opsets.set(domain, version)
    else if (domain === '' && breaks.some((at) => ours < at !== version < at)) {
      throw new LetheError(
        'model-unsupported',
        `Function "${f.name}" (node "${nodeLabel(node)}") is written in opset ${version} and the model in opset ${ours}; convert the model to one opset (onnx.version_converter).`,
      )
    }
  }
}

function domainsOf(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => [
    node.domain,
    ...Object.values(node.attributes).flatMap((a) => (a.kind === 'graph' ? domainsOf(a.value.nodes) : [])),
  ])
}
