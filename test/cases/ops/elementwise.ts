import { data, type OpCase, param } from '../op-case.js'

/** Broadcast shapes after the list that the training builders of ONNX Runtime test: scalars, prefixes, stretched axes. */
export const elementwise: readonly OpCase[] = [
  { name: 'Add of equal shapes', op: 'Add', inputs: [data(['N', 4, 5]), data(['N', 4, 5])] },
  { name: 'Add of a bias on the last axis', op: 'Add', inputs: [data(['N', 4, 5]), param([5])] },
  { name: 'Add of a bias with a stretched axis', op: 'Add', inputs: [data(['N', 4, 5]), param([1, 4, 1])] },
  {
    name: 'Add of a bias with more axes than the data',
    op: 'Add',
    inputs: [data(['N', 5]), param([1, 1, 5])],
  },
  { name: 'Sub of a bias', op: 'Sub', inputs: [data(['N', 4]), param([4])] },
  { name: 'Mul of a scale', op: 'Mul', inputs: [data(['N', 4, 5]), param([4, 1])] },
  { name: 'Mul of a scale on the left', op: 'Mul', inputs: [param([1, 5]), data(['N', 4, 5])] },
]
