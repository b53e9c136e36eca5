import type { Val } from '../../graph/emitter.js'
import { intAttribute, type Node } from '../../graph/graph.js'
import { numberAt, sizeOf, toNumbers } from '../../tensor/tensor.js'
import { once } from '../once.js'
import {
  dy,
  floatOf,
  input,
  intOf,
  intsOf,
  output,
  positiveAxis,
  type Rule,
  type RuleContext,
  refuse,
  type Thunk,
} from '../rule.js'
import { signOf } from './elementwise.js'

/**
 * Normalisations: x̂ = (x − μ)·r with r = 1/√(σ² + ε), y = s·x̂ + b. Where μ and σ² come from x itself, over m elements:
 * dx = r·(g − mean(g) − x̂·mean(g·x̂)) with g = s·dy.
 */
export const norm: readonly Rule[] = [
  {
    // Running statistics (inference): dx = dy·s·r. Batch statistics (training_mode 1): over N and space. ONNX BatchNormalization-15.
    op: 'BatchNormalization',
    since: 9,
    vjp: (c) => {
      if (c.dO.slice(1).some((d) => d)) refuse(c, 'its running statistics used')
      const isTraining = c.opset >= 14 && intOf(c, 'training_mode', 0) === 1
      const total = once(() => perChannel(c, dy(c)))
      return [...(isTraining ? byBatch(c) : byRunning(c, total)), total, undefined, undefined]
    },
  },
  {
    // ONNX LayerNormalization-17. ONNX Runtime takes it in earlier opsets too: its optimiser writes it there.
    op: 'LayerNormalization',
    since: 1,
    vjp: (c) => {
      const x = input(c, 0)
      const over = normalisedAxes(c.node, x)
      const hat = once(() => {
        const [mean, r] = [c.O[1], c.O[2]]
        return mean && r ? { x: c.e.mul(c.e.sub(x, mean), r), r } : normalised(c, x, over)
      })
      const isRead = c.dO[0] !== undefined
      return [
        () => {
          const parts = isRead ? [gradient(c, hat(), c.e.mul(dy(c), input(c, 1)), over)] : []
          return [...parts, ...byStatistics(c, hat(), over)].reduce((a, b) => c.e.add(a, b))
        },
        isRead ? () => c.e.mul(dy(c), hat().x) : undefined,
        isRead ? () => dy(c) : undefined,
      ]
    },
  },
  {
    op: 'InstanceNormalization',
    since: 6,
    vjp: (c) => {
      const over = spatial(input(c, 0))
      const hat = once(() => normalised(c, input(c, 0), over))
      return [
        () => gradient(c, hat(), c.e.mul(dy(c), channels(c, input(c, 1))), over),
        () => perChannel(c, c.e.mul(dy(c), hat().x)),
        () => perChannel(c, dy(c)),
      ]
    },
  },
  {
    // x̂ = x·r with r = 1/√(mean(x²) + ε), y = s·x̂: no mean is taken off, so none comes back. ONNX RMSNormalization-23.
    op: 'RMSNormalization',
    since: 23,
    vjp: (c) => {
      const x = input(c, 0)
      const over = normalisedAxes(c.node, x)
      const hat = once(() => {
        const r = inverseRoot(c, c.e.reduceMean(c.e.mul(x, x), over, true))
        return { x: c.e.mul(x, r), r }
      })
      return [
        () => {
          const g = c.e.mul(dy(c), input(c, 1))
          return c.e.mul(hat().r, c.e.sub(g, along(c, hat(), g, over)))
        },
        () => c.e.mul(dy(c), hat().x),
      ]
    },
  },
  {
    // y = (x − μ)/(σ + 1e-9), without scale and bias. Where σ is 0, dx = 0. ONNX MeanVarianceNormalization-13.
    op: 'MeanVarianceNormalization',
    since: 9,
    vjp: (c) => [() => meanVariance(c)],
  },
  {
    // y = x/‖x‖: dx = (dy − ∂‖x‖/∂x·Σ dy·y)/‖x‖, with ∂‖x‖/∂x = y for p = 2 and sign(x) for p = 1. Where ‖x‖ is 0, dx = 0.
    op: 'LpNormalization',
    since: 1,
    vjp: (c) => [() => lpNorm(c)],
  },
  // Scale and bias are one number a group until opset 20, one a channel since 21.
  { op: 'GroupNormalization', since: 18, until: 20, vjp: (c) => groupNorm(c, 'group') },
  { op: 'GroupNormalization', since: 21, vjp: (c) => groupNorm(c, 'channel') },
]

