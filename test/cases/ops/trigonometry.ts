import type { OpCase } from '../op-case.js'
import { unary } from './elementwise.js'

export const trigonometry: readonly OpCase[] = [
  ...unary('Sin', 'normal'),
  ...unary('Cos', 'normal', { opset: 22 }),
  // Away from its poles at ±π/2.
  ...unary('Tan', 'unit'),
  ...unary('Asin', 'unit'),
  ...unary('Acos', 'unit', { opset: 22 }),
  ...unary('Atan', 'normal', { opset: 9 }),
  ...unary('Sinh', 'normal'),
  ...unary('Cosh', 'normal', { opset: 9 }),
  ...unary('Asinh', 'normal', { opset: 22 }),
  ...unary('Acosh', 'above-one'),
  ...unary('Atanh', 'unit', { opset: 9 }),
]
