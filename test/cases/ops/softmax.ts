import { int } from '../../../src/graph/graph.js'
import { data, node, type OpCase, param } from '../op-case.js'

const both = (op: 'Softmax' | 'LogSoftmax'): OpCase[] => [
  { name: `${op} along the last axis`, op, inputs: [data(['N', 2, 5])] },
  { name: `${op} along axis 1`, op, attributes: { axis: int(1) }, inputs: [data(['N', 4, 3])] },
  { name: `${op} along a negative axis`, op, opset: 13, attributes: { axis: int(-2) }, inputs: [data(['N', 4, 3])] },
  { name: `${op} until opset 12, from axis 1 on`, op, opset: 12, inputs: [data(['N', 4, 3])] },
  { name: `${op} of opset 9, from axis 2 on`, op, opset: 9, attributes: { axis: int(2) }, inputs: [data(['N', 4, 3])] },
  {
    name: `${op} of opset 11, from a negative axis on`,
    op,
    opset: 11,
    attributes: { axis: int(-2) },
    inputs: [data(['N', 2, 3, 2])],
  },
  {
    name: `${op} over the batch`,
    op,
    opset: 11,
    attributes: { axis: int(0) },
    inputs: [data(['N', 4])],
    mixes: true,
  },
  {
    name: `${op} with parameters before it`,
    op,
    inputs: [data(['N', 4]), param([4, 5]), param([5])],
    nodes: [node('MatMul', ['i0', 'i1'], 'h'), node('Add', ['h', 'i2'], 'z'), node(op, ['z'], 'o0')],
  },
  {
    name: `${op} of a parameter`,
    op,
    inputs: [data(['N', 4, 3]), param([4, 3])],
    nodes: [node(op, ['i1'], 't', { axis: int(0) }), node('Mul', ['i0', 't'], 'o0')],
  },
  {
    name: `${op} of a parameter until opset 12`,
    op,
    opset: 12,
    inputs: [data(['N', 2, 3, 2]), param([2, 3, 2])],
    nodes: [node(op, ['i1'], 't'), node('Mul', ['i0', 't'], 'o0')],
  },
]

export const softmax: readonly OpCase[] = [...both('Softmax'), ...both('LogSoftmax')]
