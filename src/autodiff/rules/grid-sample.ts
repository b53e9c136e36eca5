import type { Emitter, Val } from '../../graph/emitter.js'
import { sizeOf } from '../../tensor/tensor.js'
import { countTo, sumRows } from '../rows.js'
import { dy, input, intOf, type Rule, type RuleContext, refuse, type Thunk, textOf } from '../rule.js'
import { offsetsOf } from '../window.js'
import { signOf } from './elementwise.js'

/**
 * Sampling at places that a grid names. x [N, C, *S], grid [N, *Q, rank], y [N, C, *Q]; T = ∏Q places, V = ∏S elements. Around
 * each place lie 2^rank corners; y is their sum, each weighed by a product of one weight an axis. ONNX GridSample-16, -20.
 */
export const gridSample: readonly Rule[] = [{ op: 'GridSample', since: 16, vjp: (c) => gradients(c) }]

/** One axis of space at every place, all [N, T]. */
interface Axis {
  /** The lower corner, and how far the place lies behind it. */
  readonly low: Val
  readonly part: Val
  readonly size: number
  /** ∂u/∂grid, of the place u in units of elements. */
  readonly slope: Val
}

/** One of the elements around each place, all [N, T]. */
interface Corner {
  /** Its number on each axis: 0 low, 1 high. */
  readonly at: readonly number[]
  /** Place among the V elements of its example. */
  readonly index: Val
  readonly weights: readonly Val[]
  /** 1 where it is an element of x, 0 where it lies in the zeros around; undefined where all are elements. */
  readonly isInside: Val | undefined
}

function gradients(c: RuleContext): (Thunk | undefined)[] {
  const mode = textOf(c, 'mode', c.opset < 20 ? 'bilinear' : 'linear')
  if (mode === 'nearest') return [() => dataGradient(c, [nearestCorner(c)]), undefined]
  if (mode !== 'linear' && mode !== 'bilinear') refuse(c, `mode "${mode}"`)
  return [() => dataGradient(c, cornersOf(c)), () => gridGradient(c)]
}

const product = (e: Emitter, values: readonly Val[]): Val => values.reduce((a, b) => e.mul(a, b))

/** What flows back to the places, channels last: [N, T, C]. */
function cotangentRows(c: RuleContext): Val {
  const [N, C, ...Q] = dy(c).dims as [number, number, ...number[]]
  return c.e.transpose(c.e.reshape(dy(c), [N, C, sizeOf(Q)]), [0, 2, 1])
}

/** Every corner of every place adds its share of dy to its element. */
function dataGradient(c: RuleContext, corners: readonly Corner[]): Val {
  const { e } = c
  const [N, C, ...S] = input(c, 0).dims as [number, number, ...number[]]
  const g = cotangentRows(c)
  const shares = corners.map(({ weights, isInside }) => {
    const factors = isInside ? [...weights, isInside] : weights
    if (factors.length === 0) return g
    const weight = product(e, factors)
    return e.mul(g, e.reshape(weight, [...weight.dims, 1]))
  })
  const index = e.concat(
    corners.map((corner) => corner.index),
    1,
  )
  const rows = sumRows(e, index, e.concat(shares, 1), sizeOf(S))
  return e.reshape(e.transpose(rows, [0, 2, 1]), [N, C, ...S])
}

/** ∂y/∂u on an axis is the difference between its high and its low corners, weighed on the other axes. */
function gridGradient(c: RuleContext): Val {
  const { e } = c
  const [N, C, ...S] = input(c, 0).dims as [number, number, ...number[]]
  const V = sizeOf(S)
  const axes = axesOfGrid(c)
  const g = cotangentRows(c)
  const table = e.reshape(e.transpose(e.reshape(input(c, 0), [N, C, V]), [0, 2, 1]), [N * V, C])
  const starts = e.mul(countTo(e, N, [N, 1]), e.scalar(V, 'int64'))
  const corners = cornersOf(c, axes)
  const values = corners.map(({ index, isInside }) => {
    const seen = e.reduceSum(e.mul(e.gather(table, e.add(index, starts), 0), g), [2])
    return isInside ? e.mul(seen, isInside) : seen
  })
  const parts = axes.map(({ slope }, d) => {
    const terms = corners.map(({ at, weights }, k) => {
      const term = product(e, [values[k]!, ...weights.filter((_, other) => other !== d)])
      return at[d] === 1 ? term : e.unary('Neg', term)
    })
    const du = terms.reduce((a, b) => e.add(a, b))
    return e.reshape(e.mul(du, slope), [...input(c, 1).dims.slice(0, -1), 1])
  })
  // The grid names the innermost axis first.
  return e.concat(parts.toReversed(), input(c, 1).dims.length - 1)
}

const paddingOf = (c: RuleContext): string => textOf(c, 'padding_mode', 'zeros')

