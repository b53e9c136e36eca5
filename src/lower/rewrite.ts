import { type Graph, int, intAttribute, ints, type Node } from '../graph/graph.js'
import { inlineFunctions } from './functions.js'
import { withoutSequences } from './sequences.js'
import { withoutSettings } from './settings.js'
import { type Fresh, freshNames } from './splice.js'

/**
 * The graph with all that can be written out before any shape is known: local functions inlined, sequences of
 * tensors taken apart, numbers that only look like parameters made constants, recurrent layers with
 * examples first (layout 1, which runtimes lack) as the usual ones between transpositions. The graph itself where nothing is.
 */
export function rewrite(source: Graph): Graph {
  const graph = withoutSettings(withoutSequences(inlineFunctions(source)))
  if (!graph.nodes.some(isExamplesFirst)) return graph
  const fresh = freshNames(graph)
  return { ...graph, nodes: graph.nodes.flatMap((node) => (isExamplesFirst(node) ? timeFirst(node, fresh) : [node])) }
}

const recurrent = new Set(['LSTM', 'GRU', 'RNN'])

function isExamplesFirst(node: Node): boolean {
  return node.domain === '' && recurrent.has(node.op) && intAttribute(node, 'layout', 0) === 1
}

/** X, initial_h and initial_c [N, ·, ·] to the front axis 1; Y [T, D, N, H] and Y_h, Y_c [D, N, H] back. ONNX LSTM-14. */
function timeFirst(node: Node, fresh: Fresh): Node[] {
  const before: Node[] = []
  const after: Node[] = []
  const transpose = (from: string, to: string, perm: readonly number[]): Node => ({
    op: 'Transpose',
    domain: '',
    name: to,
    inputs: [from],
    outputs: [to],
    attributes: { perm: ints(perm) },
  })
  const inputs = node.inputs.map((name, i) => {
    if (!name || ![0, 5, 6].includes(i)) return name
    const turned = fresh(`${name}/time_first`)
    before.push(transpose(name, turned, [1, 0, 2]))
    return turned
  })
  const outputs = node.outputs.map((name, i) => {
    if (!name) return name
    const turned = fresh(`${name}/time_first`)
    after.push(transpose(turned, name, i === 0 ? [2, 0, 1, 3] : [1, 0, 2]))
    return turned
  })
  return [...before, { ...node, inputs, outputs, attributes: { ...node.attributes, layout: int(0) } }, ...after]
}
