import { bodiesOf, type Graph, type Node, tensorAttribute, usesOf } from '../graph/graph.js'
import { isFloat, numberAt, type Tensor } from '../tensor/tensor.js'

/** Names that PyTorch's exporter makes up; a parameter of a module has the module's name. */
const madeUp = /^(?:_?val_\d+|scalar_tensor(?:_default)?(?:_\d+)?)$/

/**
 * The graph with numbers that only look like parameters as Constant nodes, which are not the model's to train: an initializer
 * with a name made up by the exporter that is a single number by which values are multiplied or divided (the scale of an
 * attention), or the scale of ones or shift of zeros of an InstanceNormalization (a group norm is written so). A number with
 * a name of its own (a temperature) stays a parameter. The graph itself where there are none.
 */
export function withoutSettings(graph: Graph): Graph {
  const suspects = [...graph.initializers].filter(([name, t]) => madeUp.test(name) && isFloat(t.dtype))
  if (suspects.length === 0) return graph
  const uses = new Map<string, Node[]>(suspects.map(([name]) => [name, []]))
  for (const node of graph.nodes) for (const name of usesOf(node)) uses.get(name)?.push(node)
  const settings = new Map(
    suspects.filter(([name, t]) => uses.get(name)!.every((node) => isSetting(name, t, node)) && t.dims.length > 0),
  )
  if (settings.size === 0) return graph
  const constants = [...settings].map(
    ([name, t]): Node => ({
      op: 'Constant',
      domain: '',
      name: `${name}/Constant`,
      inputs: [],
      outputs: [name],
      attributes: { value: tensorAttribute(t) },
    }),
  )
  return {
    ...graph,
    nodes: [...constants, ...graph.nodes],
    initializers: new Map([...graph.initializers].filter(([name]) => !settings.has(name))),
  }
}

function isSetting(name: string, t: Tensor, node: Node): boolean {
  if (node.domain !== '' || bodiesOf(node).length > 0) return false
  if (node.op === 'Mul' || node.op === 'Div') return t.data.length === 1
  if (node.op !== 'InstanceNormalization') return false
  const fresh = node.inputs[1] === name ? 1 : 0
  return Array.from({ length: t.data.length }, (_, i) => numberAt(t, i)).every((v) => v === fresh)
}
