import { numberAt, type Tensor } from '../tensor/tensor.js'
import type { Graph } from './graph.js'

/** A parameter that the exporter had merged with another of equal value, and where it lies. */
export interface Untied {
  readonly name: string
  readonly from: string
}

/**
 * Tells merged parameters from shared ones. Exporters store equal initializers once and hand out copies through Identity
 * nodes. Trained weights are never equal by chance, so where the merged tensor is one number throughout (a fresh bias or
 * scale) its copies were parameters of their own and become initializers again; a copy of anything else is one parameter
 * used twice and stays an alias. A single number says less: it counts as fresh where it is a round one (0, 1, 0.25).
 */
export function untie(graph: Graph): { graph: Graph; untied: readonly Untied[] } {
  const initializers = new Map(graph.initializers)
  const untied: Untied[] = []
  const nodes = graph.nodes.filter((node) => {
    const [from, name] = [node.inputs[0] ?? '', node.outputs[0] ?? '']
    const source = graph.initializers.get(from)
    if (node.op !== 'Identity' || node.domain !== '' || !source || !isFresh(source)) return true
    if (graph.outputs.some((o) => o.name === name)) return true
    initializers.set(name, { ...source, data: source.data.slice() } as Tensor)
    untied.push({ name, from })
    return false
  })
  return untied.length > 0 ? { graph: { ...graph, nodes, initializers }, untied } : { graph, untied }
}

function isFresh(t: Tensor): boolean {
  if (t.data.length === 0) return false
  const first = numberAt(t, 0)
  if (t.data.length === 1) return isRound(first)
  // Most tensors end here at the second entry: tables of embeddings are large.
  for (let i = 1; i < t.data.length; i++) if (numberAt(t, i) !== first) return false
  return true
}

/** True for numbers of at most eight binary digits: a trained float32 has 24. */
function isRound(value: number): boolean {
  const exponent = Math.floor(Math.log2(Math.abs(value)))
  return value === 0 || Number.isInteger(value * 2 ** (7 - exponent))
}
