import { type Node, standardOpset, usesOf } from '../graph/graph.js'
import { activeValues, type ValueFacts } from './backward.js'
import type { Stated } from './narrow.js'
import { normalisedAxes } from './rules/norm.js'

/**
 * The graph with mean and inverse deviation as outputs of every LayerNormalization that a gradient passes: the kernel has them, and the
 * rule would make them a second time. ONNX LayerNormalization-17: float32, [.., 1] over the normalised axes. (A runtime's own operator of that name,
 * in earlier opsets, is left alone.)
 */
export function withStatistics(stated: Stated, wanted: ReadonlySet<string>): Stated {
  const { graph, values } = stated
  if (standardOpset(graph) < 17) return stated
  const active = activeValues(graph, wanted)
  const known = new Map(values)
  const nodes = graph.nodes.map((node) => (isPassed(node) ? withOutputs(node) : node))
  return { graph: { ...graph, nodes }, values: known }

  function isPassed(node: Node): boolean {
    if (node.op !== 'LayerNormalization' || node.domain !== '') return false
    const x = values.get(node.inputs[0]!)
    return x?.kind === 'data' && x.dtype === 'float32' && usesOf(node).some((name) => active.has(name))
  }

  function withOutputs(node: Node): Node {
    const x = values.get(node.inputs[0]!)!
    const over = normalisedAxes(node, x)
    const facts: Omit<ValueFacts, 'name'> = { ...x, dims: x.dims.map((d, i) => (over.includes(i) ? 1 : d)) }
    const outputs = [1, 2].map((i) => {
      const name = node.outputs[i] || `lethe/statistics/${node.outputs[0]}_${i}`
      known.set(name, { ...facts, name })
      return name
    })
    return { ...node, outputs: [node.outputs[0]!, ...outputs] }
  }
}
