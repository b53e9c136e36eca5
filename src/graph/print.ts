import type { Attribute, Graph, Node } from './graph.js'

/** A graph as text, one node a line, for people and for inline snapshots. */
export function printGraph(graph: Graph): string {
  const lines = [
    ...graph.inputs.map((v) => `input ${v.name}: ${v.dtype ?? '?'}[${v.dims.map((d) => d ?? '?').join(', ')}]`),
    ...[...graph.initializers].map(([name, t]) => `initializer ${name}: ${t.dtype}[${t.dims.join(', ')}]`),
    ...graph.nodes.map(printNode),
    ...graph.outputs.map((v) => `output ${v.name}`),
  ]
  return lines.join('\n')
}

/** One node as text: `y = Conv(x, w) {pads=[1, 1, 1, 1]}`. */
export function printNode(node: Node): string {
  const attributes = Object.entries(node.attributes).map(([name, a]) => `${name}=${printAttribute(a)}`)
  const suffix = attributes.length > 0 ? ` {${attributes.join(', ')}}` : ''
  const domain = node.domain ? `${node.domain}.` : ''
  return `${node.outputs.join(', ')} = ${domain}${node.op}(${node.inputs.join(', ')})${suffix}`
}

function printAttribute(a: Attribute): string {
  switch (a.kind) {
    case 'ints':
    case 'floats':
    case 'strings':
      return `[${a.value.join(', ')}]`
    case 'tensor':
      return `${a.value.dtype}[${a.value.dims.join(', ')}]`
    case 'graph':
      return `{${a.value.nodes.map(printNode).join('; ')}}`
    case 'reference':
      return `@${a.value}`
    case 'opaque':
      return '…'
    default:
      return String(a.value)
  }
}
