import { type Attributes, float, int, ints, text } from '../../src/graph/graph.js'
import { type Dim, type GraphBuilder, type Ingredient, isBatch, product, type Value } from './graph-builder.js'
import { broadcastable, isBatchFirst, numbersOf, partner, plainAxes, replaced, shapeOf } from './graph-fitting.js'
import { layers } from './graph-layers.js'
import { moves } from './graph-moves.js'

const unary = (name: string, since = 1, attributes: Attributes = {}): Ingredient => ({
  name,
  since,
  apply: (b, x) => b.op(name, [x], x.dims, attributes),
})
/** Of a value that Tanh has brought into (−1, 1), as `within` moves it. */
const tame = (name: string, since: number, within: (b: GraphBuilder, t: Value) => Value): Ingredient => ({
  name,
  since,
  apply: (b, x) => b.op(name, [within(b, b.op('Tanh', [x], x.dims))], x.dims),
})
const half = (b: GraphBuilder, t: Value): Value => b.op('Mul', [t, b.scalar(0.5)], t.dims)
const aboveOne = (b: GraphBuilder, t: Value): Value => b.op('Add', [t, b.scalar(2.5)], t.dims)
const kinky = (i: Ingredient): Ingredient => ({ ...i, isKinky: true })

const binary = (name: string, positive = false): Ingredient => ({
  name: `${name} with a parameter`,
  apply(b, x) {
    const p = b.param(broadcastable(b, x), positive ? { positive: true } : {})
    const dims = p.dims.length > x.dims.length ? undefined : x.dims
    return dims && b.op(name, b.chance(0.7) || positive ? [x, p] : [p, x], dims)
  },
})
const between = (name: string, since = 1): Ingredient => ({
  name: `${name} of two values`,
  since,
  apply: (b, x) => b.op(name, [x, partner(b, x)], x.dims),
})

const reduce = (name: string, axesSince: number): Ingredient => ({
  name,
  apply(b, x) {
    const axes = plainAxes(x).filter(() => b.chance(0.6))
    if (axes.length === 0) return undefined
    const keep = b.below(2)
    const dims = keep ? x.dims.map((d, i) => (axes.includes(i) ? 1 : d)) : x.dims.filter((_, i) => !axes.includes(i))
    const signed = b.opset >= 11 && b.chance(0.3) ? axes.map((a) => a - x.dims.length) : axes
    return b.withAxes(name, x, signed, { since: axesSince, dims, attributes: { keepdims: int(keep) } })
  },
})

const conv = (name: 'Conv' | 'ConvTranspose'): Ingredient => ({
  name,
  apply(b, x) {
    const rank = x.dims.length - 2
    if (!isBatch(x.dims[0]) || rank < 1 || rank > 2) return undefined
    const [C, ...space] = shapeOf(x) as [number, ...number[]]
    const groups = C % 2 === 0 && b.chance(0.3) ? 2 : b.chance(0.2) ? C : 1
    const O = groups * (1 + b.below(2))
    const kernel = space.map((s) => 1 + b.below(Math.min(3, s)))
    const strides = space.map(() => 1 + b.below(2))
    const dilations = space.map((s, i) => (kernel[i]! > 1 && (kernel[i]! - 1) * 2 < s && b.chance(0.3) ? 2 : 1))
    const pads = [...space, ...space].map((_, i) => b.below(Math.min(2, kernel[i % rank]!)))
    const reach = kernel.map((k, i) => (k - 1) * dilations[i]! + 1)
    const isTransposed = name === 'ConvTranspose'
    const out = space.map((s, i) => {
      const padded = pads[i]! + pads[i + rank]!
      return isTransposed
        ? (s - 1) * strides[i]! + reach[i]! - padded
        : Math.floor((s + padded - reach[i]!) / strides[i]!) + 1
    })
    if (out.some((s) => s < 1)) return undefined
    const w = b.param(isTransposed ? [C, O / groups, ...kernel] : [O, C / groups, ...kernel])
    const attributes = {
      group: int(groups),
      strides: ints(strides),
      dilations: ints(dilations),
      pads: ints(pads),
      kernel_shape: ints(kernel),
    }
    return b.op(name, b.chance(0.5) ? [x, w, b.param([O])] : [x, w], [x.dims[0]!, O, ...out], attributes)
  },
})

