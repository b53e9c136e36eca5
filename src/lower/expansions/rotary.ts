import { intAttribute } from '../../graph/graph.js'
import { given, type Lowering, type LoweringContext, lengthOf, rankOf } from '../lowering.js'

/**
 * Pairs (a, b) of each head turned by the angle of their position: (cos·a − sin·b, sin·a + cos·b); what lies behind
 * `rotary_embedding_dim` stays. ONNX RotaryEmbedding-23.
 */
export const rotary: readonly Lowering[] = [{ op: 'RotaryEmbedding', since: 23, expand }]

function expand(c: LoweringContext): string[] {
  const { w, node } = c
  const isFlat = rankOf(c, 0) === 3
  const heads = isFlat ? intAttribute(node, 'num_heads', 1) : lengthOf(c, 0, 1)
  const depth = isFlat ? lengthOf(c, 0, 2) / heads : lengthOf(c, 0, 3)
  // Heads behind positions, [N, S, H, D].
  const x = isFlat ? w.reshape(given(c, 0), [0, 0, heads, depth]) : w.transpose(given(c, 0), [0, 2, 1, 3])
  const turned = intAttribute(node, 'rotary_embedding_dim', 0) || depth
  const half = turned / 2
  const [head, rest] = turned === depth ? [x, undefined] : (w.split(x, 3, [turned, depth - turned]) as [string, string])
  const isInterleaved = intAttribute(node, 'interleaved', 0) === 1
  const [a, b] = isInterleaved
    ? w.split(w.reshape(head, [0, 0, heads, half, 2]), 4, [1, 1]).map((v) => w.squeeze(v, 4))
    : w.split(head, 3, [half, half])
  const cos = angles(c, 1)
  const sin = angles(c, 2)
  const real = w.sub(w.mul(cos, a!), w.mul(sin, b!))
  const imaginary = w.add(w.mul(sin, a!), w.mul(cos, b!))
  const pairs = isInterleaved
    ? w.reshape(w.concat([w.unsqueeze(real, 4), w.unsqueeze(imaginary, 4)], 4), [0, 0, heads, turned])
    : w.concat([real, imaginary], 3)
  const y = rest ? w.concat([pairs, rest], 3) : pairs
  return [isFlat ? w.reshape(y, [0, 0, heads * depth]) : w.transpose(y, [0, 2, 1, 3])]
}

/** Cosines or sines as [N, S, 1, D/2]: of each position, where positions are given. */
function angles(c: LoweringContext, i: number): string {
  const { w } = c
  const table = c.I[3] ? w.op('Gather', [given(c, i), given(c, 3)], { axis: { kind: 'int', value: 0 } }) : given(c, i)
  return w.unsqueeze(table, 2)
}
