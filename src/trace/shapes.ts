import { type Graph, intAttribute, type Node } from '../graph/graph.js'
import { sizeOf, type Tensor, tensor, toInt64 } from '../tensor/tensor.js'

/** Operators whose result says only how large their input is. */
export const shapeOps: ReadonlySet<string> = new Set(['Shape', 'Size'])

/**
 * The graph with the results of Shape and Size as initializers where the shapes are known, and those results by name. What is
 * computed from shapes alone can then be run without the model itself.
 */
export function withKnownShapes(
  graph: Graph,
  dimsOf: (name: string) => readonly number[] | undefined,
): { graph: Graph; known: ReadonlyMap<string, Tensor> } {
  const known = new Map<string, Tensor>()
  const nodes = graph.nodes.filter((node) => {
    const dims = node.domain === '' && shapeOps.has(node.op) ? dimsOf(node.inputs[0] ?? '') : undefined
    if (dims) known.set(node.outputs[0]!, shapeOf(node, dims))
    return !dims
  })
  return { graph: { ...graph, nodes, initializers: new Map([...graph.initializers, ...known]) }, known }
}

/** ONNX Shape-15 (`start` and `end` count from behind where negative, and are cut to the rank), Size-13. */
function shapeOf(node: Node, dims: readonly number[]): Tensor {
  if (node.op === 'Size') return tensor('int64', [], BigInt64Array.of(toInt64(sizeOf(dims))))
  const part = dims.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', dims.length))
  return tensor('int64', [part.length], BigInt64Array.from(part, toInt64))
}