const pool = (name: 'AveragePool' | 'MaxPool' | 'LpPool'): Ingredient => ({
  name,
  apply(b, x) {
    const rank = x.dims.length - 2
    if (!isBatch(x.dims[0]) || rank < 1 || rank > 2) return undefined
    const [C, ...space] = shapeOf(x) as [number, ...number[]]
    const kernel = space.map((s) => 1 + b.below(Math.min(3, s)))
    const strides = space.map(() => 1 + b.below(2))
    const pads = [...space, ...space].map((_, i) => b.below(Math.min(2, kernel[i % rank]!)))
    const out = space.map((s, i) => Math.floor((s + pads[i]! + pads[i + rank]! - kernel[i]!) / strides[i]!) + 1)
    if (out.some((s) => s < 1)) return undefined
    const isCounted: Attributes = name === 'AveragePool' ? { count_include_pad: int(b.below(2)) } : {}
    return b.op(name, [x], [x.dims[0]!, C, ...out], {
      kernel_shape: ints(kernel),
      strides: ints(strides),
      pads: ints(pads),
      ...isCounted,
    })
  },
})

/** Smooth operators. */
const smooth: readonly Ingredient[] = [
  ...['Tanh', 'Sigmoid', 'Softplus', 'Neg', 'Identity', 'Sin', 'Cos'].map((name) => unary(name)),
  unary('Erf', 9),
  unary('Gelu', 20),
  unary('Mish', 18),
  unary('Swish', 24),
  { name: 'Gelu, approximate', since: 20, apply: (b, x) => b.op('Gelu', [x], x.dims, { approximate: text('tanh') }) },
  tame('Exp', 1, (_, t) => t),
  tame('Sqrt', 1, aboveOne),
  tame('Log', 1, aboveOne),
  tame('Reciprocal', 1, aboveOne),
  tame('Acosh', 9, aboveOne),
  tame('Tan', 7, half),
  tame('Asin', 7, half),
  tame('Acos', 7, half),
  tame('Atanh', 9, half),
  tame('Sinh', 9, half),
  tame('Cosh', 9, half),
  unary('Atan', 7),
  unary('Asinh', 9),
  ...['Add', 'Sub', 'Mul'].map((name) => binary(name)),
  binary('Div', true),
  ...['Add', 'Sub', 'Mul'].map((name) => between(name)),
  between('Sum', 8),
  between('Mean', 8),
  { name: 'Pow', apply: (b, x) => b.op('Pow', [b.op('Tanh', [x], x.dims), b.scalar(1 + b.below(3))], x.dims) },
  {
    name: 'Pow of a parameter',
    since: 12,
    apply: (b, x) => b.op('Pow', [b.param([1], { positive: true }), b.op('Tanh', [x], x.dims)], x.dims),
  },
  {
    name: 'MatMul with a parameter',
    apply(b, x) {
      const K = x.dims.at(-1)
      if (x.dims.length < 2 || typeof K !== 'number' || K === 0) return undefined
      const M = 1 + b.below(4)
      const before = x.dims.slice(0, -2)
      const isWide = before.length > 0 && typeof before.at(-1) === 'number' && b.chance(0.3)
      const lead = isWide ? [b.chance(0.5) ? (before.at(-1) as number) : 1] : []
      return b.op('MatMul', [x, b.param([...lead, K, M])], [...x.dims.slice(0, -1), M])
    },
  },
  {
    name: 'MatMul of a parameter and a value',
    apply(b, x) {
      const [K, last] = [x.dims.at(-2), x.dims.at(-1)]
      if (x.dims.length < 3 || typeof K !== 'number' || typeof last !== 'number') return undefined
      const M = 1 + b.below(3)
      return b.op('MatMul', [b.param([M, K]), x], [...x.dims.slice(0, -2), M, last])
    },
  },
  {
    name: 'MatMul with a vector',
    apply(b, x) {
      const K = x.dims.at(-1)
      if (x.dims.length < 2 || typeof K !== 'number') return undefined
      return b.op('MatMul', [x, b.param([K])], x.dims.slice(0, -1))
    },
  },
  {
    name: 'MatMul with itself',
    apply(b, x) {
      const [m, k] = [x.dims.at(-2), x.dims.at(-1)]
      if (x.dims.length < 3 || typeof m !== 'number' || typeof k !== 'number') return undefined
      const r = x.dims.length
      const turned = b.transpose(x, [...Array(r - 2).keys(), r - 1, r - 2])
      return b.op('MatMul', [x, turned], [...x.dims.slice(0, -2), m, m])
    },
  },
  {
    name: 'Gemm',
    apply(b, x) {
      if (!isBatchFirst(x, 2)) return undefined
      const K = x.dims[1] as number
      const M = 1 + b.below(4)
      const transB = b.below(2)
      const inputs = [x, b.param(transB ? [M, K] : [K, M])]
      if (b.opset < 11 || b.chance(0.7)) inputs.push(b.param(b.oneOf([[M], [1, M], [1], [1, 1]])))
      return b.op('Gemm', inputs, [x.dims[0]!, M], { transB: int(transB), alpha: float(0.5), beta: float(1.5) })
    },
  },
  {
    name: 'Gemm, examples behind',
    apply(b, x) {
      if (!isBatchFirst(x, 2)) return undefined
      const K = x.dims[1] as number
      const M = 1 + b.below(3)
      return b.op('Gemm', [b.transpose(x, [1, 0]), b.param([K, M]), b.param([M])], [x.dims[0]!, M], { transA: int(1) })
    },
  },
  {
    name: 'Einsum',
    since: 12,
    apply(b, x) {
      if (!isBatchFirst(x, 3)) return undefined
      const [S, C] = shapeOf(x) as [number, number]
      const M = 1 + b.below(3)
      const [N] = x.dims as [Dim]
      const forms: [string, number[], Dim[]][] = [
        ['nsc,cm->nsm', [C, M], [N, S, M]],
        ['nsc,scm->nm', [S, C, M], [N, M]],
        ['nsc,sc->ns', [S, C], [N, S]],
        ['nsc,mc->smn', [M, C], [S, M, N]],
        ['nsc,s->ncs', [S], [N, C, S]],
      ]
      const [equation, dims, out] = b.oneOf(forms)
      return b.op('Einsum', [x, b.param(dims)], out, { equation: text(equation) })
    },
  },
  conv('Conv'),
  conv('ConvTranspose'),
  pool('AveragePool'),
  {
    name: 'GlobalAveragePool',
    apply: (b, x) =>
      isBatch(x.dims[0]) && x.dims.length > 2
        ? b.op('GlobalAveragePool', [x], [...x.dims.slice(0, 2), ...x.dims.slice(2).map(() => 1)])
        : undefined,
  },
  reduce('ReduceSum', 13),
  reduce('ReduceMean', 18),
  reduce('ReduceSumSquare', 18),
  reduce('ReduceLogSumExp', 18),
  {
    name: 'Softmax',
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x))
      // Before opset 13 everything from the axis on was one: the examples must not be among it.
      if (axis === undefined || (b.opset < 13 && x.dims.findIndex(isBatch) > axis)) return undefined
      return b.op(b.chance(0.7) ? 'Softmax' : 'LogSoftmax', [x], x.dims, { axis: int(axis) })
    },
  },
  {
    name: 'LayerNormalization',
    since: 17,
    apply(b, x) {
      const from = 1 + b.below(x.dims.length - 1)
      const dims = numbersOf(x).slice(from)
      if (x.dims.length < 2 || dims.some((d) => d === undefined) || product(x.dims.slice(from)) === 1) return undefined
      const shape = dims.map((d) => d ?? 1)
      const inputs = [x, b.param(shape), ...(b.chance(0.5) ? [b.param(shape)] : [])]
      return b.op('LayerNormalization', inputs, x.dims, { axis: int(from), epsilon: float(0.1) })
    },
  },
  {
    name: 'RMSNormalization',
    since: 23,
    apply(b, x) {
      const last = x.dims.at(-1)
      if (typeof last !== 'number') return undefined
      return b.op('RMSNormalization', [x, b.param([last])], x.dims, { epsilon: float(0.1) })
    },
  },
  {
    name: 'InstanceNormalization',
    apply(b, x) {
      if (!isBatch(x.dims[0]) || x.dims.length < 3) return undefined
      const C = x.dims[1] as number
      return b.op('InstanceNormalization', [x, b.param([C]), b.param([C])], x.dims, { epsilon: float(0.1) })
    },
  },
  {
    name: 'GroupNormalization',
    since: 21,
    apply(b, x) {
      if (!isBatch(x.dims[0]) || x.dims.length < 3) return undefined
      const C = x.dims[1] as number
      const groups = C % 2 === 0 ? 2 : 1
      const attributes = { num_groups: int(groups), epsilon: float(0.1) }
      return b.op('GroupNormalization', [x, b.param([C]), b.param([C])], x.dims, attributes)
    },
  },
  {
    name: 'BatchNormalization',
    since: 9,
    apply(b, x) {
      if (!isBatch(x.dims[0]) || x.dims.length < 2) return undefined
      const C = x.dims[1] as number
      const parts = [
        b.param([C]),
        b.param([C]),
        b.param([C], { buffer: true }),
        b.param([C], { positive: true, buffer: true }),
      ]
      return b.op('BatchNormalization', [x, ...parts], x.dims)
    },
  },
  ...moves,
  ...layers,
]

