import type { Emitter, Val } from '../../graph/emitter.js'
import { text } from '../../graph/graph.js'
import { sizeOf, tensor } from '../../tensor/tensor.js'
import { constantNumbers, dy, input, intOf, positiveAxis, type Rule, type RuleContext } from '../rule.js'

/** Largest one-hot matrix that is multiplied with where the opset could scatter instead. */
const maxOneHot = 2 ** 18

/** Picking elements by index. */
export const gather: readonly Rule[] = [
  {
    // y = x[.., indices, ..] along `axis`. ONNX Gather-13.
    op: 'Gather',
    since: 1,
    lifts: true,
    vjp: (c) => [() => (staysApart(c) ? byConstant(c) : byValue(c)), undefined],
    squares: (c) => [hasFewIndices(c) ? () => squaresOfRows(c) : undefined, undefined],
  },
]

/**
 * The inverse of picking along an axis: adds the elements of v along `axis` to the places `indices` of that axis, which has
 * the size V behind it. A run of places is a pad; otherwise a product with one-hot rows.
 */
export function addAt(e: Emitter, v: Val, axis: number, indices: readonly number[], V: number): Val {
  const n = indices.length
  const first = indices[0] ?? 0
  if (indices.every((at, i) => at === first + i)) {
    const zeros = v.dims.map(() => 0)
    return e.pad(v, zeros.with(axis, first), zeros.with(axis, V - first - n))
  }
  const [before, after] = [v.dims.slice(0, axis), v.dims.slice(axis + 1)]
  const rows = new Float32Array(n * V)
  if (sizeOf(after) === 1) {
    indices.forEach((at, i) => {
      rows[i * V + at] = 1
    })
    const flat = e.reshape(v, [sizeOf(before), n])
    return e.reshape(e.matmul(flat, e.constant(tensor('float32', [n, V], rows), 'rows')), [...before, V, ...after])
  }
  indices.forEach((at, i) => {
    rows[at * n + i] = 1
  })
  const flat = e.reshape(v, [...before, n, sizeOf(after)])
  return e.reshape(e.matmul(e.constant(tensor('float32', [V, n], rows), 'rows'), flat), [...before, V, ...after])
}

const axisOf = (c: RuleContext): number => positiveAxis(intOf(c, 'axis', 0), input(c, 0).dims.length)
const isTableOfEach = (c: RuleContext): boolean => c.form === 'each' && c.isShared(0) && c.lead.length === 0

/**
 * Constant indices whose examples need no keeping apart. They do where a parameter is read with as many constant indices
 * as there are examples (token types that a model fills in itself).
 */
function staysApart(c: RuleContext): boolean {
  if (!c.isConstant(1) || isTableOfEach(c)) return false
  const size = sizeOf(input(c, 1).dims) * input(c, 0).dims[axisOf(c)]!
  return c.lead.length > 0 || c.opset < 16 || size <= maxOneHot
}

function byConstant(c: RuleContext): Val {
  const x = input(c, 0)
  const axis = axisOf(c)
  const V = x.dims[axis]!
  const indices = (constantNumbers(c, 1) ?? []).map((i) => positiveAxis(i, V))
  const at = axis + c.lead.length
  const g = c.e.reshape(dy(c), [...dy(c).dims.slice(0, at), indices.length, ...x.dims.slice(axis + 1)])
  return addAt(c.e, g, at, indices, V)
}

interface Picked {
  /** Axes of x before and after the one picked along, which has V elements; E elements lie on the others. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly V: number
  readonly E: number
  /** Indices counted from the front, [M, T]: M examples with T each where they are kept apart, one with all otherwise. */
  readonly index: Val
  /** Cotangents of what they picked, [M, T, E]. */
  readonly g: Val
}

