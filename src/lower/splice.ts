import { type Attribute, type Attributes, bodiesOf, type Graph, type Node, tensorAttribute } from '../graph/graph.js'
import type { Tensor } from '../tensor/tensor.js'

/** Gives a name that no value and no node of the graph has, beginning with the hint. */
export type Fresh = (hint: string) => string

/** Names beside those of a graph and of the bodies in it. */
export function freshNames(graph: Graph): Fresh {
  const taken = new Set<string>()
  collect(graph, taken)
  const counts = new Map<string, number>()
  return (hint) => {
    let name = hint
    let i = counts.get(hint) ?? 0
    while (taken.has(name)) name = `${hint}_${++i}`
    counts.set(hint, i)
    taken.add(name)
    return name
  }
}

function collect(graph: Graph, taken: Set<string>): void {
  for (const { name } of [...graph.inputs, ...graph.outputs]) taken.add(name)
  for (const name of graph.initializers.keys()) taken.add(name)
  for (const node of graph.nodes) {
    for (const name of [node.name, ...node.inputs, ...node.outputs]) taken.add(name)
    for (const body of bodiesOf(node)) collect(body, taken)
  }
}

/** What can be written in place of a node: a local function, a branch, one round of a loop. */
export interface Body {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly Node[]
  readonly initializers: ReadonlyMap<string, Tensor>
}

/** The body of If, Loop or Scan as something to splice. */
export function bodyOf(graph: Graph): Body {
  return {
    inputs: graph.inputs.map((v) => v.name),
    outputs: graph.outputs.map((v) => v.name),
    nodes: graph.nodes,
    initializers: graph.initializers,
  }
}

/** Where a body is written: what it is given, what its outputs are to be called (empty where unused), and how its nodes are. */
export interface Place {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly label: string
}

/**
 * The nodes of a body with its inputs, outputs and inner values renamed for a place in a graph. Names it takes from the graph
 * around it stay. Its own initializers become Constant nodes: they are not the model's to train.
 */
export function splice(body: Body, place: Place, fresh: Fresh): Node[] {
  const names = new Map(body.inputs.map((name, i) => [name, place.inputs[i] ?? '']))
  const own = new Set([...body.initializers.keys(), ...body.nodes.flatMap((node) => node.outputs)].filter((n) => n))
  const copies: [string, string][] = []
  body.outputs.forEach((name, i) => {
    const output = place.outputs[i]
    if (!output) return
    if (own.has(name) && !names.has(name)) names.set(name, output)
    else copies.push([name, output])
  })
  for (const name of own) if (!names.has(name)) names.set(name, fresh(`${place.label}/${name}`))
  const constants = [...body.initializers].map(([name, t]) => ({ name, t }))
  return [
    ...constants.map(({ name, t }) =>
      plain('Constant', [], names.get(name)!, fresh(`${place.label}/Constant`), { value: tensorAttribute(t) }),
    ),
    ...body.nodes.map((node) => ({
      ...renamed(node, names, fresh),
      name: fresh(`${place.label}/${node.name || node.op}`),
    })),
    ...copies.map(([from, to]) => plain('Identity', [names.get(from) ?? from], to, fresh(`${place.label}/Identity`))),
  ]
}

function plain(op: string, inputs: readonly string[], output: string, name: string, attributes: Attributes = {}): Node {
  return { op, domain: '', name, inputs, outputs: [output], attributes }
}

function renamed(node: Node, names: ReadonlyMap<string, string>, fresh: Fresh): Node {
  const of = (name: string): string => names.get(name) ?? name
  return {
    ...mapBodies(node, (body) => renamedBody(body, names, fresh)),
    inputs: node.inputs.map(of),
    outputs: node.outputs.map(of),
  }
}

function renamedBody(body: Graph, outer: ReadonlyMap<string, string>, fresh: Fresh): Graph {
  const names = new Map(outer)
  const own = [
    ...body.inputs.map((v) => v.name),
    ...body.initializers.keys(),
    ...body.nodes.flatMap((node) => node.outputs),
  ]
  for (const name of own) if (name) names.set(name, fresh(name))
  const of = (name: string): string => names.get(name) ?? name
  return {
    ...body,
    inputs: body.inputs.map((v) => ({ ...v, name: of(v.name) })),
    outputs: body.outputs.map((v) => ({ ...v, name: of(v.name) })),
    initializers: new Map([...body.initializers].map(([name, t]) => [of(name), t])),
    nodes: body.nodes.map((node) => renamed(node, names, fresh)),
  }
}

/** The node with its bodies changed. */
export function mapBodies(node: Node, change: (body: Graph) => Graph): Node {
  if (bodiesOf(node).length === 0) return node
  const attributes = Object.entries(node.attributes).map(([name, a]): [string, Attribute] => [
    name,
    a.kind === 'graph' ? { ...a, value: change(a.value) } : a,
  ])
  return { ...node, attributes: Object.fromEntries(attributes) }
}
