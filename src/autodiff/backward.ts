import { LetheError } from '../errors.js'
import { type Emitter, isExchange, type Val } from '../graph/emitter.js'
import { type Graph, type Node, nodeLabel, permOf, readersOf, standardOpset, usesOf } from '../graph/graph.js'
import type { Tensor } from '../tensor/tensor.js'
import { geluBack, spelledGelus } from './gelu.js'
import { sumOfSquares } from './ones.js'
import { sumTo, sumToEach } from './reduce-to.js'
import type { Form, Rule, RuleContext, Thunk } from './rule.js'
import { findRule } from './rules/index.js'

/** What backward must know of a value beside its shape. */
export interface ValueFacts extends Val {
  readonly kind: 'data' | 'shared' | 'constant'
  readonly batchAxis: number | undefined
}

export interface BackwardOptions {
  /** Graph with static shapes whose nodes are differentiated. */
  readonly graph: Graph
  readonly batch: number
  readonly values: ReadonlyMap<string, ValueFacts>
  /** Where the gradient nodes are written. */
  readonly emitter: Emitter
  /** Cotangents to begin with, by value name. */
  readonly seeds: ReadonlyMap<string, Val>
  /** Names of the values whose gradients are wanted: initializers or inputs. */
  readonly wanted: ReadonlySet<string>
  /**
   * `sum`: Σ_n g_n, shape of the value. `each`: g_n, [N, ...shape]. `squares`: Σ_n g_n², shape of the value; uses of one
   * parameter are added per example before squaring.
   */
  readonly form: Form | 'squares'
  /** Initializers whose values change between runs. Default none. */
  readonly varying?: ReadonlySet<string>
}

/** Values from which a wanted value is reached: gradients flow through these alone. */
export function activeValues(
  graph: Graph,
  wanted: ReadonlySet<string>,
  isOpen: (node: Node, input: number) => boolean = () => true,
): Set<string> {
  const active = new Set(wanted)
  for (const node of graph.nodes) {
    if (usesOf(node).some((name, i) => active.has(name) && isOpen(node, i))) {
      for (const output of node.outputs) if (output) active.add(output)
    }
  }
  return active
}

/**
 * Gradient nodes of a graph by reverse-mode differentiation, written into `emitter` as standard ONNX operators.
 *
 * With seeds ∂ℓ/∂y the result is, for each wanted value θ that they reach, Σ_n ∂ℓ_n/∂θ, the stack of ∂ℓ_n/∂θ, or
 * Σ_n (∂ℓ_n/∂θ)², by `form`. ℓ_n must depend on example n alone (see `trace`). A value that is not reached is missing
 * from the result: its gradient is zero.
 *
 * Throws `rule-missing` (names node and operator), `batch-axis-lost` (the forms `each` and `squares`, where the batch axis
 * is folded into another), `shape-mismatch` (a rule returned another shape: names op, input and both shapes).
 */
