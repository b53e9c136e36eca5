import { type Attributes, int, ints } from '../../../src/graph/graph.js'
import { type CaseInput, type Domain, data, int64s, node, type OpCase, omitted, param } from '../op-case.js'

/** One reduction: axes as an attribute and (from opset `asInput` on) as an input, kept and not, negative, all of them. */
const reduction = (op: string, domain: Domain, asInput: number): OpCase[] => {
  const row = (
    name: string,
    opset: number,
    attributes: Attributes,
    inputs: readonly CaseInput[] = [],
    mixes?: true,
  ): OpCase => ({
    name: `${op} ${name}`,
    op,
    opset,
    attributes,
    inputs: [data(['N', 4, 3], domain), ...inputs],
    ...(mixes && { mixes }),
  })
  return [
    row('over an attribute axis', 9, { axes: ints([1]) }),
    row('over a negative attribute axis, not kept', asInput - 1, { axes: ints([-1]), keepdims: int(0) }),
    row('over two axes out of order', asInput, {}, [int64s([2, 1])]),
    row('over a negative axis, not kept', asInput, { keepdims: int(0) }, [int64s([-2])]),
    row('over all axes', 9, {}, [], true),
    row('over all axes, not kept', asInput, { keepdims: int(0) }, [], true),
    row('over the batch', 22, { keepdims: int(0) }, [int64s([0])], true),
    {
      name: `${op} of a parameter`,
      op,
      opset: asInput,
      inputs: [data(['N', 2, 3]), param([2, 4, 3], domain), int64s([1])],
      nodes: [node(op, ['i1', 'i2'], 't', { keepdims: int(0) }), node('Mul', ['i0', 't'], 'o0')],
    },
  ]
}

/** No axes and `noop_with_empty_axes`: nothing is summed. */
const unreduced = (op: string, opset: number, axes: CaseInput = omitted): OpCase => ({
  name: `${op} over no axes (opset ${opset}, ${axes.kind})`,
  op,
  opset,
  attributes: { noop_with_empty_axes: int(1) },
  inputs: [data(['N', 4], 'away-from-zero'), axes],
})

export const reduce: readonly OpCase[] = [
  ...reduction('ReduceSum', 'normal', 13),
  ...reduction('ReduceMean', 'normal', 18),
  ...reduction('ReduceMax', 'distinct', 18),
  ...reduction('ReduceMin', 'distinct', 18),
  ...reduction('ReduceProd', 'away-from-zero', 18),
  ...reduction('ReduceL1', 'away-from-zero', 18),
  ...reduction('ReduceL2', 'normal', 18),
  ...reduction('ReduceSumSquare', 'normal', 18),
  ...reduction('ReduceLogSum', 'positive', 18),
  ...reduction('ReduceLogSumExp', 'normal', 18),
  unreduced('ReduceSum', 13),
  unreduced('ReduceSum', 13, int64s([])),
  unreduced('ReduceMean', 18, int64s([])),
  unreduced('ReduceMax', 18),
  unreduced('ReduceMin', 20),
  unreduced('ReduceProd', 18),
  unreduced('ReduceL1', 18),
  unreduced('ReduceL2', 18),
  unreduced('ReduceSumSquare', 18),
  unreduced('ReduceLogSumExp', 18),
  {
    name: 'ReduceLogSum over no axes (opset 18, omitted)',
    op: 'ReduceLogSum',
    opset: 18,
    attributes: { noop_with_empty_axes: int(1) },
    inputs: [data(['N', 4], 'positive'), omitted],
  },
]
