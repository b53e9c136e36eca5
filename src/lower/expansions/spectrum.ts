import { intAttribute, ints } from '../../graph/graph.js'
import { tensor } from '../../tensor/tensor.js'
import { constantNumber, given, type Lowering, type LoweringContext, lengthOf, rankOf, refuse } from '../lowering.js'

/**
 * Spectra of overlapping frames as a convolution: signal [N, L, a] with a = 1 (real) or 2 → [N, frames, K, 2]. The kernels are the
 * cosines and sines of each of the K frequencies, times the window. ONNX STFT-17.
 */
export const spectrum: readonly Lowering[] = [{ op: 'STFT', since: 17, constants: [1, 3], expand }]

/** Longest frame whose cosines are written into the graph. */
const longest = 2048

function expand(c: LoweringContext): string[] {
  const { w } = c
  const parts = rankOf(c, 0) === 3 ? lengthOf(c, 0, 2) : 1
  const length = constantNumber(c, 3) ?? (c.I[2] ? lengthOf(c, 2, 0) : lengthOf(c, 0, 1))
  if (length > longest) refuse(c, `frames of ${length} samples (more than ${longest})`)
  const step = constantNumber(c, 1) ?? refuse(c, 'no step')
  const isOneSided = intAttribute(c.node, 'onesided', 1) === 1
  const K = isOneSided ? Math.floor(length / 2) + 1 : length
  const waves = w.constant(tensor('float32', [2 * K, parts, length], wavesOf(K, parts, length)))
  const kernel = c.I[2] ? w.mul(waves, given(c, 2)) : waves
  const channels = rankOf(c, 0) === 3 ? w.transpose(given(c, 0), [0, 2, 1]) : w.unsqueeze(given(c, 0), 1)
  const frames = w.op('Conv', [channels, kernel], { kernel_shape: ints([length]), strides: ints([step]) })
  return [w.transpose(w.reshape(frames, [0, 2, K, -1]), [0, 3, 2, 1])]
}

/** Real parts of all frequencies, then imaginary ones: (re, im)·e^{−iφ} = (re·cos + im·sin, im·cos − re·sin). */
function wavesOf(K: number, parts: number, length: number): Float32Array {
  const waves = new Float32Array(2 * K * parts * length)
  for (let k = 0; k < K; k++) {
    for (let t = 0; t < length; t++) {
      const angle = ((2 * Math.PI) / length) * ((k * t) % length)
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
      const at = (row: number, part: number): number => (row * parts + part) * length + t
      waves[at(k, 0)] = cos
      waves[at(K + k, 0)] = -sin
      if (parts === 1) continue
      waves[at(k, 1)] = sin
      waves[at(K + k, 1)] = cos
    }
  }
  return waves
}
