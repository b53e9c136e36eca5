import { type Attributes, int } from '../../../src/graph/graph.js'
import { type CaseInput, type Domain, data, float32s, int64s, node, type OpCase, omitted, param } from '../op-case.js'

/** A function of one number, of data and of a parameter alone (where its cotangent is per example). */
export const unary = (
  op: string,
  domain: Domain,
  rest: { attributes?: Attributes; opset?: number; inputs?: readonly CaseInput[]; note?: string } = {},
): OpCase[] => {
  const { attributes = {}, opset = 17, inputs = [], note = '' } = rest
  const more = inputs.map((input, i) => (input === omitted ? '' : `i${i + 2}`))
  return [
    { name: `${op}${note}`, op, opset, attributes, inputs: [data(['N', 2, 8], domain), ...inputs] },
    {
      name: `${op}${note} of a parameter`,
      op,
      opset,
      inputs: [data(['N', 4, 4]), param([4, 4], domain), ...inputs],
      nodes: [node(op, ['i1', ...more], 't', attributes), node('Mul', ['i0', 't'], 'o0')],
    },
  ]
}

/**
 * A function of two numbers over the broadcast shapes that the training builders of ONNX Runtime test: equal, prefixes,
 * stretched axes on either side and on both, and of parameters alone.
 */
const binary = (op: string, a: Domain, b: Domain, opset = 17): OpCase[] => [
  { name: `${op} of equal shapes`, op, opset, inputs: [data(['N', 4, 5], a), data(['N', 4, 5], b)] },
  { name: `${op} with a parameter on the right`, op, opset, inputs: [data(['N', 4, 5], a), param([5], b)] },
  { name: `${op} with a parameter on the left`, op, opset, inputs: [param([4, 1], a), data(['N', 4, 5], b)] },
  { name: `${op} stretching both sides`, op, opset, inputs: [data(['N', 4, 1], a), param([1, 1, 5], b)] },
  { name: `${op} of data stretching both sides`, op, opset, inputs: [data(['N', 1, 5], a), data(['N', 4, 1], b)] },
  {
    name: `${op} of parameters`,
    op,
    opset,
    inputs: [data(['N', 4, 5]), param([4, 1], a), param([5], b)],
    nodes: [node(op, ['i1', 'i2'], 't'), node('Mul', ['i0', 't'], 'o0')],
  },
]

/** x^p with a constant p. */
const power = (p: number, domain: Domain, opset = 17): OpCase[] =>
  unary('Pow', domain, { opset, inputs: [float32s([p], [])], note: ` ${p}` })

/** Of inputs with even and odd numbers of elements: their 'distinct' values lie between each other, no ties. */
const extremum = (op: 'Max' | 'Min'): OpCase[] => [
  { name: `${op} of data and a parameter`, op, inputs: [data(['N', 4, 5], 'distinct'), param([5], 'distinct')] },
  { name: `${op} of a parameter and data`, op, inputs: [param([1, 5], 'distinct'), data(['N', 4, 5], 'distinct')] },
  {
    name: `${op} of three`,
    op,
    opset: 9,
    inputs: [data(['N', 4, 1], 'distinct'), param([5], 'distinct'), param([5], 'distinct'), float32s([0.04], [])],
    // Moved by 0.04, the third lies between the values of the other two.
    nodes: [node('Add', ['i2', 'i3'], 's'), node(op, ['i0', 'i1', 's'], 'o0')],
  },
  { name: `${op} of one`, op, inputs: [data(['N', 4])] },
  {
    name: `${op} of parameters`,
    op,
    inputs: [data(['N', 4, 5]), param([4, 1], 'distinct'), param([5], 'distinct')],
    nodes: [node(op, ['i1', 'i2'], 't'), node('Mul', ['i0', 't'], 'o0')],
  },
]

