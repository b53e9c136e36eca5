import { float, int, text } from '../../../src/graph/graph.js'
import { bools, data, float32s, node, type OpCase, omitted, param } from '../op-case.js'
import { unary } from './elementwise.js'

/** Bounds lie between the multiples of 0.17 that 'distinct' values are. */
const [low, high] = [-0.6, 0.75]

export const activation: readonly OpCase[] = [
  ...unary('Relu', 'away-from-zero'),
  ...unary('LeakyRelu', 'away-from-zero'),
  ...unary('LeakyRelu', 'away-from-zero', { attributes: { alpha: float(-0.3) }, note: ' with a negative slope' }),
  { name: 'PRelu with a slope a channel', op: 'PRelu', inputs: [data(['N', 4, 3], 'away-from-zero'), param([4, 1])] },
  { name: 'PRelu with one slope', op: 'PRelu', opset: 9, inputs: [data(['N', 4], 'away-from-zero'), param([1])] },
  {
    name: 'PRelu of parameters',
    op: 'PRelu',
    inputs: [data(['N', 4, 3]), param([4, 3], 'away-from-zero'), param([3])],
    nodes: [node('PRelu', ['i1', 'i2'], 't'), node('Mul', ['i0', 't'], 'o0')],
  },
  ...unary('ThresholdedRelu', 'distinct', { attributes: { alpha: float(0.6) } }),
  // Multiples of 0.17 are never ±0.4.
  ...unary('Shrink', 'distinct', { opset: 9, attributes: { lambd: float(0.4), bias: float(0.3) } }),
  ...unary('Shrink', 'away-from-zero', { attributes: { lambd: float(0.1) }, note: ' without a bias' }),
  ...unary('Elu', 'away-from-zero'),
  ...unary('Elu', 'away-from-zero', { attributes: { alpha: float(0.4) }, note: ' with alpha' }),
  ...unary('Selu', 'away-from-zero'),
  ...unary('Selu', 'away-from-zero', {
    attributes: { alpha: float(0.4), gamma: float(2) },
    note: ' with alpha and gamma',
  }),
  ...unary('Celu', 'away-from-zero'),
  ...unary('Celu', 'away-from-zero', { attributes: { alpha: float(0.4) }, opset: 12, note: ' with alpha' }),
  ...unary('Sigmoid', 'normal'),
  ...unary('Tanh', 'normal'),
  ...unary('Softplus', 'normal'),
  ...unary('Softsign', 'away-from-zero'),
  ...unary('HardSigmoid', 'normal'),
  ...unary('HardSigmoid', 'distinct', {
    attributes: { alpha: float(0.5), beta: float(0.45) },
    note: ' with alpha and beta',
  }),
  // Values from −4.08 to 3.91, none nearer than 0.05 to the bounds −3 and 3.
  ...unary('HardSwish', 'distinct'),
  ...unary('Gelu', 'normal', { opset: 20 }),
  ...unary('Gelu', 'normal', { opset: 20, attributes: { approximate: text('tanh') }, note: ' by tanh' }),
  ...unary('Swish', 'normal', { opset: 24 }),
  ...unary('Swish', 'normal', { opset: 24, attributes: { alpha: float(1.7) }, note: ' with alpha' }),
  ...unary('Mish', 'normal', { opset: 18 }),
  ...unary('Clip', 'distinct', {
    opset: 9,
    attributes: { min: float(low), max: float(high) },
    note: ' by attributes',
  }),
  ...unary('Clip', 'distinct', { opset: 10, attributes: { max: float(high) }, note: ' above, by attribute' }),
  ...unary('Clip', 'distinct', { opset: 9, note: ' without attributes' }),
  ...unary('Clip', 'distinct', { inputs: [float32s([low], []), float32s([high], [])] }),
  ...unary('Clip', 'away-from-zero', { inputs: [float32s([0], []), float32s([6], [])], note: ' from 0 to 6' }),
  ...unary('Clip', 'distinct', { opset: 11, inputs: [float32s([low], [])], note: ' below' }),
  ...unary('Clip', 'distinct', { inputs: [omitted, float32s([high], [])], note: ' above' }),
  {
    name: 'Clip with bounds made of parameters',
    op: 'Clip',
    inputs: [data(['N', 2, 8], 'distinct'), param([3], 'distinct')],
    nodes: [
      node('ReduceMin', ['i1'], 'low', { keepdims: int(0) }),
      node('ReduceMax', ['i1'], 'high', { keepdims: int(0) }),
      node('Clip', ['i0', 'low', 'high'], 'o0'),
    ],
  },
  ...unary('Dropout', 'normal', { opset: 11, attributes: { ratio: float(0.4) }, note: ' by attribute' }),
  ...unary('Dropout', 'normal', { opset: 12 }),
  ...unary('Dropout', 'normal', {
    inputs: [float32s([0.4], []), bools([false], [])],
    note: ' with its training mode off',
  }),
]
