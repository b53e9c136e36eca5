import { type DataType, isFloat, type Tensor, toFloat32 } from '../tensor/tensor.js'
import { onnxTypeCode } from './emitter.js'
import { type Attribute, bodiesOf, type Graph, int, intAttribute, type Node, type ValueInfo } from './graph.js'

const isOther = (dtype: DataType | undefined): boolean => dtype !== undefined && dtype !== 'float32' && isFloat(dtype)

/**
 * The same graph computing in float32: float16, bfloat16 and float64 weights, constants, inputs and casts become float32.
 * Returns the graph itself where it already does. Importances are taken on this graph; the file keeps its own types.
 */
export function inFloat32(graph: Graph): Graph {
  const isPlain =
    ![...graph.initializers.values()].some((t) => isOther(t.dtype)) &&
    !graph.inputs.some((v) => isOther(v.dtype)) &&
    !graph.nodes.some(
      (n) => n.op === 'Cast' || n.op === 'Constant' || n.op === 'ConstantOfShape' || bodiesOf(n).length > 0,
    )
  if (isPlain) return graph
  return {
    ...graph,
    initializers: new Map([...graph.initializers].map(([name, t]) => [name, convert(t)])),
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map(convertNode),
  }
}

function convert(t: Tensor): Tensor {
  return isOther(t.dtype) ? { dtype: 'float32', dims: t.dims, data: toFloat32(t) } : t
}

function info(v: ValueInfo): ValueInfo {
  return isOther(v.dtype) ? { ...v, dtype: 'float32' } : v
}

const otherCodes = new Set([onnxTypeCode.float16, onnxTypeCode.bfloat16, onnxTypeCode.float64])

function convertNode(node: Node): Node {
  if (bodiesOf(node).length > 0) {
    const attributes = Object.entries(node.attributes).map(([name, a]): [string, Attribute] => [
      name,
      a.kind === 'graph' ? { ...a, value: inFloat32(a.value) } : a,
    ])
    return { ...node, attributes: Object.fromEntries(attributes) }
  }
  const { value } = node.attributes
  if (value?.kind === 'tensor' && isOther(value.value.dtype)) {
    return { ...node, attributes: { ...node.attributes, value: { kind: 'tensor', value: convert(value.value) } } }
  }
  if (node.op === 'Cast' && otherCodes.has(intAttribute(node, 'to', 0))) {
    return { ...node, attributes: { ...node.attributes, to: int(onnxTypeCode.float32) } }
  }
  return node
}
