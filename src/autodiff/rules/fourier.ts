import type { Val } from '../../graph/emitter.js'
import { sizeOf, tensor } from '../../tensor/tensor.js'
import {
  constantNumbers,
  dy,
  input,
  intOf,
  output,
  positiveAxis,
  type Rule,
  type RuleContext,
  refuse,
} from '../rule.js'

/**
 * The discrete Fourier transform is linear in the real and imaginary parts of x, so dx = Mᵀ·dy with its matrix M. x [*, n, *, a]
 * with a = 1 (real) or 2, y [*, k, *, b]; M [n·a, k·b]. ONNX DFT-17 (the axis an attribute) and DFT-20 (an input).
 */
export const fourier: readonly Rule[] = [{ op: 'DFT', since: 17, lifts: true, vjp: (c) => [() => transformedBack(c)] }]

/** Longest transform whose matrix is written into the graph. */
const longest = 1024

function transformedBack(c: RuleContext): Val {
  const { e } = c
  const [x, y] = [input(c, 0), output(c)]
  const rank = x.dims.length
  const axis = positiveAxis(c.opset < 20 ? intOf(c, 'axis', 1) : (constantNumbers(c, 2)?.[0] ?? -2), rank)
  const [n, k] = [x.dims[axis]!, y.dims[axis]!]
  const [a, b] = [x.dims[rank - 1]!, y.dims[rank - 1]!]
  if (Math.max(n, k) > longest) refuse(c, `${Math.max(n, k)} places (more than ${longest})`)
  // Places beside the parts, at the end: [*, k, b].
  const order = [...x.dims.keys()].filter((i) => i !== axis && i !== rank - 1).concat(axis, rank - 1)
  const lead = c.lead.length
  const g = e.transpose(dy(c), [...c.lead.keys(), ...order.map((i) => i + lead)])
  const rest = g.dims.slice(0, -2)
  const matrix = e.constant(tensor('float32', [k * b, n * a], adjointOf(c, { n, k, a, b })), 'fourier')
  const rows = e.matmul(e.reshape(g, [sizeOf(rest), k * b]), matrix)
  return e.transpose(e.reshape(rows, [...rest, n, a]), [
    ...c.lead.keys(),
    ...[...x.dims.keys()].map((i) => order.indexOf(i) + lead),
  ])
}

interface Sizes {
  readonly n: number
  readonly k: number
  readonly a: number
  readonly b: number
}

/** Mᵀ, row by row of y. Angles are reduced to one turn first, where they are exact. */
function adjointOf(c: RuleContext, { n, k, a, b }: Sizes): Float32Array {
  const isInverse = intOf(c, 'inverse', 0) === 1
  // Given back from one side: real, of any length; only half of x, or a little more, is there.
  const isRealBack = isInverse && intOf(c, 'onesided', 0) === 1
  const length = constantNumbers(c, 1)?.[0] ?? (isRealBack ? k : n)
  const used = Math.min(n, isRealBack ? Math.floor(length / 2) + 1 : length)
  const matrix = new Float32Array(k * b * n * a)
  for (let to = 0; to < k; to++) {
    for (let from = 0; from < used; from++) {
      const angle = ((2 * Math.PI) / length) * ((to * from) % length)
      const [cos, sin] = [Math.cos(angle), isInverse ? Math.sin(angle) : -Math.sin(angle)]
      // The other side holds the conjugates, which double the real part of what has one.
      const isTwice = isRealBack && from > 0 && 2 * from !== length
      const factor = (isInverse ? 1 / length : 1) * (isTwice ? 2 : 1)
      // (re, im)·e^{iφ} = (re·cos − im·sin, re·sin + im·cos)
      const parts = [
        [cos, -sin],
        [sin, cos],
      ] as const
      for (let p = 0; p < b; p++)
        for (let q = 0; q < a; q++) matrix[(to * b + p) * n * a + from * a + q] = factor * parts[p]![q]!
    }
  }
  return matrix
}
