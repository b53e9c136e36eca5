import type { Graph, Node } from '../graph/graph.js'
import type { Tensor } from '../tensor/tensor.js'

/** A parameter that the exporter had written a second time, and the one it is a copy of. */
export interface Tied {
  readonly name: string
  readonly of: string
  readonly isTransposed: boolean
}

/**
 * Puts shared tables of embeddings together again. Language models often use the table of embeddings as the last layer, too;
 * exporters then write it twice, the second time transposed. Both are one parameter of the network: its gradient is the sum of
 * both uses, and that sum is squared. The copy becomes a Transpose (or Identity) of the table.
 *
 * A copy is the second factor of a MatMul or Gemm that equals, number for number, a table that Gather looks rows up in.
 */
export function tie(graph: Graph): { graph: Graph; tied: readonly Tied[] } {
  const tables = namesOf(graph, (n) => (n.op === 'Gather' ? n.inputs[0] : undefined))
  const factors = namesOf(graph, (n) => (n.op === 'MatMul' || n.op === 'Gemm' ? n.inputs[1] : undefined))
  const tied = [...factors].flatMap((name): Tied[] => {
    if (tables.has(name)) return []
    for (const of of tables) {
      const form = copyForm(graph.initializers.get(of)!, graph.initializers.get(name)!)
      if (form) return [{ name, of, isTransposed: form === 'transposed' }]
    }
    return []
  })
  if (tied.length === 0) return { graph, tied }
  const initializers = new Map(graph.initializers)
  const nodes = tied.map(({ name, of, isTransposed }): Node => {
    initializers.delete(name)
    const op = isTransposed ? 'Transpose' : 'Identity'
    return { op, domain: '', name: `${name}/tied`, inputs: [of], outputs: [name], attributes: {} }
  })
  return { graph: { ...graph, nodes: [...nodes, ...graph.nodes], initializers }, tied }
}

/** Initializers that are matrices and used in the given way. */
function namesOf(graph: Graph, use: (node: Node) => string | undefined): Set<string> {
  const found = graph.nodes.flatMap((n) => use(n) ?? [])
  return new Set(found.filter((name) => graph.initializers.get(name)?.dims.length === 2))
}

function copyForm(table: Tensor, other: Tensor): 'same' | 'transposed' | undefined {
  const [[rows = 0, columns = 0], [r, c]] = [table.dims, other.dims]
  if (table.dtype !== other.dtype || isUniform(table)) return undefined
  const [a, b] = [table.data, other.data]
  if (r === rows && c === columns && a.every((x, i) => x === b[i])) return 'same'
  if (r !== columns || c !== rows) return undefined
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) if (a[i * columns + j] !== b[j * rows + i]) return undefined
  }
  return 'transposed'
}

/** True for one number throughout: a fresh tensor, equal to others by nature. */
function isUniform({ data }: Tensor): boolean {
  for (let i = 1; i < data.length; i++) if (data[i] !== data[0]) return false
  return true
}
