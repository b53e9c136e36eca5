import { floatAttribute, type Graph, int, intAttribute, type Node, nodeLabel, standardOpset } from '../graph/graph.js'
import type { Trace, TracedValue } from '../trace/trace.js'
import { type Fresh, freshNames } from './splice.js'
import { Writer } from './writer.js'

/** What a form of unfolding sees: the node, what was observed of its inputs and outputs, and where to write. */
interface Folded {
  readonly node: Node
  readonly w: Writer
  readonly I: readonly (TracedValue | undefined)[]
}

/** Writes the node on unfolded values and returns its output, unfolded; undefined where it cannot. */
type Unfolding = (c: Folded) => string | undefined

const elementwise = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'PRelu']
const normalisations = ['LayerNormalization', 'RMSNormalization']

const unfoldings: ReadonlyMap<string, Unfolding> = new Map([
  ['Gemm', gemm],
  ['MatMul', matmul],
  ['Gather', gather],
  ...elementwise.map((op): [string, Unfolding] => [op, broadcast]),
  ...normalisations.map((op): [string, Unfolding] => [op, normalise]),
])

/**
 * The traced graph with examples on an axis of their own wherever parameters meet values that have them folded into another one:
 * tokens of all examples as the rows of one matrix [N·T, K], windows of pictures [N·W, T, K], sequence-first rows [T·N, K].
 * There the operator is written between two reshapes, [P·N·Q, …] → [P, N, Q, …] and back; numbers stay as they are. Gradients of
 * examples can then be kept apart in a batch. The graph itself where there is nothing to unfold.
 */
export function unfold(traced: Trace): Graph {
  const { graph, values } = traced
  const fresh = freshNames(graph)
  let isChanged = false
  const nodes = graph.nodes.flatMap((node) => {
    const written = unfolded(node, values, standardOpset(graph), fresh)
    if (written) isChanged = true
    return written ?? [node]
  })
  return isChanged ? { ...graph, nodes } : graph
}

function unfolded(
  node: Node,
  values: ReadonlyMap<string, TracedValue>,
  opset: number,
  fresh: Fresh,
): Node[] | undefined {
  const form = node.domain === '' ? unfoldings.get(node.op) : undefined
  const output = values.get(node.outputs[0] ?? '')
  if (!form || !output?.fold || node.outputs.slice(1).some((name) => name)) return undefined
  const I = node.inputs.map((name) => (name ? values.get(name) : undefined))
  if (!I.some((v) => v?.kind === 'shared')) return undefined
  const w = new Writer(opset, fresh, nodeLabel(node))
  const result = form({ node, w, I })
  if (result === undefined) return undefined
  const { axis } = output.fold
  const back = w.ints(output.offset.map((d, i) => (i === axis ? -1 : d)))
  return [
    ...w.nodes,
    {
      op: 'Reshape',
      domain: '',
      name: fresh(`${node.name}/fold`),
      inputs: [result, back],
      outputs: [node.outputs[0]!],
      attributes: {},
    },
  ]
}

/** Axes that a folded one becomes: [P, N, Q] without those of one; −1 is N. */
function partsOf({ slope, fold }: TracedValue): number[] {
  const { axis, inner } = fold!
  return [slope[axis]! / inner, -1, inner].filter((d) => d !== 1)
}

/** A folded input on its unfolded axes. */
function open({ w }: Folded, v: TracedValue): string {
  const { axis } = v.fold!
  return w.reshape(v.name, [...v.offset.slice(0, axis), ...partsOf(v), ...v.offset.slice(axis + 1)])
}

/** Y [M, O] = α·A·B' + β·C with the rows of A folded. ONNX Gemm-13. */
function gemm(c: Folded): string | undefined {
  const { node, w, I } = c
  const [A, B, C] = I
  if (A?.fold?.axis !== 0 || B?.kind !== 'shared' || intAttribute(node, 'transA', 0) === 1) return undefined
  if (C && (C.kind === 'data' || (C.offset.length === 2 && C.offset[0] !== 1))) return undefined
  const factor = intAttribute(node, 'transB', 0) === 1 ? w.transpose(B.name, [1, 0]) : B.name
  const y = w.scale(w.matmul(open(c, A), factor), floatAttribute(node, 'alpha', 1))
  return C ? w.add(y, w.scale(C.name, floatAttribute(node, 'beta', 1))) : y
}

/** A product with a weight matrix on one side, examples on an axis that the other side has in front. ONNX MatMul-13. */
function matmul(c: Folded): string | undefined {
  const { w, I } = c
  const [A, B] = I
  if (A?.fold && B?.kind === 'shared' && B.offset.length === 2 && A.fold.axis < A.offset.length - 1)
    return w.matmul(open(c, A), B.name)
  if (B?.fold && A?.kind === 'shared' && A.offset.length === 2 && B.fold.axis < B.offset.length - 2)
    return w.matmul(A.name, open(c, B))
  return undefined
}

/** Rows of a table for folded indices. ONNX Gather-13. */
function gather(c: Folded): string | undefined {
  const [table, indices] = c.I
  if (table?.kind !== 'shared' || !indices?.fold) return undefined
  return c.w.op('Gather', [table.name, open(c, indices)], c.node.attributes)
}

/** An elementwise operator of folded data and a parameter that broadcasts over its folded axis. */
function broadcast(c: Folded): string | undefined {
  const { node, w, I } = c
  const at = I.findIndex((v) => v?.fold)
  const [data, other] = [I[at], I[1 - at]]
  if (I.length !== 2 || !data?.fold || other?.kind !== 'shared') return undefined
  const place = data.fold.axis - (data.offset.length - other.offset.length)
  // A parameter of higher rank, or one that would differ along the folded axis, is none that examples share.
  if (other.offset.length > data.offset.length || (place >= 0 && other.offset[place] !== 1)) return undefined
  const ones = partsOf(data).map(() => 1)
  const fitted =
    place < 0
      ? other.name
      : w.reshape(other.name, [...other.offset.slice(0, place), ...ones, ...other.offset.slice(place + 1)])
  const opened = open(c, data)
  return w.op(node.op, at === 0 ? [opened, fitted] : [fitted, opened], node.attributes)
}

/** A normalisation over axes behind the folded one. ONNX LayerNormalization-17, RMSNormalization-23. */
function normalise(c: Folded): string | undefined {
  const { node, w, I } = c
  const [x, ...shared] = I
  if (!x?.fold || shared.some((v) => v?.kind === 'data')) return undefined
  const axis = intAttribute(node, 'axis', -1)
  const front = axis < 0 ? axis + x.offset.length : axis
  if (front <= x.fold.axis) return undefined
  const moved = front + partsOf(x).length - 1
  return w.op(node.op, [open(c, x), ...shared.map((v) => v?.name)], { ...node.attributes, axis: int(moved) })
}
