import { type Attributes, type Graph, int, intAttribute, ints, type Node, standardOpset } from '../graph/graph.js'
import { type Tensor, tensor } from '../tensor/tensor.js'

/**
 * Softmax of rows that are masked throughout, made differentiable. Where every score of a row is −∞ (a token of left padding may
 * look at nothing), softmax is NaN; exporters put 0 in its place: w = Where(IsNaN(y), 0, y) with y = Softmax(x). The value is right,
 * but backward multiplies the NaN by a cotangent of 0, which is NaN.
 *
 * Such a row is given the scores 0 before the softmax: dead = ¬(max x > −∞), y = Softmax(Where(dead, 0, x)),
 * w = Where(dead ∨ IsNaN(y), 0, y). Values are as before, and so are gradients where they were numbers.
 */
export function openMaskedRows(graph: Graph): Graph {
  const opset = standardOpset(graph)
  const users = usersOf(graph)
  const initializers = new Map(graph.initializers)
  const outputs = new Set(graph.outputs.map((o) => o.name))
  const changed = new Map<Node, Node[]>()
  for (const softmax of graph.nodes) {
    const [x = '', y = ''] = [softmax.inputs[0], softmax.outputs[0]]
    // Opset 13: a softmax over one axis, and operators that broadcast as below.
    if (softmax.op !== 'Softmax' || softmax.domain !== '' || opset < 13 || intAttribute(softmax, 'axis', -1) !== -1)
      continue
    const of = users.get(y) ?? []
    const isNan = of.find((n) => n.op === 'IsNaN')
    const where = of.find((n) => n.op === 'Where' && n.inputs[0] === isNan?.outputs[0] && n.inputs[2] === y)
    if (!isNan || !where || of.length !== 2 || outputs.has(y)) continue
    const name = (part: string): string => `${y}/${part}`
    const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): Node => {
      return { op, domain: '', name: output, inputs, outputs: [output], attributes }
    }
    const constant = (part: string, value: Tensor): string => {
      initializers.set(name(part), value)
      return name(part)
    }
    const axes = opset >= 18 ? [constant('axes', tensor('int64', [1], BigInt64Array.of(-1n)))] : []
    const least = constant('least', tensor('float32', [], Float32Array.of(Number.NEGATIVE_INFINITY)))
    const zero = constant('zero', tensor('float32', [], Float32Array.of(0)))
    changed.set(softmax, [
      node(
        'ReduceMax',
        [x, ...axes],
        name('top'),
        opset >= 18 ? { keepdims: int(1) } : { axes: ints([-1]), keepdims: int(1) },
      ),
      node('Greater', [name('top'), least], name('alive')),
      node('Not', [name('alive')], name('dead')),
      node('Where', [name('dead'), zero, x], name('open')),
      { ...softmax, inputs: [name('open')] },
    ])
    const either = name('either')
    changed.set(where, [
      node('Or', [name('dead'), isNan.outputs[0]!], either),
      { ...where, inputs: [either, where.inputs[1]!, y] },
    ])
  }
  if (changed.size === 0) return graph
  return { ...graph, nodes: graph.nodes.flatMap((n) => changed.get(n) ?? [n]), initializers }
}

function usersOf(graph: Graph): Map<string, Node[]> {
  const users = new Map<string, Node[]>()
  for (const node of graph.nodes) {
    for (const name of new Set(node.inputs)) users.set(name, [...(users.get(name) ?? []), node])
  }
  return users
}
