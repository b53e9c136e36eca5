import type { Rule } from '../rule.js'

/**
 * Operators whose gradient is zero wherever it exists: nothing flows back through them. An operator belongs here only where
 * zero is the true derivative of its output by every input, almost everywhere. What stands for something smooth has no rule
 * and is refused by name, since a zero would hide every parameter before it: quantisation, Hardmax, random numbers.
 */
export const constant: readonly Rule[] = [
  // Truth values.
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'And', 'Or', 'Xor', 'Not', 'IsNaN', 'IsInf'],
  // Indices and shapes, and what is made of a shape.
  ...['ArgMax', 'ArgMin', 'NonZero', 'Shape', 'Size', 'EyeLike', 'ConstantOfShape'],
  // Bits of integers.
  ...['BitShift', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'BitwiseNot'],
  // Flat between their steps.
  ...['Floor', 'Ceil', 'Round', 'Sign'],
].map((op): Rule => ({ op, since: 1, lifts: true, vjp: () => [] }))
