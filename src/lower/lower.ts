import { activeValues } from '../autodiff/backward.js'
import { findRule } from '../autodiff/rules/index.js'
import type { Engine } from '../engine/engine.js'
import { LetheError } from '../errors.js'
import { trainable } from '../fisher/program.js'
import { bodiesOf, type Graph, type Node, nodeLabel, standardOpset, usesOf } from '../graph/graph.js'
import { writeGraph } from '../onnx/model.js'
import { type Tensor, toBytes } from '../tensor/tensor.js'
import { partFor, type Trace, takeExamples } from '../trace/trace.js'
import { findLowering } from './expansions/index.js'
import { nodeLimit, tooLong } from './limit.js'
import type { Lowering } from './lowering.js'
import { freshNames } from './splice.js'
import { Writer } from './writer.js'

/**
 * The traced graph with every composite operator that a gradient passes written in operators that have rules; the graph itself
 * where there is none. What an operator holds may be composite again (a loop in a loop): trace the result and ask again.
 *
 * Throws `rule-missing` for variants without an expansion, and for operators that a runtime has fused.
 */
export async function lower(traced: Trace, engine: Engine): Promise<Graph> {
  const { graph } = traced
  const opset = standardOpset(graph)
  const active = activeValues(graph, trainable(graph))
  const isConstant = (name: string): boolean => traced.values.get(name)?.kind === 'constant'
  const found = new Map<Node, Lowering>()
  for (const node of graph.nodes) {
    if (!usesOf(node).some((name) => active.has(name)) || node.outputs.every((name) => !name || isConstant(name)))
      continue
    if (findRule(node.domain, node.op, opset)) continue
    const lowering = findLowering(node.domain, node.op, opset)
    if (lowering) found.set(node, lowering)
    else refuseFused(node)
  }
  if (found.size === 0) return graph
  const constants = await constantsOf(traced, engine, found)
  const fresh = freshNames(graph)
  let written = 0
  const nodes = graph.nodes.flatMap((node) => {
    const lowering = found.get(node)
    if (!lowering) return [node]
    const w = new Writer(opset, fresh, nodeLabel(node))
    const outputs = lowering.expand({
      node,
      opset,
      w,
      fresh,
      I: node.inputs.map((name) => (name ? traced.values.get(name) : undefined)),
      constant: (i) => constantOf(node, i, constants),
    })
    node.outputs.forEach((name, i) => {
      const from = outputs[i]
      if (!name || from === name) return
      if (from === undefined) throw new LetheError('internal', `Output ${i} of ${node.op} was not written.`)
      w.nodes.push({
        op: 'Identity',
        domain: '',
        name: fresh(`${name}/Identity`),
        inputs: [from],
        outputs: [name],
        attributes: {},
      })
    })
    written += w.nodes.length
    if (written > nodeLimit) throw tooLong(node, written)
    return w.nodes
  })
  return { ...graph, nodes }
}

/** Domains of operators that ONNX Runtime's own optimiser writes. */
const runtimeDomain = /^com\.(microsoft|ms)\b/

function refuseFused(node: Node): void {
  if (!runtimeDomain.test(node.domain)) return
  const op = `${node.domain}.${node.op}`
  throw new LetheError(
    'rule-missing',
    `Node "${nodeLabel(node)}" is ${op}, which ONNX Runtime's optimiser fuses out of standard operators and which has no gradient here; export the model without runtime fusion (for Optimum, without --optimize).`,
    { op, node: nodeLabel(node) },
  )
}

/** Values that expansions need as numbers: the same at batch sizes 2 and 3 (or at the fixed one). */
async function constantsOf(
  traced: Trace,
  engine: Engine,
  found: ReadonlyMap<Node, Lowering>,
): Promise<ReadonlyMap<string, Tensor>> {
  const { graph } = traced
  const constants = new Map<string, Tensor>()
  const wanted = new Set<string>()
  for (const [node, { constants: places = [] }] of found) {
    for (const i of places) {
      const name = node.inputs[i]
      if (!name) continue
      const t = graph.initializers.get(name)
      if (t) constants.set(name, t)
      else if (traced.values.get(name)?.kind === 'constant') wanted.add(name)
    }
  }
  if (wanted.size === 0) return constants
  const session = await engine.createSession(writeGraph(partFor(graph, [...wanted])), {
    optimise: 'none',
    handOver: true,
  })
  try {
    const [first, second] = traced.fixedBatch === undefined ? [2, 3] : [traced.fixedBatch, traced.fixedBatch]
    const a = await session.run(takeExamples(traced.sample, [...Array(first).keys()]))
    const b = await session.run(takeExamples(traced.sample, [...Array(second).keys()]))
    for (const name of wanted) if (isSame(a[name]!, b[name]!)) constants.set(name, a[name]!)
  } finally {
    await session.release()
  }
  return constants
}

function isSame(a: Tensor, b: Tensor): boolean {
  const [x, y] = [toBytes(a.data), toBytes(b.data)]
  return x.length === y.length && x.every((v, i) => v === y[i])
}

function constantOf(node: Node, i: number, constants: ReadonlyMap<string, Tensor>): Tensor | undefined {
  const name = node.inputs[i]
  if (!name) return undefined
  const t = constants.get(name)
  if (t) return t
  throw new LetheError(
    'rule-missing',
    `Node "${nodeLabel(node)}" (${node.op}) depends on "${name}", which changes with the data${bodiesOf(node).length > 0 ? ': which nodes run is not fixed, and their gradient has no rule' : ''}. Export the model without this choice.`,
    { op: node.op, node: nodeLabel(node) },
  )
}
