import { type Attributes, int, tensorAttribute } from '../../../src/graph/graph.js'
import { type CaseInput, data, float32s, node, type OpCase, param } from '../op-case.js'

/** A comparison decides which of two branches an element takes; nothing flows through the comparison itself. */
const comparison = (op: string, opset: number): OpCase => ({
  name: `${op} is constant`,
  op,
  opset,
  inputs: [data(['N', 6], 'distinct'), param([6]), float32s([0.04], [])],
  nodes: [node(op, ['i0', 'i2'], 'c'), node('Where', ['c', 'i0', 'i1'], 'o0')],
})

const logic = (op: 'And' | 'Or' | 'Xor'): OpCase => ({
  name: `${op} is constant`,
  op,
  inputs: [data(['N', 6], 'distinct'), float32s([0.04], []), float32s([0.38], [])],
  nodes: [
    node('Greater', ['i0', 'i1'], 'a'),
    node('Less', ['i0', 'i2'], 'b'),
    node(op, ['a', 'b'], 'c'),
    node('Cast', ['c'], 'f', { to: int(1) }),
    node('Mul', ['f', 'i0'], 'o0'),
  ],
})

/** Nothing flows back through the node `make` → t (with as many integers or booleans as it likes). */
const flat = (op: string, inputs: readonly CaseInput[], attributes: Attributes = {}, opset = 17): OpCase => ({
  name: `${op} is constant`,
  op,
  opset,
  inputs,
  nodes: [node(op, ['i0'], 't', attributes), node('Cast', ['t'], 'f', { to: int(1) }), node('Mul', ['f', 'i0'], 'o0')],
})

/** Integers 0 and 1 made of data (an odd number of 'distinct' values: none at an integer), through an operator of integers, back to floats: nothing flows. */
const bits = (op: string, opset: number, type: number, attributes: Attributes = {}): OpCase => ({
  name: `${op} is constant`,
  op,
  opset,
  inputs: [data(['N', 5], 'distinct')],
  nodes: [
    node('Abs', ['i0'], 'a'),
    node('Cast', ['a'], 'n', { to: int(type) }),
    node(op, op === 'BitwiseNot' ? ['n'] : ['n', 'n'], 'm', attributes),
    node('Cast', ['m'], 'f', { to: int(1) }),
    node('Mul', ['f', 'i0'], 'o0'),
  ],
})

export const constant: readonly OpCase[] = [
  comparison('Less', 9),
  comparison('Greater', 9),
  comparison('Equal', 13),
  comparison('LessOrEqual', 12),
  comparison('GreaterOrEqual', 16),
  logic('And'),
  logic('Or'),
  logic('Xor'),
  {
    name: 'Not is constant',
    op: 'Not',
    inputs: [data(['N', 6], 'distinct'), float32s([0.04], [])],
    nodes: [node('Less', ['i0', 'i1'], 'c'), node('Not', ['c'], 'd'), node('Where', ['d', 'i0', 'i1'], 'o0')],
  },
  flat('IsNaN', [data(['N', 5])], {}, 9),
  flat('IsInf', [data(['N', 5])], {}, 10),
  flat('ArgMax', [data(['N', 5], 'distinct')], { axis: int(1) }),
  flat('ArgMin', [data(['N', 5], 'distinct')], { axis: int(1) }),
  // An odd number of 'distinct' values: none at an integer or half-way between two.
  flat('Floor', [data(['N', 5], 'distinct')]),
  flat('Ceil', [data(['N', 5], 'distinct')]),
  flat('Round', [data(['N', 5], 'distinct')], {}, 11),
  flat('Sign', [data(['N', 5], 'distinct')], {}, 9),
  bits('BitShift', 11, 2, { direction: { kind: 'string', value: 'LEFT' } }),
  bits('BitwiseAnd', 18, 7),
  bits('BitwiseOr', 18, 7),
  bits('BitwiseXor', 18, 7),
  bits('BitwiseNot', 18, 7),
  {
    // Over a parameter: over a batch the ones would depend on an example's place in it.
    name: 'EyeLike is constant',
    op: 'EyeLike',
    inputs: [data(['N', 4]), param([4, 4])],
    nodes: [
      node('EyeLike', ['i1'], 't', { k: int(1) }),
      node('Add', ['t', 'i1'], 'w'),
      node('MatMul', ['i0', 'w'], 'o0'),
    ],
  },
  {
    name: 'NonZero is constant',
    op: 'NonZero',
    opset: 13,
    inputs: [data(['N', 5], 'distinct'), param([5], 'distinct')],
    nodes: [
      node('NonZero', ['i1'], 'places'),
      node('Gather', ['i0', 'places'], 'g', { axis: int(1) }),
      node('Mul', ['g', 'i1'], 'o0'),
    ],
  },
  {
    name: 'Shape, Size and ConstantOfShape are constant',
    op: 'Shape',
    inputs: [data(['N', 4]), param([3, 4])],
    nodes: [
      node('Shape', ['i0'], 's'),
      node('ConstantOfShape', ['s'], 'ones', {
        value: tensorAttribute({ dtype: 'float32', dims: [1], data: Float32Array.of(2) }),
      }),
      node('Size', ['i1'], 'n'),
      node('Cast', ['n'], 'f', { to: int(1) }),
      node('Mul', ['ones', 'i0'], 'm'),
      node('Div', ['m', 'f'], 'd'),
      node('Gemm', ['d', 'i1'], 'o0', { transB: int(1) }),
    ],
  },
]
