import { type Attribute, type Attributes, floatAttribute, intAttribute, textAttribute } from '../../graph/graph.js'
import { given, type Lowering, type LoweringContext, rankOf, refuse } from '../lowering.js'
import type { Writer } from '../writer.js'

const domain = 'com.microsoft'

/** Activations and products as ONNX Runtime's optimiser writes them (its contrib operators, version 1). */
export const fused: readonly Lowering[] = [
  { op: 'Gelu', domain, since: 1, expand: ({ w, node }) => [gelu(w, node.inputs[0]!)] },
  { op: 'BiasGelu', domain, since: 1, expand: (c) => [gelu(c.w, c.w.add(given(c, 0), given(c, 1)))] },
  {
    op: 'FastGelu',
    domain,
    since: 1,
    expand: (c) => [tanhGelu(c.w, c.I[1] ? c.w.add(given(c, 0), given(c, 1)) : given(c, 0))],
  },
  {
    // x·σ(α·x)
    op: 'QuickGelu',
    domain,
    since: 1,
    expand: (c) => {
      const x = given(c, 0)
      return [c.w.mul(x, c.w.op('Sigmoid', [c.w.scale(x, floatAttribute(c.node, 'alpha', 1.702))]))]
    },
  },
  { op: 'FusedMatMul', domain, since: 1, expand: fusedMatMul },
  { op: 'TransposeMatMul', domain, since: 1, expand: fusedMatMul },
  {
    op: 'FusedGemm',
    domain,
    since: 1,
    expand: (c) => {
      const product = c.w.op('Gemm', c.node.inputs, without(c, /^activation/))
      const numbers = ['alpha', 'beta', 'gamma'].map((name) => c.node.attributes[`activation_${name}`])
      return [activated(c, product, numbers)]
    },
  },
  {
    // conv(X, W, B) + Z, then the activation.
    op: 'FusedConv',
    domain,
    since: 1,
    expand: (c) => {
      const y = c.w.op('Conv', c.node.inputs.slice(0, 3), without(c, /^activation/))
      const numbers = c.node.attributes.activation_params
      const list = numbers?.kind === 'floats' ? numbers.value : []
      const attributes = list.map((value): Attribute => ({ kind: 'float', value }))
      return [activated(c, c.I[3] ? c.w.add(y, given(c, 3)) : y, attributes)]
    },
  },
]

/** x/2·(1 + erf(x/√2)) */
export function gelu(w: Writer, x: string): string {
  const erf = w.op('Erf', [w.scale(x, Math.SQRT1_2)])
  return w.mul(w.scale(x, 0.5), w.add(erf, w.scalar(1)))
}

/** x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))) */
function tanhGelu(w: Writer, x: string): string {
  const k = Math.sqrt(2 / Math.PI)
  const bent = w.add(w.scale(w.mul(x, x), 0.044715 * k), w.scalar(k))
  return w.mul(w.scale(x, 0.5), w.add(w.op('Tanh', [w.mul(x, bent)]), w.scalar(1)))
}

function without(c: LoweringContext, names: RegExp): Attributes {
  return Object.fromEntries(Object.entries(c.node.attributes).filter(([name]) => !names.test(name)))
}

/** α·A'·B' with A' and B' transposed over their last two axes where asked. */
function fusedMatMul(c: LoweringContext): string[] {
  const { w, node } = c
  for (const name of ['transBatchA', 'transBatchB']) if (intAttribute(node, name, 0) !== 0) refuse(c, name)
  const operand = (i: number, name: string): string => {
    const rank = rankOf(c, i)
    if (intAttribute(node, name, 0) === 0 || rank < 2) return given(c, i)
    return w.transpose(given(c, i), [...Array(rank - 2).keys(), rank - 1, rank - 2])
  }
  return [w.scale(w.matmul(operand(0, 'transA'), operand(1, 'transB')), floatAttribute(node, 'alpha', 1))]
}

/** Names of the numbers of each activation, in the order in which they are given. */
const activations: Readonly<Record<string, readonly string[]>> = {
  Relu: [],
  Tanh: [],
  Sigmoid: [],
  Softplus: [],
  Softsign: [],
  LeakyRelu: ['alpha'],
  Elu: ['alpha'],
  HardSigmoid: ['alpha', 'beta'],
}

function activated(c: LoweringContext, x: string, numbers: readonly (Attribute | undefined)[]): string {
  const name = textAttribute(c.node, 'activation', '')
  if (name === '') return x
  const value = (i: number): number | undefined => {
    const a = numbers[i]
    return a?.kind === 'float' ? a.value : undefined
  }
  if (name === 'Clip') return clipped(c, x, value(0), value(1))
  const names = activations[name] ?? refuse(c, `the activation "${name}"`)
  const found = names.flatMap((n, i): [string, number][] => {
    const v = value(i)
    return v === undefined ? [] : [[n, v]]
  })
  return c.w.activation(name, x, Object.fromEntries(found))
}

function clipped({ w }: LoweringContext, x: string, low = -3.4e38, high = 3.4e38): string {
  if (w.opset < 11) return w.activation('Clip', x, { min: low, max: high })
  return w.op('Clip', [x, w.scalar(low), w.scalar(high)])
}
