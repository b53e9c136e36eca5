import type { Emitter, Val } from '../../graph/emitter.js'
import { sizeOf, tensor } from '../../tensor/tensor.js'
import { countTo, sumRows } from '../rows.js'
import { dy, input, intOf, output, type Rule, type RuleContext, refuse, type Thunk, textOf } from '../rule.js'
import { offsetsOf } from '../window.js'
import { signOf } from './elementwise.js'

/**
 * Sampling at places that a grid names. x [N, C, *S], grid [N, *Q, rank], y [N, C, *Q]; T = ∏Q places, V = ∏S elements. Around
 * each place lie 2^rank corners (4^rank in the cubic mode); y is their sum, each weighed by a product of one weight an axis.
 * ONNX GridSample-16, -20.
 */
export const gridSample: readonly Rule[] = [
  { op: 'GridSample', since: 16, vjp: (c) => gradients(c) },
  // y [N, *S, r] = places [∏S, r + 1]·θᵀ, θ [N, r, r + 1], so dθ = dyᵀ·places. ONNX AffineGrid-20.
  { op: 'AffineGrid', since: 20, lifts: true, vjp: (c) => [() => affineGradient(c), undefined] },
]

function affineGradient(c: RuleContext): Val {
  const { e } = c
  const [N, ...S] = output(c).dims.slice(0, -1) as [number, ...number[]]
  const rank = S.length
  const isAligned = intOf(c, 'align_corners', 0) !== 0
  const along = (at: number, size: number): number => (isAligned ? (2 * at) / (size - 1) - 1 : (2 * at + 1) / size - 1)
  if (isAligned && S.includes(1)) refuse(c, 'align_corners and an axis of one place')
  // Innermost axis first, then 1 for the shift.
  const places = offsetsOf(S).flatMap((at) => [...at.map((place, d) => along(place, S[d]!)).toReversed(), 1])
  const table = e.constant(tensor('float32', [sizeOf(S), rank + 1], Float32Array.from(places)), 'places')
  const g = e.reshape(dy(c), [...c.lead, N, sizeOf(S), rank])
  return e.matmul(e.swapLast(g), table)
}

/** One axis of space at every place, all [N, T]. */
interface Axis {
  /** The elements around the place on this axis. */
  readonly sides: readonly Side[]
  /** ∂u/∂grid, of the place u in units of elements. */
  readonly slope: Val
}

interface Side {
  readonly place: Val
  readonly weight: Val
  /** ∂weight/∂u: a number of the linear mode, one for every place in the cubic. */
  readonly rate: Val | 1 | -1
}

/** One of the elements around each place, all [N, T]. */
interface Corner {
  /** Place among the V elements of its example. */
  readonly index: Val
  readonly weights: readonly Val[]
  readonly rates: readonly Side['rate'][]
  /** 1 where it is an element of x, 0 where it lies in the zeros around; undefined where all are elements. */
  readonly isInside: Val | undefined
}