/** Operators with kinks, jumps or ties. */
const bent: readonly Ingredient[] = [
  ...['Softsign', 'Elu', 'Relu', 'Abs', 'LeakyRelu', 'HardSigmoid', 'Selu', 'Ceil', 'Floor', 'Sign'].map((name) =>
    unary(name),
  ),
  unary('HardSwish', 14),
  unary('Celu', 12),
  unary('ThresholdedRelu', 10),
  unary('Round', 11),
  between('Max', 8),
  between('Min', 8),
  pool('MaxPool'),
  pool('LpPool'),
  reduce('ReduceMax', 18),
  reduce('ReduceMin', 18),
  reduce('ReduceL1', 18),
  reduce('ReduceL2', 18),
  reduce('ReduceProd', 18),
  {
    name: 'PRelu',
    apply: (b, x) =>
      x.dims.length > 1 && isBatch(x.dims[0])
        ? b.op('PRelu', [x, b.param([x.dims.at(-1) as number])], x.dims)
        : undefined,
  },
  {
    name: 'Clip',
    apply: (b, x) =>
      b.opset < 11
        ? b.op('Clip', [x], x.dims, { min: float(-0.5), max: float(0.7) })
        : b.op('Clip', [x, b.scalar(-0.5), b.scalar(0.7)], x.dims),
  },
  {
    name: 'TopK',
    since: 11,
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x).filter((i) => (x.dims[i] as number) > 1))
      if (axis === undefined) return undefined
      const k = 1 + b.below(x.dims[axis] as number)
      const [values] = b.many('TopK', [x, b.ints([k])], 2, { axis: int(axis) })
      return { name: values!, dims: replaced(x.dims, axis, k) }
    },
  },
  {
    name: 'LpNormalization',
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x))
      return axis === undefined ? undefined : b.op('LpNormalization', [x], x.dims, { axis: int(axis), p: int(2) })
    },
  },
  // Mixes the examples of a batch, or has no gradient: must be refused.
  {
    name: 'mean of the batch',
    apply(b, x) {
      const axis = x.dims.findIndex(isBatch)
      const attributes = { keepdims: int(1) }
      const mean = b.withAxes('ReduceMean', x, [axis], { since: 18, dims: replaced(x.dims, axis, 1), attributes })
      b.isMixed = true
      return b.op('Sub', [x, mean], x.dims)
    },
  },
  {
    name: 'Hardmax',
    apply: (b, x) => (x.dims.findIndex(isBatch) === 0 && x.dims.length > 1 ? b.op('Hardmax', [x], x.dims) : undefined),
  },
]

/** All that random graphs are made of. Smooth operators come more often. */
export const graphPool: readonly Ingredient[] = [...smooth, ...smooth, ...bent.map(kinky)]