/** Places in units of elements: −1 and 1 are the centres of the outermost elements (`align_corners`), or their outer edges. */
function placesOf(c: RuleContext, S: readonly number[]): { u: Val; slope: Val }[] {
  const { e } = c
  const grid = input(c, 1)
  const [rank, last] = [S.length, grid.dims.length - 1]
  const [N, T] = [grid.dims[0]!, sizeOf(grid.dims.slice(1, -1))]
  const isAligned = intOf(c, 'align_corners', 0) !== 0
  return S.map((size, d) => {
    const given = e.reshape(e.slice(grid, [last], [rank - 1 - d], [rank - d]), [N, T])
    const half = isAligned ? (size - 1) / 2 : size / 2
    const u = e.add(e.mul(given, e.scalar(half)), e.scalar((size - 1) / 2))
    return broughtInside(c, { u, slope: e.scalar(half) }, size, isAligned)
  })
}

/** Padding by the border or by reflection moves places inside; at the outermost elements and beyond them the slope is 0. */
function broughtInside(
  c: RuleContext,
  { u, slope }: { u: Val; slope: Val },
  size: number,
  isAligned: boolean,
): { u: Val; slope: Val } {
  const { e } = c
  const padding = paddingOf(c)
  if (padding === 'zeros') return { u, slope }
  if (padding !== 'border' && padding !== 'reflection') refuse(c, `padding_mode "${padding}"`)
  const reflected = padding === 'reflection' ? reflect(c, u, isAligned ? [0, size - 1] : [-0.5, size - 0.5]) : { u }
  const [zero, end] = [e.scalar(0), e.scalar(size - 1)]
  const isBetween = e.indicator(e.and(e.greater(reflected.u, zero), e.less(reflected.u, end)))
  const factors = 'turn' in reflected && reflected.turn ? [isBetween, reflected.turn, slope] : [isBetween, slope]
  return { u: e.emit('Clip', [reflected.u, zero, end], u.dims), slope: product(e, factors) }
}

/** Mirrored at both ends as often as it takes; `turn` is the slope, 1 or −1. */
function reflect(c: RuleContext, u: Val, [low, high]: readonly [number, number]): { u: Val; turn?: Val } {
  const { e } = c
  const span = high - low
  if (span === 0) return { u }
  const from = e.sub(u, e.scalar(low))
  const distance = e.unary('Abs', from)
  const times = e.unary('Floor', e.div(distance, e.scalar(span)))
  const rest = e.sub(distance, e.mul(times, e.scalar(span)))
  const isOdd = e.sub(times, e.mul(e.unary('Floor', e.mul(times, e.scalar(0.5))), e.scalar(2)))
  const back = e.mul(isOdd, e.sub(e.scalar(span), e.mul(rest, e.scalar(2))))
  const turn = e.mul(signOf(c, from), e.sub(e.scalar(1), e.mul(isOdd, e.scalar(2))))
  return { u: e.add(e.add(rest, back), e.scalar(low)), turn }
}

function axesOfGrid(c: RuleContext): Axis[] {
  const S = input(c, 0).dims.slice(2)
  return placesOf(c, S).map(({ u, slope }, d) => {
    const low = c.e.unary('Floor', u)
    return { low, part: c.e.sub(u, low), size: S[d]!, slope }
  })
}

function cornersOf(c: RuleContext, axes: readonly Axis[] = axesOfGrid(c)): Corner[] {
  const { e } = c
  const one = e.scalar(1)
  // Each axis has two sides; the corners share them.
  const sides = axes.map(({ low, part }) => [
    { place: low, weight: e.sub(one, part) },
    { place: e.add(low, one), weight: part },
  ])
  return offsetsOf(axes.map(() => 2)).map((at) => {
    const chosen = at.map((side, d) => sides[d]![side]!)
    return cornerAt(
      c,
      at,
      chosen.map(({ place }) => place),
      chosen.map(({ weight }) => weight),
    )
  })
}

/** The element nearest to each place; of two as near, the even one. */
function nearestCorner(c: RuleContext): Corner {
  const places = placesOf(c, input(c, 0).dims.slice(2)).map(({ u }) => c.e.unary('Round', u))
  return cornerAt(c, [], places, [])
}

function cornerAt(c: RuleContext, at: readonly number[], places: readonly Val[], weights: readonly Val[]): Corner {
  const { e } = c
  const S = input(c, 0).dims.slice(2)
  const zero = e.scalar(0)
  const within = places.map((place, d) => e.emit('Clip', [place, zero, e.scalar(S[d]! - 1)], place.dims))
  const index = within
    .map((place, d) => e.mul(e.cast(place, 'int64'), e.scalar(sizeOf(S.slice(d + 1)), 'int64')))
    .reduce((a, b) => e.add(a, b))
  const isInside =
    paddingOf(c) === 'zeros'
      ? product(
          e,
          places.map((place, d) => e.indicator(e.equal(place, within[d]!))),
        )
      : undefined
  return { at, index, weights, isInside }
}
