import type { Val } from '../../graph/emitter.js'
import { sizeOf, tensor } from '../../tensor/tensor.js'
import { constantNumbers, dy, input, intOf, positiveAxis, type Rule, type RuleContext } from '../rule.js'

/** Picking elements by index. */
export const gather: readonly Rule[] = [
  {
    // y = x[.., indices, ..] along `axis`. ONNX Gather-13.
    op: 'Gather',
    since: 1,
    lifts: true,
    vjp: (c) => [() => (c.isConstant(1) ? byConstant(c) : byData(c)), undefined],
  },
]

/** Constant indices: a product with their one-hot rows, [indices, V]; the examples in front or elsewhere are not touched. */
function byConstant(c: RuleContext): Val {
  const x = input(c, 0)
  const axis = positiveAxis(intOf(c, 'axis', 0), x.dims.length)
  const V = x.dims[axis]!
  const indices = (constantNumbers(c, 1) ?? []).map((i) => positiveAxis(i, V))
  const at = axis + c.lead.length
  const [before, after] = [dy(c).dims.slice(0, at), x.dims.slice(axis + 1)]
  const g = c.e.reshape(dy(c), [...before, indices.length, ...after])
  if (indices.length === 1) {
    const zeros = g.dims.map(() => 0)
    return c.e.pad(g, zeros.with(at, indices[0]!), zeros.with(at, V - 1 - indices[0]!))
  }
  const rows = new Float32Array(V * indices.length)
  indices.forEach((v, i) => {
    rows[v * indices.length + i] = 1
  })
  // [V, indices] · [.., indices, rest]
  const flat = c.e.reshape(g, [...before, indices.length, sizeOf(after)])
  const spread = c.e.matmul(c.e.constant(tensor('float32', [V, indices.length], rows), 'rows'), flat)
  return c.e.reshape(spread, [...before, V, ...after])
}

/** Indices from data into a table [V, E] (an embedding): one-hot rows by comparison, times the cotangent. */
function byData(c: RuleContext): Val {
  const [table, indices, g] = [input(c, 0), input(c, 1), dy(c)]
  const axis = positiveAxis(intOf(c, 'axis', 0), table.dims.length)
  if (axis !== 0 || !c.isShared(0)) c.loseBatchAxis()
  const V = table.dims[0]!
  const E = sizeOf(table.dims.slice(1))
  if (c.form === 'each' && c.batchAxis() !== 0) c.loseBatchAxis()
  const N = c.form === 'each' ? g.dims[0]! : 1
  const T = sizeOf(indices.dims) / N
  const classes = c.e.constant(
    tensor(
      'int64',
      [1, V, 1],
      BigInt64Array.from({ length: V }, (_, v) => BigInt(v)),
    ),
    'rows',
  )
  const index = c.e.reshape(c.e.cast(indices, 'int64'), [N, 1, T])
  const counted = c.e.where(c.e.less(index, c.e.scalar(0, 'int64')), c.e.add(index, c.e.scalar(V, 'int64')), index)
  const oneHot = c.e.indicator(c.e.equal(classes, counted))
  const sum = c.e.matmul(oneHot, c.e.reshape(g, [N, T, E]))
  return c.e.reshape(sum, c.form === 'each' ? [N, ...table.dims] : table.dims)
}
