import type { Emitter, Val } from '../graph/emitter.js'
import { type Graph, type Node, producers, readersOf } from '../graph/graph.js'
import { sizeOf, toNumbers } from '../tensor/tensor.js'

/** y = x/2·(1 + erf(x/c)) over several nodes, as exporters write Gelu (c = √2) where the opset has none. */
export interface SpelledGelu {
  readonly x: string
  /** u = x/c. */
  readonly scaled: string
  /** 1 + erf(u). */
  readonly raised: string
}

/**
 * Gelus that a graph spells out, by the node that makes their output. `isInner` tells of which values nothing else may be asked;
 * such a value is read within its Gelu alone.
 */
export function spelledGelus(graph: Graph, isInner: (name: string) => boolean): Map<Node, SpelledGelu> {
  const found = new Map<Node, SpelledGelu>()
  const made = producers(graph)
  const readers = readersOf(graph)
  for (const erf of graph.nodes) {
    if (!is(erf, 'Erf')) continue
    const scaled = erf.inputs[0]!
    const x = scaledFrom(made.get(scaled))
    const raising = onlyReader(erf.outputs[0]!)
    if (x === undefined || onlyReader(scaled) !== erf || !is(raising, 'Add')) continue
    const raised = raising.outputs[0]!
    const last = besideNumber(raising, 1) === erf.outputs[0] ? lastOf(x, raised) : undefined
    if (last) found.set(last, { x, scaled, raised })
  }
  return found

  /** The product of x, 1/2 and the raised value, two of them multiplied first. */
  function lastOf(x: string, raised: string): Node | undefined {
    const product = onlyReader(raised)
    if (!is(product, 'Mul')) return undefined
    const other = product.inputs[product.inputs[0] === raised ? 1 : 0]!
    const half = made.get(other)
    if (is(half, 'Mul') && besideNumber(half, 0.5) === x && onlyReader(other) === product) return product
    const next = onlyReader(product.outputs[0]!)
    if (!is(next, 'Mul')) return undefined
    if (other === x) return besideNumber(next, 0.5) === product.outputs[0] ? next : undefined
    return numberOf(other) === 0.5 && next.inputs.includes(x) ? next : undefined
  }

  function scaledFrom(node: Node | undefined): string | undefined {
    if (is(node, 'Div')) return numberOf(node.inputs[1]!) === undefined ? undefined : node.inputs[0]
    return is(node, 'Mul') ? besideNumber(node) : undefined
  }

  /** Of an operator of two inputs, the input that is not the number (any, or this one); undefined where there is none. */
  function besideNumber({ inputs }: Node, wanted?: number): string | undefined {
    const at = inputs.findIndex((name) => {
      const number = numberOf(name)
      return number !== undefined && (wanted === undefined || number === wanted)
    })
    return at < 0 ? undefined : inputs[1 - at]
  }

  function numberOf(name: string): number | undefined {
    const t = graph.initializers.get(name)
    return t && sizeOf(t.dims) === 1 ? toNumbers(t)[0] : undefined
  }

  function onlyReader(name: string): Node | undefined {
    const list = readers.get(name) ?? []
    return list.length === 1 && isInner(name) ? list[0] : undefined
  }
}

/**
 * dx = dy/2·(1 + erf(u) + 2/√π·u·exp(−u²)), which is dy·dy/dx for any c: its inner products with dy, node by node, would be two more, and
 * the scales of u, twice.
 */
export function geluBack(e: Emitter, dy: Val, u: Val, raised: Val): Val {
  const bell = e.unary('Exp', e.sub(e.scalar(Math.log(2 / Math.sqrt(Math.PI)), u.dtype), e.mul(u, u)))
  const slope = e.add(raised, e.mul(u, bell))
  return e.mul(e.mul(dy, e.scalar(0.5, dy.dtype)), slope)
}

function is(node: Node | undefined, op: string): node is Node {
  return node !== undefined && node.op === op && node.domain === ''
}
