import { float, int } from '../../../src/graph/graph.js'
import { node } from '../op-case.js'

/**
 * Indices −T·N/2 … from distinct data, half a step away from where they change: the multiples of 0.17 (see 'distinct') times
 * 1/0.17, plus ½, cut to whole numbers. For an even number of them.
 */
export const toIndex = [
  node('Mul', ['i0', 'step'], 'scaled'),
  node('Add', ['scaled', 'half'], 'centred'),
  node('Cast', ['centred'], 'index', { to: int(7) }),
]
/** What `toIndex` needs. */
export const toConstants = [
  { ...node('Constant', [], 'step'), attributes: { value_float: float(1 / 0.17) } },
  { ...node('Constant', [], 'half'), attributes: { value_float: float(0.5) } },
]