export function backward(options: BackwardOptions): Map<string, Val> {
  const { graph, values, emitter: e, wanted, form } = options
  const opset = standardOpset(graph)
  const active = activeValues(graph, wanted)
  const uses = countUses(graph, active)
  const cuts = cutsOf(graph, options.seeds)
  for (const node of graph.nodes) offerTurnedBack(node)
  const cotangents = new Map<string, Val>(options.seeds)
  const squares = new Map<string, Val>()
  const eachForm: Form = form === 'sum' ? 'sum' : 'each'
  const moved = form === 'squares' ? movedAlone() : new Set<string>()
  const gelus = spelledGelus(
    graph,
    (name) => facts(name).kind === 'data' && !wanted.has(name) && !options.seeds.has(name),
  )

  for (const node of graph.nodes.toReversed()) {
    const square = squares.get(node.outputs[0] ?? '')
    if (square && moved.has(node.outputs[0]!)) {
      moveBack(node, square)
      continue
    }
    const dO = node.outputs.map((name) => cotangents.get(name))
    if (dO.every((d) => d === undefined)) continue
    if (!usesOf(node).some((name) => active.has(name))) continue
    const gelu = gelus.get(node)
    if (gelu) {
      const back = (): Val => geluBack(e, dO[0]!, facts(gelu.scaled), facts(gelu.raised))
      accumulate(gelu.x, gradientOf(node, 0, gelu.x, back, false))
      continue
    }
    const rule = findRule(node.domain, node.op, opset)
    if (!rule) throw missing(node, opset)
    const isLifted = eachForm === 'each' && node.outputs.every((name) => !name || facts(name).kind === 'shared')
    if (isLifted && !rule.lifts) {
      throw new LetheError(
        'batch-axis-lost',
        `Node "${nodeLabel(node)}" (${node.op}) works on parameters alone and its rule does not keep examples apart.`,
      )
    }
    const c = context(node, rule, dO, isLifted)
    const thunks = rule.vjp(c)
    const squareThunks = form === 'squares' && !isLifted ? rule.squares?.(c) : undefined
    node.inputs.forEach((name, i) => {
      if (!name || !active.has(name)) return
      const fast = squareThunks?.[i]
      if (fast && (wanted.has(name) || moved.has(name)) && uses.get(name) === 1 && facts(name).kind === 'shared') {
        squares.set(name, checked(fast(), facts(name).dims, node, i))
        return
      }
      const thunk = thunks[i]
      if (thunk) accumulate(name, gradientOf(node, i, name, thunk, isLifted))
    })
  }

  const result = new Map<string, Val>()
  for (const name of wanted) {
    const square = squares.get(name)
    const gradient = cotangents.get(name)
    if (square) result.set(name, square)
    else if (gradient && !options.seeds.has(name)) {
      result.set(name, form === 'squares' ? sumOfSquares(e, gradient, facts(name).dims) : gradient)
    }
  }
  return result

  /** What a Transpose has turned, turned back, is what it was made of: a weight need not be held a third time. */
  function offerTurnedBack(node: Node): void {
    if (node.op !== 'Transpose' || node.domain !== '') return
    const [from, to] = [facts(node.inputs[0]!), facts(node.outputs[0]!)]
    if (isExchange(permOf(node, from.dims.length))) e.exchanged.beside(to, () => from)
  }

  /** Values that are one wanted parameter in another order or shape, used nowhere else: squares go back to it. */
  function movedAlone(): Set<string> {
    const found = new Set<string>()
    for (const node of graph.nodes) {
      const [from, to] = [node.inputs[0] ?? '', node.outputs[0] ?? '']
      const isAlone = uses.get(from) === 1 && uses.get(to) === 1 && !wanted.has(to) && !options.seeds.has(to)
      if (!isAlone || !(wanted.has(from) || found.has(from)) || facts(to).kind !== 'shared') continue
      if (findRule(node.domain, node.op, opset)?.moves) found.add(to)
    }
    return found
  }

  function moveBack(node: Node, square: Val): void {
    const name = node.inputs[0]!
    const rule = findRule(node.domain, node.op, opset)!
    const back = rule.vjp({ ...context(node, rule, [square], false), form: 'sum' })[0]!()
    squares.set(name, checked(back, facts(name).dims, node, 0))
  }

  function facts(name: string): ValueFacts {
    const known = values.get(name)
    if (!known) throw new LetheError('internal', `Value "${name}" was not traced.`)
    return known
  }

  function accumulate(name: string, gradient: Val): void {
    const known = cotangents.get(name)
    cotangents.set(name, known ? e.add(known, gradient) : gradient)
  }

  function gradientOf(node: Node, i: number, name: string, thunk: Thunk, isLifted: boolean): Val {
    const target = facts(name)
    const raw = thunk()
    if (isLifted)
      return checked(sumTo(e, raw, [options.batch, ...target.dims], 1), [options.batch, ...target.dims], node, i)
    if (target.kind !== 'shared' || eachForm === 'sum') return checked(sumTo(e, raw, target.dims), target.dims, node, i)
    const dims = [options.batch, ...target.dims]
    if (sameDims(raw.dims, dims)) return raw
    return checked(sumToEach(e, raw, batchAxisOf(node, 0), target.dims), dims, node, i)
  }

  function checked(v: Val, dims: readonly number[], node: Node, i: number): Val {
    if (sameDims(v.dims, dims)) return v
    throw new LetheError(
      'shape-mismatch',
      `Gradient of input ${i} ("${node.inputs[i]}") of ${node.op} "${nodeLabel(node)}": expected [${dims}], got [${v.dims}].`,
    )
  }

  function batchAxisOf(node: Node, o: number): number {
    const axis = facts(node.outputs[o]!).batchAxis
    return axis ?? lostBatchAxis(node, o)
  }

  function lostBatchAxis(node: Node, o: number): never {
    throw new LetheError(
      'batch-axis-lost',
      `The batch axis of "${node.outputs[o]}" (${node.op} "${nodeLabel(node)}") is folded into another axis.`,
    )
  }

  function context(node: Node, rule: Rule, dO: readonly (Val | undefined)[], isLifted: boolean): RuleContext {
    const I = node.inputs.map((name) => (name ? facts(name) : undefined))
    return {
      node,
      opset,
      e,
      form: eachForm,
      lead: isLifted ? [options.batch] : [],
      I,
      O: node.outputs.map((name) => (name ? facts(name) : undefined)),
      dO,
      batchAxis: (o = 0) => batchAxisOf(node, o),
      loseBatchAxis: () => lostBatchAxis(node, 0),
      isShared: (i) => I[i]?.kind === 'shared',
      isConstant: (i) => I[i]?.kind === 'constant',
      wants: (i) => active.has(node.inputs[i] ?? ''),
      constant(i) {
        const name = node.inputs[i]
        return name ? constantOf(name, node, rule) : undefined
      },
      fixed(i) {
        const name = node.inputs[i] ?? ''
        return options.varying?.has(name) ? undefined : graph.initializers.get(name)
      },
      shown: () => facts(cuts.get(node.outputs[0]!) ?? node.outputs[0]!),
      keepAxes(v, axes, batchAxis) {
        const kept = eachForm === 'each' ? [batchAxis ?? batchAxisOf(node, 0), ...axes] : axes
        const summed = e.reduceSum(
          v,
          v.dims.map((_, i) => i).filter((i) => !kept.includes(i)),
        )
        const order = [...kept].sort((a, b) => a - b)
        return e.transpose(
          summed,
          kept.map((axis) => order.indexOf(axis)),
        )
      },
    }
  }

  function constantOf(name: string, node: Node, rule: Rule): Tensor {
    const t = graph.initializers.get(name)
    if (t) return t
    throw new LetheError(
      'rule-missing',
      `Node "${nodeLabel(node)}" (${rule.op}) has the input "${name}" computed from data; its rule needs a constant there.`,
      { op: rule.op, node: nodeLabel(node) },
    )
  }
}

