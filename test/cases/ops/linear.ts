import { type Attributes, float, int, ints } from '../../../src/graph/graph.js'
import { data, float32s, node, type OpCase, param } from '../op-case.js'

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
  {
    name: 'MatMul of tokens whose products are squared in blocks of rows',
    op: 'MatMul',
    inputs: [data(['N', 2, 1400]), param([1400, 1100])],
  },
  {
    // The gradient of Softmax asks for products that are fewer behind the second product: four columns instead of seven.
    name: 'MatMul of attention with more tokens than columns',
    op: 'MatMul',
    inputs: [data(['N', 2, 7, 4]), param([4, 4]), param([4, 4])],
    nodes: [
      node('MatMul', ['i0', 'i1'], 'q'),
      node('Transpose', ['i0'], 'k', { perm: ints([0, 1, 3, 2]) }),
      node('MatMul', ['q', 'k'], 'scores'),
      node('Softmax', ['scores'], 'shares', { axis: int(-1) }),
      node('MatMul', ['i0', 'i2'], 'v'),
      node('MatMul', ['shares', 'v'], 'o0'),
    ],
  },
  {
    name: 'MatMul of attention whose shares are used twice',
    op: 'MatMul',
    inputs: [data(['N', 2, 7, 4]), param([4, 7]), param([7, 4])],
    nodes: [
      node('MatMul', ['i0', 'i1'], 'scores'),
      node('Softmax', ['scores'], 'shares', { axis: int(-1) }),
      node('MatMul', ['shares', 'i0'], 'a'),
      node('MatMul', ['shares', 'i2'], 'b'),
      node('Add', ['a', 'b'], 'o0'),
    ],
  },
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
    name: 'MatMul of tokens with a weight that is turned and reshaped first',
    op: 'MatMul',
    inputs: [data(['N', 3, 5]), param([4, 5, 1])],
    nodes: [
      node('Transpose', ['i1'], 't', { perm: ints([2, 1, 0]) }),
      node('Identity', ['t'], 'same'),
      node('Flatten', ['same'], 'w', { axis: int(2) }),
      node('MatMul', ['i0', 'w'], 'o0'),
    ],
  },
  {
    name: 'MatMul of tokens with a turned weight',
    op: 'MatMul',
    inputs: [data(['N', 3, 5]), param([4, 5])],
    nodes: [node('Transpose', ['i1'], 'w'), node('MatMul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'MatMul of tokens with a turned weight whose products are squared in blocks of rows',
    op: 'MatMul',
    inputs: [data(['N', 2, 1100]), param([1400, 1100])],
    nodes: [node('Transpose', ['i1'], 'w'), node('MatMul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'MatMul of one row an example with a turned weight',
    op: 'MatMul',
    inputs: [data(['N', 5]), param([4, 5])],
    nodes: [node('Transpose', ['i1'], 'w'), node('MatMul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'MatMul with a turned weight that is used as it is, too',
    op: 'MatMul',
    inputs: [data(['N', 3, 4]), param([4, 4])],
    nodes: [node('Transpose', ['i1'], 'w'), node('MatMul', ['i0', 'w'], 'h'), node('MatMul', ['h', 'i1'], 'o0')],
  },
  {
    name: 'a weight used twice is added per example before squaring',
    op: 'MatMul',
    inputs: [data(['N', 4]), param([4, 4])],
    nodes: [node('MatMul', ['i0', 'i1'], 'h'), node('MatMul', ['h', 'i1'], 'o0')],
  },
  { name: 'MatMul of vectors with a vector', op: 'MatMul', inputs: [data(['N', 5]), param([5])] },
  {
    name: 'MatMul of a vector with examples on the columns',
    op: 'MatMul',
    inputs: [data(['N', 5]), param([5])],
    nodes: [flipped, node('MatMul', ['i1', 't'], 'o0')],
  },
  {
    name: 'MatMul of a weight with examples on the columns',
    op: 'MatMul',
    inputs: [data(['N', 5]), param([4, 5])],
    nodes: [flipped, node('MatMul', ['i1', 't'], 'o0')],
  },
  {
    name: 'MatMul of weights with examples on the columns',
    op: 'MatMul',
    inputs: [data(['N', 5]), param([2, 4, 5])],
    nodes: [flipped, node('MatMul', ['i1', 't'], 'o0')],
  },
  {
    name: 'MatMul with a weight for each head, examples on the rows',
    op: 'MatMul',
    inputs: [data(['N', 2, 5]), param([2, 5, 4])],
    nodes: [node('Transpose', ['i0'], 't', { perm: ints([1, 0, 2]) }), node('MatMul', ['t', 'i1'], 'o0')],
  },
  {
    name: 'MatMul of one row an example with weights for each head',
    op: 'MatMul',
    inputs: [data(['N', 5]), param([2, 5, 4])],
  },
  {
    name: 'MatMul with a weight that is stretched over heads',
    op: 'MatMul',
    inputs: [data(['N', 2, 3, 5]), param([1, 5, 4])],
  },
  {
    name: 'MatMul of parameters',
    op: 'MatMul',
    inputs: [data(['N', 5]), param([5, 2]), param([2, 4])],
    nodes: [node('MatMul', ['i1', 'i2'], 'w'), node('MatMul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'MatMul of parameters for each head with a vector',
    op: 'MatMul',
    inputs: [data(['N', 2, 5]), param([2, 5, 3]), param([3])],
    nodes: [node('MatMul', ['i1', 'i2'], 'w'), node('Mul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'MatMul of a vector of parameters with parameters',
    op: 'MatMul',
    inputs: [data(['N', 2, 5]), param([3]), param([2, 3, 5])],
    nodes: [node('MatMul', ['i1', 'i2'], 'w'), node('Mul', ['i0', 'w'], 'o0')],
  },
  {
    name: 'Gemm of parameters',
    op: 'Gemm',
    inputs: [data(['N', 5]), param([2, 5]), param([4, 2]), param([5, 1])],
    nodes: [
      node('Gemm', ['i1', 'i2', 'i3'], 'w', { transA: int(1), transB: int(1), alpha: float(0.5), beta: float(2) }),
      node('MatMul', ['i0', 'w'], 'o0'),
    ],
  },
  ...[0, 1].flatMap((transA) =>
    [0, 1].map(
      (transB): OpCase => ({
        name: `Gemm of data with a constant, transA ${transA}, transB ${transB}, a scalar for C`,
        op: 'Gemm',
        opset: 9,
        inputs: [data(['N', 3]), float32s([1, -2, 3, 4, 0, 6], transB ? [2, 3] : [3, 2]), param([1])],
        nodes: [
          flipped,
          gemm([transA ? 't' : 'i0', 'i1', 'i2'], {
            transA: int(transA),
            transB: int(transB),
            alpha: float(1.5),
            beta: float(-0.5),
          }),
        ],
      }),
    ),
  ),
  { name: 'Det of two rows', op: 'Det', inputs: [data(['N', 2, 2])] },
  { name: 'Det of four rows, stacked', op: 'Det', opset: 22, inputs: [data(['N', 2, 4, 4])] },
  { name: 'Det of a number', op: 'Det', inputs: [data(['N', 1, 1])] },
  {
    // Rows of x are multiples of one another: the determinant is 0, its gradient is not.
    name: 'Det of a matrix without an inverse',
    op: 'Det',
    inputs: [data(['N', 1, 2]), float32s([1, 2], [2, 1]), param([2, 2])],
    nodes: [node('MatMul', ['i1', 'i0'], 'x'), node('Mul', ['x', 'i2'], 'scaled'), node('Det', ['scaled'], 'o0')],
  },
  {
    name: 'Det of a parameter',
    op: 'Det',
    inputs: [data(['N', 2]), param([2, 3, 3])],
    nodes: [node('Det', ['i1'], 'd'), node('Mul', ['i0', 'd'], 'o0')],
  },
]