function picked(c: RuleContext): Picked {
  const { e } = c
  const [x, indices] = [input(c, 0), input(c, 1)]
  const axis = axisOf(c)
  const rank = indices.dims.length
  const axes = indices.dims.map((_, i) => i)
  const examples = isTableOfEach(c) ? c.batchAxis() - axis : undefined
  if (examples !== undefined && !axes.includes(examples)) c.loseBatchAxis()
  const order = examples === undefined ? axes : [examples, ...axes.filter((i) => i !== examples)]
  const M = examples === undefined ? 1 : indices.dims[examples]!
  const T = sizeOf(indices.dims) / M
  const [before, after] = [x.dims.slice(0, axis), x.dims.slice(axis + 1)]
  const [V, E] = [x.dims[axis]!, sizeOf(before) * sizeOf(after)]
  const given = e.reshape(e.transpose(e.cast(indices, 'int64'), order), [M, T])
  const fromEnd = e.add(given, e.scalar(V, 'int64'))
  const index = e.where(e.less(given, e.scalar(0, 'int64')), fromEnd, given)
  const g = e.transpose(dy(c), [
    ...order.map((i) => i + axis),
    ...before.keys(),
    ...Array.from(after.keys(), (i) => axis + rank + i),
  ])
  return { before, after, V, E, index, g: e.reshape(g, [M, T, E]) }
}

/** Indices that are known only when the model runs (an embedding). */
function byValue(c: RuleContext): Val {
  const { before, after, V, index, g } = picked(c)
  const M = g.dims[0]!
  const sums = c.e.reshape(sumRows(c.e, index, g, V), [M, V, ...before, ...after])
  const b = before.length
  const rows = Array.from({ length: b + after.length }, (_, i) => i + 2)
  const placed = c.e.transpose(sums, [0, ...rows.slice(0, b), 1, ...rows.slice(b)])
  return isTableOfEach(c) ? placed : c.e.reshape(placed, input(c, 0).dims)
}

/**
 * Sum of the rows of v, [M, T, E], that have the same index, [M, T]: [M, V, E]. A product with one-hot rows made by comparison,
 * which sums in a fixed order everywhere; where that matrix would be large, ScatterND (adds since opset 16).
 */
function sumRows(e: Emitter, index: Val, v: Val, V: number): Val {
  const [M, T, E] = v.dims as [number, number, number]
  if (e.opset < 16 || M * T * V <= maxOneHot) {
    const numbers = e.constant(
      tensor(
        'int64',
        [1, V, 1],
        BigInt64Array.from({ length: V }, (_, i) => BigInt(i)),
      ),
      'rows',
    )
    return e.matmul(e.indicator(e.equal(numbers, e.reshape(index, [M, 1, T]))), v)
  }
  // One table an example, one below the other.
  const starts = e.constant(
    tensor(
      'int64',
      [M, 1],
      BigInt64Array.from({ length: M }, (_, i) => BigInt(i * V)),
    ),
    'starts',
  )
  const place = M === 1 ? index : e.add(index, starts)
  const inputs = [e.expand(e.scalar(0), [M * V, E]), e.reshape(place, [M * T, 1]), e.reshape(v, [M * T, E])]
  return e.reshape(e.emit('ScatterND', inputs, [M * V, E], { reduction: text('add') }), [M, V, E])
}

/** An embedding with more rows than an example has indices, along the first axis. */
function hasFewIndices(c: RuleContext): boolean {
  if (!c.wants(0) || !isTableOfEach(c) || axisOf(c) !== 0) return false
  const examples = c.dO[0]?.dims[c.batchAxis()] ?? 1
  return sizeOf(input(c, 1).dims) / examples < input(c, 0).dims[0]!
}

/**
 * Σ_n g_n² of a table without a table an example: position t of example n has the whole gradient of its row,
 * s_t = Σ_u [index_u = index_t]·dy_u, and the row is there m_t times; each adds s_t²/m_t.
 */
function squaresOfRows(c: RuleContext): Val {
  const { e } = c
  const { V, E, index, g } = picked(c)
  const [M, T] = g.dims as [number, number]
  const same = e.indicator(e.equal(e.reshape(index, [M, T, 1]), e.reshape(index, [M, 1, T])))
  const sums = e.matmul(same, g)
  const shares = e.div(e.mul(sums, sums), e.reduceSum(same, [2], true))
  const all = sumRows(e, e.reshape(index, [1, M * T]), e.reshape(shares, [1, M * T, E]), V)
  return e.reshape(all, input(c, 0).dims)
}
