import { type Attributes, float, int, ints } from '../../../src/graph/graph.js'
import { data, node, type OpCase, param } from '../op-case.js'

/** Examples on the columns. */
const flipped = node('Transpose', ['i0'], 't', { perm: ints([1, 0]) })
const gemm = (inputs: string[], attributes: Attributes): ReturnType<typeof node> =>
  node('Gemm', inputs, 'o0', attributes)

export const linear: readonly OpCase[] = [
  { name: 'Gemm', op: 'Gemm', inputs: [data(['N', 5]), param([5, 4]), param([4])] },
  {
    name: 'Gemm with transB',
    op: 'Gemm',
    attributes: { transB: int(1) },
    inputs: [data(['N', 5]), param([4, 5]), param([4])],
  },
  {
    name: 'Gemm with transA, alpha and beta: examples on the columns of A',
    op: 'Gemm',
    inputs: [data(['N', 5]), param([5, 4]), param([1, 4])],
    nodes: [flipped, gemm(['t', 'i1', 'i2'], { transA: int(1), alpha: float(0.5), beta: float(2) })],
  },
  { name: 'Gemm without C', op: 'Gemm', inputs: [data(['N', 5]), param([5, 4])] },
  {
    name: 'Gemm with the weight on the left',
    op: 'Gemm',
    inputs: [data(['N', 5]), param([4, 5])],
    nodes: [flipped, gemm(['i1', 't'], {})],
  },
  {
    name: 'Gemm with the transposed weight on the left',
    op: 'Gemm',
    inputs: [data(['N', 5]), param([5, 4])],
    nodes: [flipped, gemm(['i1', 't'], { transA: int(1) })],
  },
  {
    name: 'Gemm of data with data',
    op: 'Gemm',
    attributes: { transA: int(1) },
    inputs: [data(['N', 5]), data(['N', 4])],
    mixes: true,
  },
  { name: 'MatMul with one row an example', op: 'MatMul', inputs: [data(['N', 5]), param([5, 4])] },
  {
    name: 'MatMul with one row an example and an axis of one',
    op: 'MatMul',
    inputs: [data(['N', 1, 5]), param([5, 4])],
  },
  { name: 'MatMul of tokens', op: 'MatMul', inputs: [data(['N', 3, 5]), param([5, 4])] },
  { name: 'MatMul of rank 4', op: 'MatMul', inputs: [data(['N', 2, 3, 5]), param([5, 4])] },
  {
    name: 'MatMul, sequence before batch',
    op: 'MatMul',
    inputs: [data(['N', 6, 5]), param([5, 4])],
    nodes: [node('Transpose', ['i0'], 't', { perm: ints([1, 0, 2]) }), node('MatMul', ['t', 'i1'], 'o0')],
  },
  { name: 'MatMul of data with data', op: 'MatMul', inputs: [data(['N', 2, 3, 5]), data(['N', 2, 5, 4])] },
  { name: 'MatMul with a weight for each head', op: 'MatMul', inputs: [data(['N', 2, 3, 5]), param([2, 5, 4])] },
  { name: 'MatMul with the weight on the left', op: 'MatMul', inputs: [param([4, 5]), data(['N', 5, 3])] },
  { name: 'MatMul with a vector on the right', op: 'MatMul', inputs: [data(['N', 3, 5]), param([5])] },
  { name: 'MatMul with a vector on the left', op: 'MatMul', inputs: [param([5]), data(['N', 5, 3])] },
  {
    name: 'a weight used twice is added per example before squaring',
    op: 'MatMul',
    inputs: [data(['N', 4]), param([4, 4])],
    nodes: [node('MatMul', ['i0', 'i1'], 'h'), node('MatMul', ['h', 'i1'], 'o0')],
  },
]
