import { type Graph, int, intAttribute, type Node, producers, standardOpset, tensorAttribute } from '../graph/graph.js'
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js'
import { type Fresh, freshNames } from './splice.js'

/**
 * The graph with sequences of tensors taken away where what is in them is known: an element of a tensor split at constant
 * places is a Slice, an element of a construction is what it was made of, and joining a construction is Concat. (PyTorch's
 * exporter writes `chunk` and `split` so.) What is not known stays, and the runtime or `trace` refuses it by name.
 * The graph itself where there are none. ONNX SplitToSequence-11, SequenceAt-11, SequenceConstruct-11, ConcatFromSequence-11.
 */
export function withoutSequences(graph: Graph): Graph {
  // Squeeze and Unsqueeze take their axes as an input since opset 13.
  if (standardOpset(graph) < 13) return graph
  if (!graph.nodes.some((node) => node.op === 'SequenceAt' || node.op === 'ConcatFromSequence')) return graph
  const made = producers(graph)
  const fresh = freshNames(graph)
  const constant = (name: string | undefined): Tensor | undefined => {
    const node = made.get(name ?? '')
    if (node?.op === 'Identity') return constant(node.inputs[0])
    const value = node?.op === 'Constant' ? Object.values(node.attributes)[0] : undefined
    if (value?.kind === 'tensor') return value.value
    if (value?.kind === 'int') return tensor('int64', [], BigInt64Array.of(BigInt(value.value)))
    if (value?.kind === 'ints') return tensor('int64', [value.value.length], BigInt64Array.from(value.value, BigInt))
    return graph.initializers.get(name ?? '')
  }
  const look = { source: (name: string | undefined) => made.get(name ?? ''), constant, fresh }
  const nodes = graph.nodes.flatMap((node) => elementOf(node, look) ?? joined(node, look) ?? [node])
  return { ...graph, nodes: withoutUnread(nodes, graph) }
}

interface Look {
  source(name: string | undefined): Node | undefined
  constant(name: string | undefined): Tensor | undefined
  readonly fresh: Fresh
}

function node(op: string, inputs: readonly string[], output: string, attributes: Node['attributes'] = {}): Node {
  return { op, domain: '', name: `${output}/${op}`, inputs, outputs: [output], attributes }
}

function elementOf(at: Node, look: Look): Node[] | undefined {
  if (at.op !== 'SequenceAt') return undefined
  const source = look.source(at.inputs[0])
  const index = look.constant(at.inputs[1])
  if (!source || !index) return undefined
  const [i] = toNumbers(index) as [number]
  const output = at.outputs[0]!
  if (source.op === 'SequenceConstruct') {
    const element = source.inputs.at(i)
    return element === undefined ? undefined : [node('Identity', [element], output)]
  }
  if (source.op !== 'SplitToSequence') return undefined
  const bounds = boundsOf(source, i, look)
  if (!bounds) return undefined
  const axis = intAttribute(source, 'axis', 0)
  const isDropped = !source.inputs[1] && intAttribute(source, 'keepdims', 1) === 0
  const whole = isDropped ? look.fresh(`${output}/kept`) : output
  const lists = [bounds.start, bounds.end, axis].map((value) => constantNode(value, output, look))
  const slice = node('Slice', [source.inputs[0]!, ...lists.map((n) => n.outputs[0]!)], whole)
  const dropped = isDropped ? [node('Squeeze', [whole, lists[2]!.outputs[0]!], output)] : []
  return [...lists, slice, ...dropped]
}

function constantNode(value: number, output: string, look: Look): Node {
  const t = tensor('int64', [1], BigInt64Array.of(BigInt(value)))
  const name = look.fresh(`${output}/at`)
  return node('Constant', [], name, { value: tensorAttribute(t) })
}

/** Where element i lies along the axis; undefined where that depends on a length that is not known here. */
function boundsOf(split: Node, i: number, look: Look): { start: number; end: number } | undefined {
  if (!split.inputs[1]) return i >= 0 ? { start: i, end: i + 1 } : undefined
  const sizes = look.constant(split.inputs[1])
  if (!sizes) return undefined
  const numbers = toNumbers(sizes)
  if (sizes.dims.length === 0) return i >= 0 ? { start: i * numbers[0]!, end: (i + 1) * numbers[0]! } : undefined
  const at = i < 0 ? i + numbers.length : i
  if (at < 0 || at >= numbers.length) return undefined
  const start = numbers.slice(0, at).reduce((a, b) => a + b, 0)
  return { start, end: start + numbers[at]! }
}

function joined(concat: Node, look: Look): Node[] | undefined {
  if (concat.op !== 'ConcatFromSequence') return undefined
  const source = look.source(concat.inputs[0])
  if (source?.op !== 'SequenceConstruct') return undefined
  const axis = intAttribute(concat, 'axis', 0)
  const output = concat.outputs[0]!
  if (intAttribute(concat, 'new_axis', 0) === 0) return [node('Concat', source.inputs, output, { axis: int(axis) })]
  const place = constantNode(axis, output, look)
  const parts = source.inputs.map((name) => node('Unsqueeze', [name, place.outputs[0]!], look.fresh(`${output}/part`)))
  const names = parts.map((n) => n.outputs[0]!)
  return [place, ...parts, node('Concat', names, output, { axis: int(axis) })]
}

/** Sequences that nobody reads any more are left out: the runtime cannot show them. */
function withoutUnread(nodes: readonly Node[], graph: Graph): Node[] {
  const read = new Set([...nodes.flatMap((n) => n.inputs), ...graph.outputs.map((v) => v.name)])
  const isSequence = (n: Node): boolean => n.op === 'SplitToSequence' || n.op === 'SequenceConstruct'
  return nodes.filter((n) => !isSequence(n) || n.outputs.some((name) => read.has(name)))
}
