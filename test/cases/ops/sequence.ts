import { int } from '../../../src/graph/graph.js'
import { type CaseInput, data, float32s, int64s, node, type OpCase, param } from '../op-case.js'

const scalar = (value: number): CaseInput => int64s([value], [])

export const sequence: readonly OpCase[] = [
  { name: 'CumSum', op: 'CumSum', opset: 11, inputs: [data(['N', 4, 3]), scalar(1)] },
  {
    name: 'CumSum without the element itself',
    op: 'CumSum',
    attributes: { exclusive: int(1) },
    inputs: [data(['N', 4, 3]), scalar(-2)],
  },
  {
    name: 'CumSum from the end',
    op: 'CumSum',
    attributes: { reverse: int(1) },
    inputs: [data(['N', 4, 3]), int64s([2])],
  },
  {
    name: 'CumSum from the end without the element itself',
    op: 'CumSum',
    attributes: { reverse: int(1), exclusive: int(1) },
    inputs: [data(['N', 4]), scalar(1)],
  },
  {
    name: 'CumSum of a parameter',
    op: 'CumSum',
    inputs: [data(['N', 3, 4]), param([3, 4]), scalar(0)],
    nodes: [node('CumSum', ['i1', 'i2'], 't', { exclusive: int(1) }), node('Mul', ['i0', 't'], 'o0')],
  },
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].map(
      (reverse): OpCase => ({
        name: `CumProd, exclusive ${exclusive}, reverse ${reverse}`,
        op: 'CumProd',
        opset: 26,
        attributes: { exclusive: int(exclusive), reverse: int(reverse) },
        inputs: [data(['N', 4, 3], 'away-from-zero'), scalar(1)],
      }),
    ),
  ),
  {
    name: 'CumProd of a parameter, with zeros',
    op: 'CumProd',
    opset: 26,
    inputs: [data(['N', 3, 4]), param([3, 4]), float32s([0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1], [3, 4]), scalar(-1)],
    nodes: [node('Mul', ['i1', 'i2'], 'h'), node('CumProd', ['h', 'i3'], 't'), node('Mul', ['i0', 't'], 'o0')],
  },
  {
    name: 'ReverseSequence with a length an example',
    op: 'ReverseSequence',
    inputs: [data(['N', 4, 2]), param([2]), int64s([0]), int64s([3])],
    nodes: [
      node('Mul', ['i0', 'i1'], 'h'),
      node('Shape', ['i0'], 's'),
      node('Gather', ['s', 'i2'], 'n', { axis: int(0) }),
      node('Expand', ['i3', 'n'], 'lengths'),
      node('ReverseSequence', ['h', 'lengths'], 'o0', { batch_axis: int(0), time_axis: int(1) }),
    ],
  },
  {
    name: 'ReverseSequence of parameters: examples one by one',
    op: 'ReverseSequence',
    opset: 10,
    inputs: [data(['N', 4, 3]), param([4, 3]), int64s([1, 4, 2])],
    nodes: [node('ReverseSequence', ['i1', 'i2'], 't'), node('Mul', ['i0', 't'], 'o0')],
    fallsBack: true,
  },
  {
    name: 'Range from a bound and a step that are made of parameters',
    op: 'Range',
    inputs: [data(['N', 3]), param([3], 'unit'), float32s([0.5], []), float32s([2.9], []), float32s([1], [])],
    nodes: [
      node('ReduceMean', ['i1'], 'm', { keepdims: int(0) }),
      node('Mul', ['m', 'm'], 'sq'),
      node('Mul', ['sq', 'i2'], 'small'),
      node('Add', ['small', 'i4'], 'delta'),
      node('Range', ['m', 'i3', 'i4'], 'a'),
      node('Range', ['i2', 'i3', 'delta'], 'b'),
      node('ReduceSum', ['a'], 'as', { keepdims: int(0) }),
      node('ReduceSum', ['b'], 'bs', { keepdims: int(0) }),
      node('Mul', ['as', 'bs'], 'ab'),
      node('Mul', ['i0', 'ab'], 'o0'),
    ],
  },
]
