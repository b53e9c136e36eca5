import { int } from '../../../src/graph/graph.js'
import { data, int64s, node, type OpCase, omitted, param } from '../op-case.js'

const at = (axis: number) => int64s([axis], [])

export const fourier: readonly OpCase[] = [
  { name: 'DFT of real numbers', op: 'DFT', opset: 20, inputs: [data(['N', 6, 3, 1]), omitted, at(1)] },
  { name: 'DFT along the default axis', op: 'DFT', opset: 20, inputs: [data(['N', 2, 5, 2])] },
  {
    name: 'DFT in opset 17, one side',
    op: 'DFT',
    opset: 17,
    attributes: { axis: int(1), onesided: int(1) },
    inputs: [data(['N', 7, 1])],
  },
  {
    name: 'DFT of a longer length than there is',
    op: 'DFT',
    opset: 20,
    inputs: [data(['N', 5, 2]), int64s([8], []), at(1)],
  },
  {
    name: 'DFT of a part',
    op: 'DFT',
    opset: 17,
    attributes: { axis: int(1), onesided: int(1) },
    inputs: [data(['N', 9, 1]), int64s([6], [])],
  },
  {
    name: 'DFT backwards',
    op: 'DFT',
    opset: 20,
    attributes: { inverse: int(1) },
    inputs: [data(['N', 3, 6, 2]), omitted, at(2)],
  },
  ...[6, 7].map(
    (length): OpCase => ({
      name: `DFT backwards from one side to ${length} real numbers`,
      op: 'DFT',
      opset: 20,
      attributes: { inverse: int(1), onesided: int(1) },
      inputs: [data(['N', 4, 2]), int64s([length], []), at(1)],
    }),
  ),
  {
    name: 'DFT of a parameter',
    op: 'DFT',
    opset: 20,
    inputs: [data(['N', 6, 2]), param([1, 6, 1]), at(1)],
    nodes: [node('DFT', ['i1', '', 'i2'], 't'), node('Mul', ['i0', 't'], 'o0')],
  },
]
