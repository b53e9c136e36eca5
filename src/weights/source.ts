import { LetheError } from '../errors.js'
import type { Graph } from '../graph/graph.js'
import { isFloat, type Tensor } from '../tensor/tensor.js'

/** A floating initializer of the forgotten model, or a copy of one that an exporter hands out under a parameter's name. */
export interface Source {
  readonly name: string
  /** Names of the nodes that use it: an exporter that renames a weight keeps the path of its module there. */
  readonly uses: readonly string[]
  readonly tensor: Tensor
  /** The same before forgetting, where that model is given. */
  readonly before: Tensor | undefined
  /** True for a copy: what it is a copy of is a source too. */
  readonly isCopy: boolean
}

/**
 * Sources of a model, in the order of the file. `original` is the model before forgetting: it has each of them, as an
 * initializer or (where the exporter had merged it with an equal one) as a copy. Throws `weights-unmapped` where it lacks one.
 */
export function sourcesOf(forgotten: Graph, original?: Graph): Source[] {
  const before = original && new Map([...original.initializers, ...copiesOf(original)])
  const uses = usesOf(forgotten)
  const all = [
    ...[...forgotten.initializers].map(([name, tensor]) => ({ name, tensor, isCopy: false })),
    ...[...copiesOf(forgotten)].map(([name, tensor]) => ({ name, tensor, isCopy: true })),
  ]
  return all
    .filter(({ tensor }) => isFloat(tensor.dtype))
    .map((s) => ({ ...s, uses: uses.get(s.name) ?? [], before: before && earlier(s.name, s.tensor, before) }))
}

function earlier(name: string, now: Tensor, before: ReadonlyMap<string, Tensor>): Tensor {
  const found = before.get(name)
  if (found && found.dtype === now.dtype && found.data.length === now.data.length) return found
  const got = found ? `a ${found.dtype} [${found.dims}] there, ${now.dtype} [${now.dims}] here` : 'not there'
  throw new LetheError(
    'weights-unmapped',
    `Initializer "${name}" of the forgotten model is ${got}: --original is another model; give the one that was forgotten from.`,
    { initializers: [name] },
  )
}

/** What Identity nodes copy from initializers, by the name of the copy. */
function copiesOf(graph: Graph): Map<string, Tensor> {
  const copies = new Map<string, Tensor>()
  for (const { op, domain, inputs, outputs } of graph.nodes) {
    if (op !== 'Identity' || domain !== '') continue
    const from = graph.initializers.get(inputs[0] ?? '') ?? copies.get(inputs[0] ?? '')
    if (from && outputs[0]) copies.set(outputs[0], from)
  }
  return copies
}

function usesOf(graph: Graph): Map<string, string[]> {
  const uses = new Map<string, string[]>()
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) {
      const known = uses.get(input)
      if (known) known.push(node.name)
      else if (input) uses.set(input, [node.name])
    }
  }
  return uses
}
