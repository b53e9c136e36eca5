import type { Val } from '../../graph/emitter.js'
import { permOf } from '../../graph/graph.js'
import { tensor } from '../../tensor/tensor.js'
import { addAt } from '../rows.js'
import {
  constantNumbers,
  dy,
  input,
  intOf,
  intsOf,
  output,
  positiveAxis,
  type Rule,
  type RuleContext,
  refuse,
  type Thunk,
  textOf,
} from '../rule.js'
import { cutsOf } from '../slices.js'
import { spread } from '../window.js'

const back = (c: RuleContext): Val => c.e.reshape(dy(c), [...c.lead, ...input(c, 0).dims])
/** Operators that give the elements another shape and leave their order. */
const reshaping = (op: string): Rule => ({
  op,
  since: 1,
  lifts: true,
  moves: true,
  vjp: (c) => [() => back(c)],
})

/** Operators that only move elements. */
export const shape: readonly Rule[] = [
  ...['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'].map(reshaping),
  {
    // y[j] = x[perm(j)]: the inverse permutation brings the cotangent back; examples in front stay in front.
    op: 'Transpose',
    since: 1,
    lifts: true,
    moves: true,
    vjp: (c) => [
      () => {
        const lead = c.lead.length
        const rank = dy(c).dims.length - lead
        const perm = permOf(c.node, rank)
        const inverse = Array.from({ length: rank }, (_, i) => perm.indexOf(i) + lead)
        return c.e.transpose(dy(c), [...c.lead.keys(), ...inverse])
      },
    ],
  },
  // The walk sums over the axes that expanding added or stretched, and keeps the examples where they are wanted.
  { op: 'Expand', since: 8, lifts: true, vjp: (c) => [() => dy(c)] },
  { op: 'Tile', since: 6, lifts: true, vjp: (c) => [() => tile(c), undefined] },
  { op: 'Concat', since: 4, lifts: true, vjp: concat },
  { op: 'Split', since: 2, lifts: true, vjp: (c) => [() => split(c)] },
  { op: 'Slice', since: 1, lifts: true, vjp: (c) => [() => slice(c)] },
  {
    op: 'Pad',
    since: 2,
    lifts: true,
    vjp: (c) => [() => pad(c), undefined, isConstantPad(c) ? () => padValue(c) : undefined],
  },
  // Cut off or filled up with zeros on both sides; an odd element more at the end. ONNX CenterCropPad-18.
  {
    op: 'CenterCropPad',
    since: 18,
    lifts: true,
    vjp: (c) => [
      () => {
        const y = output(c).dims
        return unpad(
          c,
          input(c, 0).dims.map((d, i) => Math.trunc((y[i]! - d) / 2)),
        )
      },
      undefined,
    ],
  },
  { op: 'Trilu', since: 14, lifts: true, vjp: (c) => [() => trilu(c), undefined] },
]

function concat(c: RuleContext): Thunk[] {
  const axis = positiveAxis(intOf(c, 'axis', 1), input(c, 0).dims.length)
  let at = 0
  return c.I.map((x) => {
    const [start, end] = [at, at + x!.dims[axis]!]
    at = end
    return () => c.e.slice(dy(c), [axis + c.lead.length], [start], [end])
  })
}

/** Parts that nothing flows back to are zeros. Every part has a name: runtimes refuse a Split with an output left out. */
function split(c: RuleContext): Val {
  const axis = positiveAxis(intOf(c, 'axis', 0), input(c, 0).dims.length)
  const parts = c.O.map((_, i) => c.dO[i] ?? c.e.expand(c.e.scalar(0), [...c.lead, ...output(c, i).dims]))
  return c.e.concat(parts, axis + c.lead.length)
}

/**
 * y repeats x r times along each axis. Axes of size 1 stay repeated (the walk sums them and keeps the examples); the others
 * are taken apart into [r, size] and summed over r.
 */
function tile(c: RuleContext): Val {
  const x = input(c, 0)
  const lead = c.lead.length
  const y = dy(c).dims.slice(lead)
  const isOne = x.dims.map((d) => d === 1)
  const apart = c.e.reshape(dy(c), [...c.lead, ...x.dims.flatMap((d, i) => (isOne[i] ? [1, y[i]!] : [y[i]! / d, d]))])
  const repeats = x.dims.flatMap((_, i) => (isOne[i] ? [] : [lead + 2 * i]))
  return c.e.reshape(c.e.reduceSum(apart, repeats, true), [...c.lead, ...x.dims.map((d, i) => (isOne[i] ? y[i]! : d))])
}