/** Axes that LayerNormalization and RMSNormalization normalise over: from `axis` (default the last) on. */
export function normalisedAxes(node: Node, x: Val): number[] {
  const axis = positiveAxis(intAttribute(node, 'axis', -1), x.dims.length)
  return x.dims.map((_, i) => i).filter((i) => i >= axis)
}

/** Sum over all but axis 1, examples kept where they are wanted: they must be on axis 0. */
function perChannel(c: RuleContext, v: Val): Val {
  if (c.form === 'each' && c.batchAxis() !== 0) c.loseBatchAxis()
  return c.keepAxes(v, [1], 0)
}

interface Normalised {
  /** x̂. */
  readonly x: Val
  /** r. */
  readonly r: Val
}

const spatial = (x: Val): number[] => x.dims.map((_, i) => i).slice(2)
/** A vector over channels as [1, C, 1, …]. */
const channels = (c: RuleContext, v: Val): Val => c.e.reshape(v, [1, v.dims[0]!, ...spatial(input(c, 0)).map(() => 1)])

function inverseRoot(c: RuleContext, variance: Val): Val {
  return c.e.unary('Reciprocal', c.e.unary('Sqrt', c.e.add(variance, c.e.scalar(floatOf(c, 'epsilon', 1e-5)))))
}

/** x̂ with the statistics of x over the given axes. */
function normalised(c: RuleContext, x: Val, over: readonly number[]): Normalised {
  const centred = c.e.sub(x, c.e.reduceMean(x, over, true))
  const r = inverseRoot(c, c.e.reduceMean(c.e.mul(centred, centred), over, true))
  return { x: c.e.mul(centred, r), r }
}

/** dx and ds of batch norm on the statistics of the batch. */
function byBatch(c: RuleContext): Thunk[] {
  const over = [0, ...spatial(input(c, 0))]
  const hat = once(() => normalised(c, input(c, 0), over))
  return [
    () => gradient(c, hat(), c.e.mul(dy(c), channels(c, input(c, 1))), over),
    () => perChannel(c, c.e.mul(dy(c), hat().x)),
  ]
}

/** Largest |b/s| of a channel at which x̂ is taken from y: its rounding is that of y. */
const largestOffset = 64

/**
 * dx = dy·s·r and ds of batch norm on the running statistics μ and σ², which are inputs 3 and 4.
 *
 * ds = Σ dy·x̂ with x̂ = (y − b)/s is (Σ dy·y − b·Σ dy)/s: x is not read, and a convolution before it can be one with the norm and a Relu behind it. Where a bias is
 * far larger than its scale, and where weights change, ds = r·Σ dy·(x − μ).
 */
function byRunning(c: RuleContext, total: Thunk): Thunk[] {
  const { e } = c
  const r = once(() => inverseRoot(c, input(c, 4)))
  const [scale, bias] = [c.fixed(1), c.fixed(2)]
  const isNear =
    scale &&
    bias &&
    toNumbers(scale).every((s, i) => Math.abs(numberAt(bias, i)) <= largestOffset * Math.abs(s) && s !== 0)
  const ofOutput = (): Val => {
    const offsets = e.mul(total(), input(c, 2))
    return e.div(e.sub(perChannel(c, e.mul(dy(c), c.shown())), offsets), input(c, 1))
  }
  const ofInput = (): Val => e.mul(perChannel(c, e.mul(dy(c), e.sub(input(c, 0), channels(c, input(c, 3))))), r())
  return [() => e.scaleChannels(dy(c), e.mul(r(), input(c, 1))), isNear ? ofOutput : ofInput]
}

