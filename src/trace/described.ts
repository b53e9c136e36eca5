import type { PartContext } from '../autodiff/parts.js'
import type { Tensors } from '../engine/engine.js'
import { LetheError } from '../errors.js'
import type { Val } from '../graph/emitter.js'
import { type Graph, type Node, standardOpset, usesOf } from '../graph/graph.js'
import type { DataType, Tensor } from '../tensor/tensor.js'
import { agrees, innerOf, near, numbersOf, partsOfFirst } from './alike.js'
import { type Form, type Growth, inheritedFold, keepsApart } from './follow.js'

/**
 * Where a value comes from. `data`: depends on the examples. `shared`: made of trainable initializers alone, the same for
 * every example. `constant`: neither, which holds for every shape computation once the batch size is fixed.
 */
export type ValueKind = 'data' | 'shared' | 'constant'

/** What running the model has shown of one value, at any batch size B: dims[i] = slope[i]·B + offset[i]. */
export interface TracedValue {
  readonly name: string
  readonly dtype: DataType
  readonly kind: ValueKind
  readonly slope: readonly number[]
  readonly offset: readonly number[]
  /** The only axis that grows counts the examples: example 0 was found at its places in every run. */
  readonly isSeparate: boolean
  /**
   * Set where the only axis that grows holds the examples between others, [P·B·Q]: example n at ((p·B + n)·Q + q). `inner` is Q,
   * slope[axis] is P·Q. Looked for where the value meets parameters, and only where one Q alone fits.
   */
  readonly fold?: { readonly axis: number; readonly inner: number }
}

const unknown: Growth = { slope: [], isSteady: false, isSeparate: false }

/** What is known of the runs when values are described. */
export interface Runs {
  readonly graph: Graph
  readonly measured: ReadonlySet<Node>
  readonly sizes: readonly number[]
  readonly orders: readonly (readonly number[])[]
  readonly kinds: ReadonlyMap<string, ValueKind>
  readonly forms: readonly ReadonlyMap<string, Form>[]
  readonly fed: readonly [Tensors, Tensors]
}

/**
 * Every value as it was looked at (`looked`, by name), or as it follows from its inputs. Values are `unclear` where that says too little:
 * they have to be looked at, too.
 */
export function described(
  { graph, measured, sizes, orders, kinds, forms, fed }: Runs,
  looked: ReadonlyMap<string, readonly [Tensor, Tensor]>,
): { values: Map<string, TracedValue>; unclear: string[] } {
  const opset = standardOpset(graph)
  const meeting = meetingParameters(graph, kinds)
  const values = new Map<string, TracedValue>()
  const growths = new Map<string, Growth>()
  const unclear: string[] = []
  const growthsOf = (node: Node): (Growth | undefined)[] =>
    node.inputs.map((name) => (name === '' ? undefined : (growths.get(name) ?? unknown)))
  for (const [name, t] of graph.initializers) add(name, [t, t])
  for (const { name } of graph.inputs) add(name, [fed[0][name]!, fed[1][name]!])
  for (const node of graph.nodes) {
    for (const name of node.outputs) if (forms[0]!.has(name)) add(name, looked.get(name), node)
  }
  return { values, unclear }

  function add(name: string, tensors: readonly [Tensor, Tensor] | undefined, node?: Node): void {
    const [a, b] = tensors ?? [forms[0]!.get(name)!, forms[1]!.get(name)!]
    if (a.dims.length !== b.dims.length) {
      throw new LetheError('model-unsupported', `The rank of value "${name}" changes with the batch size.`)
    }
    const slope = a.dims.map((d, i) => (sizes.length === 1 ? 0 : b.dims[i]! - d))
    const offset = a.dims.map((d, i) => d - slope[i]! * sizes[0]!)
    const axis = slope.findIndex((grows) => grows !== 0)
    const kind = kinds.get(name) ?? 'data'
    const isFolded = slope[axis]! > 1 && offset[axis] === 0 && slope.every((s, i) => i === axis || s === 0)
    const { isSeparate, isSteady, inner } = tensors
      ? seenIn(tensors, axis, { isData: kind === 'data', isFolded: isFolded && meeting.has(name) })
      : following(node!, { ...a, name }, axis, isFolded)
    const isUnclear = axis < 0 ? kind === 'data' && !isSteady : !isSeparate || (isFolded && meeting.has(name) && !inner)
    const isOpen = !tensors && isUnclear && measured.has(node!)
    if (isOpen) unclear.push(name)
    const fold = inner && { axis, inner }
    // What is made of it need not be looked at, too, where all turns out well.
    growths.set(name, {
      slope,
      isSeparate: isSeparate || isOpen,
      isSteady: axis < 0 && (kind !== 'data' || isSteady || isOpen),
      ...(fold && { fold }),
    })
    values.set(name, {
      name,
      dtype: a.dtype,
      kind,
      slope,
      offset,
      isSeparate,
      ...(fold && meeting.has(name) && { fold }),
    })
  }

  interface Found {
    readonly isSeparate: boolean
    readonly isSteady: boolean
    readonly inner: number | undefined
  }

  function seenIn(tensors: readonly [Tensor, Tensor], axis: number, is: { isData: boolean; isFolded: boolean }): Found {
    const isSeparate = (): boolean =>
      agrees(
        tensors.flatMap((t, run) => partsOfFirst(t, axis, orders[run]!)),
        near,
      )
    return {
      isSeparate: axis >= 0 && isSeparate(),
      isSteady: axis < 0 && (!is.isData || agrees(tensors.map(numbersOf), near)),
      inner: is.isFolded ? innerOf(tensors, axis, orders) : undefined,
    }
  }

  function following(node: Node, O: Val, axis: number, isFolded: boolean): Found {
    const c: PartContext = {
      node,
      opset,
      I: node.inputs.map(valOf),
      O,
      constant: (i) => constantOf(node.inputs[i] ?? ''),
    }
    const inputs = growthsOf(node)
    return {
      isSeparate: axis >= 0 && keepsApart(c, axis, inputs),
      isSteady: inputs.every((input) => !input || input.isSteady),
      inner: isFolded ? inheritedFold(c, axis, inputs) : undefined,
    }
  }

  function valOf(name: string): Val | undefined {
    const form = name === '' ? undefined : forms[0]!.get(name)
    return form && { name, dtype: form.dtype, dims: form.dims }
  }

  /** A constant that both runs agree on. */
  function constantOf(name: string): Tensor | undefined {
    const found = graph.initializers.get(name)
    if (found || kinds.get(name) !== 'constant') return found
    const [a, b] = looked.get(name) ?? []
    return a && b && agrees([numbersOf(a), numbersOf(b)], { share: 0, floor: 0 }) ? a : undefined
  }
}

/** Inputs and outputs of the operators that take parameters, beside the parameters. */
export function meetingParameters(graph: Graph, kinds: ReadonlyMap<string, ValueKind>): Set<string> {
  const nodes = graph.nodes.filter((node) => usesOf(node).some((name) => kinds.get(name) === 'shared'))
  return new Set(nodes.flatMap((node) => [...usesOf(node), ...node.outputs]))
}
