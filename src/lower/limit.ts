import { LetheError } from '../errors.js'
import { type Node, nodeLabel } from '../graph/graph.js'

/** Most nodes that the operators of a graph are written as: longer sequences and loops take too long to differentiate. */
export const nodeLimit = 16_384

/** For a sequence or loop that is too long to be written out: `rule-missing`. */
export function tooLong(node: Node, nodes: number): LetheError {
  return new LetheError(
    'rule-missing',
    `Node "${nodeLabel(node)}" (${node.op}) brings the model to ${nodes} operators when it is written out step by step, more than the ${nodeLimit} that can be differentiated; give shorter sequences.`,
    { op: node.op, node: nodeLabel(node) },
  )
}