function slice(c: RuleContext): Val {
  const x = input(c, 0)
  const lead = c.lead.length
  let g = dy(c)
  if (g.dims.includes(0)) return c.e.expand(c.e.scalar(0), [...c.lead, ...x.dims])
  const cuts = cutsOf(c.node, c.opset, [x.dims, output(c).dims], c.constant) ?? []
  for (const { axis, start, step, count } of cuts) {
    const at = axis + lead
    if (step < 0) g = c.e.gather(g, c.e.int64s(Array.from({ length: count }, (_, i) => count - 1 - i)), at)
    const first = step < 0 ? start + (count - 1) * step : start
    g = spread(c.e, g, [at], [Math.abs(step)])
    const zeros = g.dims.map(() => 0)
    g = c.e.pad(g, zeros.with(at, first), zeros.with(at, x.dims[axis]! - first - g.dims[at]!))
  }
  return g
}

const isConstantPad = (c: RuleContext): boolean => textOf(c, 'mode', 'constant') === 'constant'

/** Padding at the begin of each axis. */
function padsOf(c: RuleContext): number[] {
  const x = input(c, 0)
  const given = c.opset < 11 ? [...intsOf(c, 'pads', [])] : (constantNumbers(c, 1) ?? [])
  const axes =
    (c.opset >= 18 ? constantNumbers(c, 3) : undefined)?.map((a) => positiveAxis(a, x.dims.length)) ??
    x.dims.map((_, i) => i)
  return x.dims.map((_, i) => given[axes.indexOf(i)] ?? 0)
}

function pad(c: RuleContext): Val {
  const begin = padsOf(c)
  if (isConstantPad(c)) return unpad(c, begin)
  const mode = textOf(c, 'mode', '')
  return unmirror(c, begin, sources[mode] ?? refuse(c, `mode "${mode}"`))
}

/** The cotangent of every element that was added; the walk sums it. */
function padValue(c: RuleContext): Val {
  const { inside, start, size } = insideOf(c, padsOf(c))
  const zeros = c.lead.map(() => 0)
  const y = dy(c).dims.slice(c.lead.length)
  const after = y.map((d, i) => d - start[i]! - size[i]!)
  return c.e.sub(dy(c), c.e.pad(inside, [...zeros, ...start], [...zeros, ...after]))
}

/** A negative pad had cut elements off: they get zeros; a positive one had added some: they are dropped. */
function unpad(c: RuleContext, begin: readonly number[]): Val {
  const { inside, size } = insideOf(c, begin)
  const zeros = c.lead.map(() => 0)
  const before = begin.map((b) => Math.max(-b, 0))
  const after = input(c, 0).dims.map((d, i) => d - before[i]! - size[i]!)
  return c.e.pad(inside, [...zeros, ...before], [...zeros, ...after])
}

interface Inside {
  /** The cotangent of the elements that were there before padding. */
  readonly inside: Val
  /** Where they lie in y, and how many they are. */
  readonly start: readonly number[]
  readonly size: readonly number[]
}

function insideOf(c: RuleContext, begin: readonly number[]): Inside {
  const lead = c.lead.length
  const start = begin.map((b) => Math.max(b, 0))
  const size = input(c, 0).dims.map((d, i) =>
    Math.min(d, dy(c).dims[i + lead]! - start[i]!, d + Math.min(begin[i]!, 0)),
  )
  const axes = begin.map((_, i) => i + lead)
  const ends = start.map((s, i) => s + size[i]!)
  return { inside: c.e.slice(dy(c), axes, start, ends), start, size }
}

/** The triangle that was kept. */
function trilu(c: RuleContext): Val {
  const [R, C] = input(c, 0).dims.slice(-2) as [number, number]
  const [k = 0] = constantNumbers(c, 1) ?? []
  const isUpper = intOf(c, 'upper', 1) !== 0
  const kept = Uint8Array.from({ length: R * C }, (_, at) => {
    const diagonal = (at % C) - Math.floor(at / C)
    return Number(isUpper ? diagonal >= k : diagonal <= k)
  })
  return c.e.where(c.e.constant(tensor('bool', [R, C], kept), 'triangle'), dy(c), c.e.scalar(0))
}

/** Where padding that copies elements takes them from: position `at`, inside an axis of size n or beyond it. */
const sources: Readonly<Record<string, (at: number, n: number) => number>> = {
  edge: (at, n) => Math.min(Math.max(at, 0), n - 1),
  wrap: (at, n) => ((at % n) + n) % n,
  reflect: (at, n) => {
    const period = Math.max(2 * (n - 1), 1)
    const there = ((at % period) + period) % period
    return Math.min(there, period - there)
  },
}

/** Every copy adds to the element that it was taken from, axis by axis. */
function unmirror(c: RuleContext, begin: readonly number[], source: (at: number, n: number) => number): Val {
  return input(c, 0).dims.reduce((g, n, i) => {
    const axis = i + c.lead.length
    const size = g.dims[axis]!
    if (size === n && begin[i] === 0) return g
    const places = Array.from({ length: size }, (_, at) => source(at - begin[i]!, n))
    return addAt(c.e, g, axis, places, n)
  }, dy(c))
}