function gradient(c: RuleContext, { x, r }: Normalised, g: Val, over: readonly number[]): Val {
  const mean = c.e.reduceMean(g, over, true)
  return c.e.mul(r, c.e.sub(c.e.sub(g, mean), along(c, { x, r }, g, over)))
}

/** Back from the outputs μ and r: over m elements, ∂μ/∂x = 1/m and ∂r/∂x = −r²·x̂/m. */
function byStatistics(c: RuleContext, { x, r }: Normalised, over: readonly number[]): Val[] {
  const { e } = c
  const share = e.scalar(1 / sizeOf(over.map((axis) => x.dims[axis]!)))
  const [dMean, dInverse] = [c.dO[1], c.dO[2]]
  const parts: Val[] = []
  if (dMean) parts.push(e.expand(e.mul(dMean, share), x.dims))
  if (dInverse) parts.push(e.unary('Neg', e.mul(e.mul(x, e.mul(r, r)), e.mul(dInverse, share))))
  return parts
}

/** x̂·mean(g·x̂) */
function along(c: RuleContext, { x }: Normalised, g: Val, over: readonly number[]): Val {
  return c.e.mul(x, c.e.reduceMean(c.e.mul(g, x), over, true))
}

function lpNorm(c: RuleContext): Val {
  const { e } = c
  const [x, y] = [input(c, 0), output(c)]
  const axes = [positiveAxis(intOf(c, 'axis', -1), x.dims.length)]
  const p = intOf(c, 'p', 2)
  const size = p === 1 ? e.reduceSum(e.unary('Abs', x), axes, true) : e.reduceSum(e.mul(x, x), axes, true)
  const isZero = e.equal(size, e.scalar(0))
  const norm = e.where(isZero, e.scalar(1), p === 1 ? size : e.unary('Sqrt', size))
  const turn = e.reduceSum(e.mul(dy(c), y), axes, true)
  const dx = e.div(e.sub(dy(c), e.mul(p === 1 ? signOf(c, x) : y, turn)), norm)
  return e.where(isZero, e.scalar(0), dx)
}

function meanVariance(c: RuleContext): Val {
  const { e } = c
  const x = input(c, 0)
  const over = intsOf(c, 'axes', [0, 2, 3]).map((axis) => positiveAxis(axis, x.dims.length))
  const centred = e.sub(x, e.reduceMean(x, over, true))
  const deviation = e.unary('Sqrt', e.reduceMean(e.mul(centred, centred), over, true))
  const isFlat = e.equal(deviation, e.scalar(0))
  const r = e.unary('Reciprocal', e.where(isFlat, e.scalar(1), deviation))
  const dx = gradient(c, { x: e.mul(centred, r), r }, dy(c), over)
  return e.where(isFlat, e.scalar(0), dx)
}

function groupNorm(c: RuleContext, per: 'group' | 'channel'): (() => Val)[] {
  const x = input(c, 0)
  const [N, C] = [x.dims[0]!, x.dims[1]!]
  const G = intOf(c, 'num_groups', 1)
  const rest = sizeOf(x.dims.slice(2))
  // [N, G, C/G, space]: groups are normalised over the last two axes.
  const grouped = (v: Val): Val => c.e.reshape(v, [N, G, C / G, rest])
  const scale = (): Val => c.e.reshape(input(c, 1), per === 'group' ? [1, G, 1, 1] : [1, G, C / G, 1])
  const hat = once(() => normalised(c, grouped(x), [2, 3]))
  const parameter = (v: Val): Val => perChannel(c, per === 'group' ? v : c.e.reshape(v, [N, C, rest]))
  return [
    () => c.e.reshape(gradient(c, hat(), c.e.mul(grouped(dy(c)), scale()), [2, 3]), x.dims),
    () => parameter(c.e.mul(grouped(dy(c)), hat().x)),
    () => parameter(grouped(dy(c))),
  ]
}
