import { float, floatAttribute, int, intAttribute } from '../../graph/graph.js'
import { given, type Lowering, type LoweringContext, rankOf, refuse } from '../lowering.js'

const domain = 'com.microsoft'
/** ε of the operators that add first, where they name none. */
const skipEpsilon = 1e-12

/** Normalisations as ONNX Runtime's optimiser writes them. SimplifiedLayerNormalization stands in the standard domain there. */
export const fusedNorm: readonly Lowering[] = [
  {
    op: 'SimplifiedLayerNormalization',
    since: 1,
    expand: (c) => [simplified(c, given(c, 0), { scale: 1, axis: axisOf(c), epsilon: 1e-5 })],
  },
  { op: 'SkipLayerNormalization', domain, since: 1, expand: skipped },
  { op: 'SkipSimplifiedLayerNormalization', domain, since: 1, expand: skippedSimplified },
]

const axisOf = (c: LoweringContext): number => intAttribute(c.node, 'axis', -1)

interface Norm {
  /** Position of the input that scales. */
  readonly scale: number
  readonly axis: number
  /** ε where the node has none. */
  readonly epsilon: number
}

/** x/√(mean(x²) + ε)·scale over the axes from `axis` on. */
function simplified(c: LoweringContext, x: string, { scale, axis, epsilon }: Norm): string {
  const { w } = c
  if (c.node.outputs[1]) refuse(c, 'its deviation used')
  const rank = rankOf(c, 0)
  const axes = Array.from({ length: rank }, (_, i) => i).slice(axis < 0 ? axis + rank : axis)
  const mean = w.add(w.reduceMean(w.mul(x, x), axes), w.scalar(floatAttribute(c.node, 'epsilon', epsilon)))
  return w.mul(w.op('Div', [x, w.op('Sqrt', [mean])]), given(c, scale))
}

/** x + skip + bias. */
function sum(c: LoweringContext, bias: number): string {
  const both = c.w.add(given(c, 0), given(c, 1))
  return c.I[bias] ? c.w.add(both, given(c, bias)) : both
}

function skipped(c: LoweringContext): (string | undefined)[] {
  const { w, node } = c
  if (node.outputs[1] || node.outputs[2]) refuse(c, 'its mean or deviation used')
  const x = sum(c, 4)
  const attributes = { axis: int(-1), epsilon: float(floatAttribute(node, 'epsilon', skipEpsilon)) }
  const y = w.op('LayerNormalization', [x, given(c, 2), c.I[3]?.name], attributes)
  return [y, undefined, undefined, x]
}

function skippedSimplified(c: LoweringContext): (string | undefined)[] {
  if (c.node.outputs[2]) refuse(c, 'its deviation used')
  const x = sum(c, 3)
  return [simplified(c, x, { scale: 2, axis: -1, epsilon: skipEpsilon }), undefined, undefined, x]
}
