import { float, int } from '../../../src/graph/graph.js'
import { data, node, type OpCase, param } from '../op-case.js'

export const localResponse: readonly OpCase[] = [
  // A large alpha, so that the neighbours matter.
  {
    name: 'LRN of three channels',
    op: 'LRN',
    attributes: { size: int(3), alpha: float(0.9), beta: float(0.6), bias: float(1.5) },
    inputs: [data(['N', 5, 2, 2])],
  },
  { name: 'LRN with its defaults', op: 'LRN', opset: 9, attributes: { size: int(5) }, inputs: [data(['N', 6, 1, 2])] },
  {
    name: 'LRN wider than the channels, of parameters before it',
    op: 'LRN',
    inputs: [data(['N', 3, 2, 1]), param([3, 2, 1])],
    nodes: [
      node('Mul', ['i0', 'i1'], 'h'),
      node('LRN', ['h'], 'o0', { size: int(9), alpha: float(0.9), beta: float(1.2) }),
    ],
  },
]