export const elementwise: readonly OpCase[] = [
  ...binary('Add', 'normal', 'normal'),
  {
    name: 'Add of a bias with more axes than the data',
    op: 'Add',
    inputs: [data(['N', 5]), param([1, 1, 5])],
  },
  ...binary('Sub', 'normal', 'normal'),
  ...binary('Mul', 'normal', 'normal'),
  ...binary('Div', 'normal', 'away-from-zero'),
  ...binary('Pow', 'positive', 'unit'),
  ...binary('Pow', 'positive', 'unit', 9).slice(1, 2),
  ...power(2, 'normal'),
  ...power(3, 'normal'),
  ...power(4, 'normal', 9),
  ...power(1, 'normal'),
  ...power(0.5, 'positive'),
  ...power(-1, 'away-from-zero'),
  ...power(-0.5, 'positive'),
  { name: 'Pow with an integer exponent', op: 'Pow', inputs: [data(['N', 4]), int64s([3], [])] },
  {
    name: 'Pow 0',
    op: 'Pow',
    inputs: [data(['N', 4]), float32s([0], [])],
    nodes: [node('Pow', ['i0', 'i1'], 't'), node('Mul', ['t', 'i0'], 'o0')],
  },
  { name: 'Pow with an exponent a column', op: 'Pow', inputs: [data(['N', 4], 'positive'), float32s([0, 1, 2, -1.5])] },
  {
    name: 'Pow with exponents made of data',
    op: 'Pow',
    inputs: [data(['N', 4]), param([4], 'positive')],
    nodes: [node('Tanh', ['i0'], 'p'), node('Pow', ['i1', 'p'], 'o0')],
  },
  // 9.3·0.17: no quotient of the 'distinct' values is a whole number, where the remainder jumps.
  ...unary('Mod', 'distinct', { attributes: { fmod: int(1) }, inputs: [float32s([1.581], [])] }),
  {
    name: 'Mod by a parameter',
    op: 'Mod',
    opset: 10,
    attributes: { fmod: int(1) },
    inputs: [data(['N', 4], 'distinct'), float32s([6]), param([4], 'distinct')],
    nodes: [
      node('Add', ['i1', 'i0'], 'a'),
      node('Sigmoid', ['i2'], 's'),
      node('Add', ['s', 'i1'], 'b'),
      node('Mod', ['a', 'b'], 'o0', { fmod: int(1) }),
    ],
  },
  ...extremum('Max'),
  ...extremum('Min'),
  { name: 'Sum of three', op: 'Sum', inputs: [data(['N', 4, 5]), param([5]), param([4, 1])] },
  { name: 'Sum of one', op: 'Sum', inputs: [data(['N', 4])] },
  { name: 'Mean of three', op: 'Mean', inputs: [data(['N', 4, 5]), param([5]), param([4, 1])] },
  {
    name: 'Mean of parameters',
    op: 'Mean',
    inputs: [data(['N', 4, 5]), param([5]), param([4, 1])],
    nodes: [node('Mean', ['i1', 'i2'], 't'), node('Mul', ['i0', 't'], 'o0')],
  },
  {
    name: 'Where with a condition made of data',
    op: 'Where',
    inputs: [data(['N', 4, 5], 'away-from-zero'), param([5]), param([4, 1]), float32s([0], [])],
    nodes: [node('Greater', ['i0', 'i3'], 'c'), node('Where', ['c', 'i1', 'i2'], 'o0')],
  },
  {
    name: 'Where with a condition that is stretched',
    op: 'Where',
    opset: 9,
    inputs: [data(['N', 4, 5]), data(['N', 4, 5]), float32s([-1, 1, 2, -2], [4, 1]), float32s([0], [])],
    nodes: [node('Greater', ['i2', 'i3'], 'c'), node('Where', ['c', 'i0', 'i1'], 'o0')],
  },
  {
    name: 'Where of parameters',
    op: 'Where',
    inputs: [data(['N', 4, 5]), param([4, 5], 'away-from-zero'), param([5]), float32s([0], [])],
    nodes: [node('Less', ['i1', 'i3'], 'c'), node('Where', ['c', 'i1', 'i2'], 't'), node('Mul', ['i0', 't'], 'o0')],
  },
  ...unary('Neg', 'normal'),
  ...unary('Sqrt', 'positive'),
  ...unary('Reciprocal', 'away-from-zero'),
  ...unary('Exp', 'normal'),
  ...unary('Log', 'positive'),
  ...unary('Abs', 'away-from-zero'),
  ...unary('Erf', 'normal'),
  ...unary('Identity', 'normal'),
  ...unary('OptionalGetElement', 'normal', { opset: 18 }),
  ...unary('Cast', 'normal', { attributes: { to: int(1) } }),
  {
    name: 'Cast to float64 and back',
    op: 'Cast',
    opset: 9,
    inputs: [data(['N', 4]), param([4])],
    nodes: [
      node('Mul', ['i0', 'i1'], 'h'),
      node('Cast', ['h'], 'd', { to: int(11) }),
      node('Cast', ['d'], 'o0', { to: int(1) }),
    ],
  },
  {
    name: 'Cast to integers is constant',
    op: 'Cast',
    inputs: [data(['N', 5], 'distinct'), param([5])],
    nodes: [
      node('Cast', ['i0'], 'n', { to: int(7) }),
      node('Cast', ['n'], 'f', { to: int(1) }),
      node('Add', ['f', 'i0'], 's'),
      node('Mul', ['s', 'i1'], 'o0'),
    ],
  },
  ...unary('CastLike', 'normal', { inputs: [float32s([1], [])] }),
]
