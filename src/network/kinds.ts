import { LetheError } from '../errors.js'
import type { Graph, Node } from '../graph/graph.js'
import type { Network } from './network.js'

/** What a parameter is for: scale and shift of a normalisation, a bias, a table of embeddings, or a plain weight. */
export const parameterKinds = ['norm', 'bias', 'embedding', 'weight'] as const
export type ParameterKind = (typeof parameterKinds)[number]

/** Kinds of all parameters of a network, by how the graph uses them (the first use decides), through Identity and casts. */
export function kindsOf(network: Network): Map<string, ParameterKind> {
  const uses = firstUses(network.graph)
  return new Map(network.parameters.map(({ name, dims }) => [name, kindOf(uses.get(name), dims)]))
}

interface Use {
  readonly node: Node
  readonly input: number
}

const passing = new Set(['Identity', 'Cast', 'Transpose', 'Reshape', 'Unsqueeze', 'Squeeze', 'Split'])

function firstUses(graph: Graph): Map<string, Use> {
  const uses = new Map<string, Use>()
  // From the end, so that what a passing node makes is known before the node itself.
  for (const node of graph.nodes.toReversed()) {
    node.inputs.forEach((name, input) => {
      if (!name) return
      const through = passing.has(node.op) && input === 0 ? uses.get(node.outputs[0] ?? '') : undefined
      uses.set(name, through ?? { node, input })
    })
  }
  return uses
}

function kindOf(use: Use | undefined, dims: readonly number[]): ParameterKind {
  const op = use?.node.op ?? ''
  if (/Normalization$/.test(op)) return 'norm'
  if (op === 'Gather' && use?.input === 0) return 'embedding'
  if ((op === 'Conv' || op === 'ConvTranspose' || op === 'Gemm') && use?.input === 2) return 'bias'
  return op === 'Add' && dims.filter((d) => d > 1).length <= 1 ? 'bias' : 'weight'
}

/** Which parameters may change: those of `only` (all where it is empty) without those of `except`. */
export interface ParameterChoice {
  readonly only?: readonly string[]
  readonly except?: readonly string[]
}

/**
 * Names of the parameters that a choice leaves. A pattern is a name, a glob (`*` stands for any characters: `layer4.*`), or a kind
 * (`norm`, `bias`, `embedding`, `weight`). Throws `usage` for a pattern that fits nothing, and where nothing is left.
 */
export function chooseParameters(network: Network, { only = [], except = [] }: ParameterChoice): Set<string> {
  const kinds = kindsOf(network)
  const names = [...kinds.keys()]
  const matching = (pattern: string): string[] => {
    const glob = new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`)
    const found = names.filter((name) => kinds.get(name) === pattern || glob.test(name))
    if (found.length > 0) return found
    throw new LetheError(
      'usage',
      `No parameter is called "${pattern}"; give a name, a pattern such as "${names[0]?.split('.')[0] ?? 'layer'}.*", or a kind (${parameterKinds.join(', ')}). lethe inspect lists the names.`,
      { pattern },
    )
  }
  const chosen = new Set(only.length > 0 ? only.flatMap(matching) : names)
  for (const name of except.flatMap(matching)) chosen.delete(name)
  if (chosen.size > 0) return new Set(names.filter((name) => chosen.has(name)))
  throw new LetheError('usage', '--only and --except leave no parameter that may change.')
}

function escaped(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
}