function gradients(c: RuleContext): (Thunk | undefined)[] {
  const padding = paddingOf(c)
  if (!['zeros', 'border', 'reflection'].includes(padding)) refuse(c, `padding_mode "${padding}"`)
  const mode = textOf(c, 'mode', c.opset < 20 ? 'bilinear' : 'linear')
  if (mode === 'nearest') return [() => dataGradient(c, [nearestCorner(c)]), undefined]
  if (!['linear', 'bilinear', 'cubic', 'bicubic'].includes(mode)) refuse(c, `mode "${mode}"`)
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

/** ∂y/∂u on an axis is the sum of the corners, each times how its weight changes there, weighed on the other axes. */
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
    const terms = corners.map(({ weights, rates }, k) => {
      const term = product(e, [values[k]!, ...weights.filter((_, other) => other !== d)])
      const rate = rates[d]!
      return rate === 1 ? term : rate === -1 ? e.unary('Neg', term) : e.mul(term, rate)
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
    const place = { u, slope: e.scalar(half) }
    return isCubic(c) ? place : broughtInside(c, place, size, isAligned)
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
  const reflected = padding === 'reflection' ? reflect(c, u, endsOf(size, isAligned)) : { u }
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
  const { e } = c
  const S = input(c, 0).dims.slice(2)
  const one = e.scalar(1)
  return placesOf(c, S).map(({ u, slope }, d) => {
    const low = e.unary('Floor', u)
    const part = e.sub(u, low)
    if (isCubic(c)) return { sides: cubicSides(c, low, part, S[d]!), slope }
    const sides: Side[] = [
      { place: low, weight: e.sub(one, part), rate: -1 },
      { place: e.add(low, one), weight: part, rate: 1 },
    ]
    return { sides, slope }
  })
}

const isCubic = (c: RuleContext): boolean => textOf(c, 'mode', '').endsWith('cubic')

/**
 * The four elements around a place, by cubic convolution with a = −3/4: at a distance d of up to 1 the weight is
 * ((a + 2)d − (a + 3))d² + 1, of up to 2 ((a·d − 5a)d + 8a)d − 4a. Each element by itself is brought inside.
 */
function cubicSides(c: RuleContext, low: Val, part: Val, size: number): Side[] {
  const { e } = c
  const a = -0.75
  const near = [a + 2, -(a + 3), 0, 1]
  const far = [a, -5 * a, 8 * a, -4 * a]
  const isAligned = intOf(c, 'align_corners', 0) !== 0
  return [-1, 0, 1, 2].map((offset) => {
    const distance = offset > 0 ? e.sub(e.scalar(offset), part) : e.add(part, e.scalar(-offset))
    const coefficients = offset === 0 || offset === 1 ? near : far
    const growth = polynomial(e, derivative(coefficients), distance)
    const given = e.add(low, e.scalar(offset))
    const place = paddingOf(c) === 'reflection' ? reflect(c, given, endsOf(size, isAligned)).u : given
    return {
      place,
      weight: polynomial(e, coefficients, distance),
      rate: offset > 0 ? e.unary('Neg', growth) : growth,
    }
  })
}

/** Highest power first. */
function polynomial(e: Emitter, coefficients: readonly number[], x: Val): Val {
  const [first = 0, second = 0, ...rest] = coefficients
  const start = e.add(e.mul(x, e.scalar(first)), e.scalar(second))
  return rest.reduce((sum, k) => e.add(e.mul(sum, x), e.scalar(k)), start)
}

const derivative = (coefficients: readonly number[]): number[] =>
  coefficients.slice(0, -1).map((k, i) => k * (coefficients.length - 1 - i))

/** Where reflection turns around: the centres of the outermost elements, or their outer edges. */
const endsOf = (size: number, isAligned: boolean): readonly [number, number] =>
  isAligned ? [0, size - 1] : [-0.5, size - 0.5]

function cornersOf(c: RuleContext, axes: readonly Axis[] = axesOfGrid(c)): Corner[] {
  return offsetsOf(axes.map(({ sides }) => sides.length)).map((at) =>
    cornerAt(
      c,
      at.map((side, d) => axes[d]!.sides[side]!),
    ),
  )
}

/** The element nearest to each place; of two as near, the even one. */
function nearestCorner(c: RuleContext): Corner {
  const places = placesOf(c, input(c, 0).dims.slice(2)).map(({ u }) => c.e.unary('Round', u))
  return { ...elementAt(c, places), weights: [], rates: [] }
}

function cornerAt(c: RuleContext, sides: readonly Side[]): Corner {
  return {
    ...elementAt(
      c,
      sides.map(({ place }) => place),
    ),
    weights: sides.map(({ weight }) => weight),
    rates: sides.map(({ rate }) => rate),
  }
}

function elementAt(c: RuleContext, places: readonly Val[]): Pick<Corner, 'index' | 'isInside'> {
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
  return { index, isInside }
}
