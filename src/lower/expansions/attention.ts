import { floatAttribute, intAttribute } from '../../graph/graph.js'
import { tensor } from '../../tensor/tensor.js'
import { given, type Lowering, type LoweringContext, lengthOf, rankOf, refuse, traced } from '../lowering.js'

/**
 * Y = softmax(softcap(s·Q·Kᵀ) + mask)·V, heads on an axis of their own: Q [N, H, S, D], K and V [N, H', S', D]. Where H > H' each
 * head of K and V serves H/H' heads of Q in a row. A query that may look at nothing gives zeros. ONNX Attention-23 and -24.
 */
export const attention: readonly Lowering[] = [{ op: 'Attention', since: 23, expand }]

interface Sizes {
  /** Heads of the queries, and of keys and values. */
  readonly heads: number
  readonly shared: number
  readonly queries: number
  readonly keys: number
  readonly past: number
}

function expand(c: LoweringContext): (string | undefined)[] {
  const { w, node } = c
  if (intAttribute(node, 'left_window_size', -1) >= 0 || intAttribute(node, 'right_window_size', -1) >= 0)
    refuse(c, 'a window')
  const isFlat = rankOf(c, 0) === 3
  const sizes = sizesOf(c, isFlat)
  const { heads, shared, queries } = sizes
  const depth = isFlat ? lengthOf(c, 0, 2) / heads : lengthOf(c, 0, 3)
  const q = isFlat ? headsApart(c, given(c, 0), heads, depth) : given(c, 0)
  const [k, v] = [1, 2].map((i) => {
    const now = isFlat ? headsApart(c, given(c, i), shared, lengthOf(c, i, 2) / shared) : given(c, i)
    return c.I[i + 3] ? w.concat([given(c, i + 3), now], 2) : now
  }) as [string, string]
  const scale = floatAttribute(node, 'scale', 1 / Math.sqrt(depth))
  const group = heads / shared
  // Grouped: [N, H', H/H', S, D] against [N, H', 1, S', D].
  const apart = (x: string, last: number): string => (group === 1 ? x : w.reshape(x, [0, shared, group, queries, last]))
  const alike = (x: string): string => (group === 1 ? x : w.unsqueeze(x, 2))
  const together = (x: string, last: number): string => (group === 1 ? x : w.reshape(x, [0, heads, queries, last]))
  const turned = alike(w.transpose(k, [0, 1, 3, 2]))
  const scores = together(w.matmul(apart(w.scale(q, scale), depth), turned), sizes.keys)
  const cap = floatAttribute(node, 'softcap', 0)
  const capped = cap === 0 ? scores : w.scale(w.op('Tanh', [w.scale(scores, 1 / cap)]), cap)
  const { biased, p: whole } = softmax(c, capped, sizes)
  const p = apart(whole, sizes.keys)
  const width = isFlat ? lengthOf(c, 2, 2) / shared : lengthOf(c, 2, 3)
  const y = together(w.matmul(p, alike(v)), width)
  const seen = [scores, capped, biased, whole][intAttribute(node, 'qk_matmul_output_mode', 0)]
  return [isFlat ? w.reshape(w.transpose(y, [0, 2, 1, 3]), [0, queries, heads * width]) : y, k, v, seen]
}

function sizesOf(c: LoweringContext, isFlat: boolean): Sizes {
  const past = c.I[4] ? lengthOf(c, 4, 2) : 0
  const heads = isFlat ? intAttribute(c.node, 'q_num_heads', 1) : lengthOf(c, 0, 1)
  const shared = isFlat ? intAttribute(c.node, 'kv_num_heads', 1) : lengthOf(c, 1, 1)
  const axis = isFlat ? 1 : 2
  return { heads, shared, past, queries: lengthOf(c, 0, axis), keys: past + lengthOf(c, 1, axis) }
}

/** [N, S, H·D] → [N, H, S, D]. */
function headsApart({ w }: LoweringContext, x: string, heads: number, depth: number): string {
  return w.transpose(w.reshape(x, [0, 0, heads, depth]), [0, 2, 1, 3])
}

/** Softmax over what each query may look at, and what it is taken of: a float mask is added before. */
function softmax(c: LoweringContext, scores: string, sizes: Sizes): { biased: string; p: string } {
  const { w } = c
  const allowed = allowedOf(c, sizes)
  const isAdded = c.I[3] && c.I[3].dtype !== 'bool'
  const biased = isAdded ? w.add(scores, widened(c, sizes, given(c, 3))) : scores
  const last = { axis: { kind: 'int', value: -1 } } as const
  if (allowed.length === 0) return { biased, p: w.op('Softmax', [biased], last) }
  const may = allowed.reduce((a, b) => w.op('And', [a, b]))
  const p = w.op('Softmax', [w.where(may, biased, w.scalar(-3e38))], last)
  const isAsked = c.node.outputs[3] && intAttribute(c.node, 'qk_matmul_output_mode', 0) === 2
  const masked = isAsked ? w.where(may, biased, w.scalar(Number.NEGATIVE_INFINITY)) : biased
  return { biased: masked, p: w.where(may, p, w.scalar(0)) }
}

/** A mask that is shorter than the keys leaves the rest out: those places are masked by `allowedOf`. */
function widened(c: LoweringContext, { keys }: Sizes, mask: string): string {
  const short = keys - lengthOf(c, 3, -1)
  if (short === 0) return mask
  const rank = rankOf(c, 3)
  const pads = Array(2 * rank).fill(0)
  pads[2 * rank - 1] = short
  return c.w.op('Pad', [mask, c.w.ints(pads)])
}

/** Where a query may look, as bool masks that broadcast to [N, H, S, S']. */
function allowedOf(c: LoweringContext, sizes: Sizes): string[] {
  const { w } = c
  const { queries, keys, past } = sizes
  const masks: string[] = []
  const table = (test: (q: number, k: number) => boolean): string => {
    const bits = Uint8Array.from({ length: queries * keys }, (_, at) => Number(test(Math.floor(at / keys), at % keys)))
    return w.constant(tensor('bool', [queries, keys], bits))
  }
  if (c.I[3]?.dtype === 'bool') {
    if (lengthOf(c, 3, -1) !== keys) refuse(c, 'a boolean mask shorter than the keys')
    masks.push(given(c, 3))
  } else if (c.I[3] && lengthOf(c, 3, -1) !== keys) {
    const length = lengthOf(c, 3, -1)
    masks.push(table((_, k) => k < length))
  }
  const isCausal = intAttribute(c.node, 'is_causal', 0) === 1
  const valid = c.I[6] && w.reshape(traced(c, 6).name, [-1, 1, 1, 1])
  if (valid) masks.push(w.op('Less', [w.ints([...Array(keys).keys()]), valid]))
  if (isCausal && valid) {
    // k ≤ q + valid − S: the last query looks at the last valid key.
    const behind = tensor(
      'int64',
      [queries, keys],
      BigInt64Array.from({ length: queries * keys }, (_, at) => BigInt((at % keys) - Math.floor(at / keys) + queries)),
    )
    masks.push(w.op('Not', [w.op('Greater', [w.constant(behind), valid])]))
  } else if (isCausal) masks.push(table((q, k) => k <= q + past))
  return masks
}