function missing(node: Node, opset: number): LetheError {
  const op = node.domain ? `${node.domain}.${node.op}` : node.op
  return new LetheError(
    'rule-missing',
    `Node "${nodeLabel(node)}" needs the gradient of ${op} (opset ${opset}), which has no rule. Freeze what lies before it, or export the model without this operator.`,
    { op, node: nodeLabel(node), opset },
  )
}

function countUses(graph: Graph, active: ReadonlySet<string>): Map<string, number> {
  const uses = new Map<string, number>()
  for (const node of graph.nodes) {
    for (const name of node.inputs) if (active.has(name)) uses.set(name, (uses.get(name) ?? 0) + 1)
  }
  return uses
}

/** Outputs of Relu and Clip by the value that they alone read. A value that gradients begin at has a cotangent that they have not cut. */
function cutsOf(graph: Graph, seeds: BackwardOptions['seeds']): Map<string, string> {
  const readers = readersOf(graph)
  const cuts = new Map<string, string>()
  for (const { op, domain, inputs, outputs } of graph.nodes) {
    const [from, to] = [inputs[0] ?? '', outputs[0] ?? '']
    const isCut = domain === '' && (op === 'Relu' || op === 'Clip')
    if (isCut && readers.get(from)?.length === 1 && !seeds.has(from)) cuts.set(from, to)
  }
  return cuts
}

function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i])
}
