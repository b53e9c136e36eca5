import type { Val } from '../../graph/emitter.js'
import { sizeOf } from '../../tensor/tensor.js'
import { addElements } from '../elements.js'
import { addAt, countTo, fromFront, maxOneHot, type PickedRows, sumOfSquaredRows, sumRows } from '../rows.js'
import {
  constantNumbers,
  dy,
  input,
  intOf,
  output,
  positiveAxis,
  type Rule,
  type RuleContext,
  refuse,
  x,
} from '../rule.js'

/** Picking elements by index. */
export const gather: readonly Rule[] = [
  {
    // y = x[.., indices, ..] along `axis`. ONNX Gather-13.
    op: 'Gather',
    since: 1,
    lifts: true,
    vjp: (c) => [() => (staysApart(c) ? byConstant(c) : byValue(c)), undefined],
    squares: (c) => [hasFewIndices(c) ? () => squaresOfTable(c) : undefined, undefined],
  },
  {
    // y[i][j] = x[index[i][j]][j] for axis 0. ONNX GatherElements-13.
    op: 'GatherElements',
    since: 11,
    lifts: true,
    vjp: (c) => [
      () => {
        // A table that every example reads: its axes are those of the index, which has no room for examples.
        if (isTableOfEach(c)) c.loseBatchAxis()
        return addElements(c.e, dy(c), { index: input(c, 1), axis: axisOf(c), dims: x(c).dims })
      },
      undefined,
    ],
  },
  {
    // The last axis of the indices names a place on the axes of x behind `batch_dims`. ONNX GatherND-13.
    op: 'GatherND',
    since: 11,
    lifts: true,
    vjp: (c) => [
      () => {
        const { index, g, V } = pickedByCoordinates(c)
        const sums = sumRows(c.e, index, g, V)
        const front = isTableOfEach(c) ? [index.dims[0]!] : c.lead
        return c.e.reshape(sums, [...front, ...x(c).dims])
      },
      undefined,
    ],
    squares: (c) => [
      c.wants(0) && isTableOfEach(c) && intOf(c, 'batch_dims', 0) === 0
        ? () => c.e.reshape(sumOfSquaredRows(c.e, pickedByCoordinates(c)), x(c).dims)
        : undefined,
      undefined,
    ],
  },
  {
    // The cotangent of each value goes where its index says. ONNX TopK-11.
    op: 'TopK',
    since: 1,
    lifts: true,
    vjp: (c) => [
      () => {
        const index = c.O[1] ?? refuse(c, 'its indices left out')
        const axis = positiveAxis(intOf(c, 'axis', -1), x(c).dims.length)
        return addElements(c.e, dy(c), { index, axis, dims: x(c).dims })
      },
      undefined,
    ],
  },
  {
    // The elements along `axis` (of x as one axis, without it) where the condition holds. ONNX Compress-11.
    op: 'Compress',
    since: 9,
    lifts: true,
    vjp: (c) => [() => compress(c), undefined],
  },
  {
    // y = values[1] where the index is met along the new axis, else values[0]. ONNX OneHot-11.
    op: 'OneHot',
    since: 9,
    vjp: (c) => [undefined, undefined, () => oneHotValues(c)],
  },
]

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

interface Picked extends PickedRows {
  /** Axes of x before and after the one picked along. */
  readonly before: readonly number[]
  readonly after: readonly number[]
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
  const g = e.transpose(dy(c), [
    ...order.map((i) => i + axis),
    ...before.keys(),
    ...Array.from(after.keys(), (i) => axis + rank + i),
  ])
  return { before, after, V, E, index: fromFront(e, given, V), g: e.reshape(g, [M, T, E]) }
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

/** An embedding with more rows than an example has indices, along the first axis. */
function hasFewIndices(c: RuleContext): boolean {
  if (!c.wants(0) || !isTableOfEach(c) || axisOf(c) !== 0) return false
  const examples = c.dO[0]?.dims[c.batchAxis()] ?? 1
  return sizeOf(input(c, 1).dims) / examples < input(c, 0).dims[0]!
}

function squaresOfTable(c: RuleContext): Val {
  return c.e.reshape(sumOfSquaredRows(c.e, picked(c)), input(c, 0).dims)
}

/** GatherND as rows: the axes of x that coordinates name are one, those behind them too. M: batch axes, or examples. */
function pickedByCoordinates(c: RuleContext): PickedRows {
  const { e } = c
  const [x, indices] = [input(c, 0), input(c, 1)]
  const b = intOf(c, 'batch_dims', 0)
  const k = indices.dims.at(-1)!
  const named = x.dims.slice(b, b + k)
  const [V, E] = [sizeOf(named), sizeOf(x.dims.slice(b + k))]
  const strides = named.map((_, i) => sizeOf(named.slice(i + 1)))
  const all = e.reduceSum(e.mul(fromFront(e, indices, named), e.int64s(strides)), [indices.dims.length - 1])
  const axes = [...all.dims.keys()]
  const examples = isTableOfEach(c) ? c.batchAxis() : undefined
  if (examples !== undefined && (b > 0 || !axes.includes(examples))) c.loseBatchAxis()
  if (examples !== undefined) {
    const M = all.dims[examples]!
    const T = sizeOf(all.dims) / M
    const order = [examples, ...axes.filter((i) => i !== examples)]
    const g = e.transpose(dy(c), [...order, ...[...dy(c).dims.keys()].slice(axes.length)])
    return { V, E, index: e.reshape(e.transpose(all, order), [M, T]), g: e.reshape(g, [M, T, E]) }
  }
  const batches = sizeOf(x.dims.slice(0, b))
  const T = sizeOf(all.dims) / batches
  const M = sizeOf(c.lead) * batches
  const index = e.expand(e.reshape(all, [1, batches, T]), [sizeOf(c.lead), batches, T])
  return { V, E, index: e.reshape(index, [M, T]), g: e.reshape(dy(c), [M, T, E]) }
}

function compress(c: RuleContext): Val {
  const axis = intOf(c, 'axis', undefined)
  const chosen = (constantNumbers(c, 1) ?? []).flatMap((holds, i) => (holds ? [i] : []))
  const lead = c.lead.length
  if (axis !== undefined) {
    const at = positiveAxis(axis, x(c).dims.length)
    return addAt(c.e, dy(c), at + lead, chosen, x(c).dims[at]!)
  }
  return c.e.reshape(addAt(c.e, dy(c), lead, chosen, sizeOf(x(c).dims)), [...c.lead, ...x(c).dims])
}

/** dv = [Σ dy elsewhere, Σ dy where the index is met]. */
function oneHotValues(c: RuleContext): Val {
  const { e } = c
  const y = output(c)
  const axis = positiveAxis(intOf(c, 'axis', -1), y.dims.length)
  const depth = y.dims[axis]!
  const index = fromFront(e, input(c, 0), depth)
  const numbers = countTo(
    e,
    depth,
    y.dims.map((_, i) => (i === axis ? depth : 1)),
  )
  const isMet = e.equal(e.reshape(index, y.dims.with(axis, 1)), numbers)
  const parts = [e.where(isMet, e.scalar(0), dy(c)), e.where(isMet, dy(c), e.scalar(0))]
  const both = e.concat(
    parts.map((v) => e.reshape(v, [...y.dims, 1])),
    y.dims.length,
  )
  return c.keepAxes(both, [y.dims.length])
}
