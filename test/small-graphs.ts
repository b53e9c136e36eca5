import { type Graph, int, type Node } from '../src/graph/graph.js'
import { type Tensor, tensor } from '../src/tensor/tensor.js'

/** Numbers that look random and are the same every time. */
export function numbers(size: number, seed = 1): Float32Array {
  let state = seed
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

export const f32 = (dims: readonly number[], seed = 1): Tensor =>
  tensor(
    'float32',
    dims,
    numbers(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  )

export const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
  op,
  domain: '',
  name: `node_${output}`,
  inputs,
  outputs: [output],
  attributes,
})

/** Two linear layers with ReLU: x [N, 6] → logits [N, 4]. */
export function mlpGraph(
  options: { end?: 'Softmax'; inputs?: Graph['inputs']; outputs?: string[]; extra?: Node[] } = {},
): Graph {
  const last = options.end ? 'scores' : 'logits'
  return {
    name: 'mlp',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 6] }, ...(options.inputs ?? [])],
    outputs: (options.outputs ?? ['logits']).map((name) => ({ name, dtype: 'float32', dims: ['batch', undefined] })),
    initializers: new Map([
      ['fc1.weight', f32([5, 6], 2)],
      ['fc1.bias', f32([5], 3)],
      ['fc2.weight', f32([4, 5], 4)],
      ['fc2.bias', f32([4], 5)],
    ]),
    nodes: [
      node('Gemm', ['x', 'fc1.weight', 'fc1.bias'], 'h', { transB: int(1) }),
      node('Relu', ['h'], 'a'),
      node('Gemm', ['a', 'fc2.weight', 'fc2.bias'], last, { transB: int(1) }),
      ...(options.end ? [node(options.end, ['scores'], 'logits', { axis: int(-1) })] : []),
      ...(options.extra ?? []),
    ],
  }
}
