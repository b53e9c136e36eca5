import { broadcastingOps, unaryOps } from '../graph/elementwise.js'
import type { Val } from '../graph/emitter.js'
import { intAttribute, intsAttribute, type Node, permOf } from '../graph/graph.js'
import { sizeOf, type Tensor, toNumbers } from '../tensor/tensor.js'
import { positiveAxis } from './rule.js'
import { cutsOf } from './slices.js'

/** The positions from `from` to before `to` on one axis of a value. */
export interface Part {
  readonly axis: number
  readonly from: number
  readonly to: number
}

/** What the table sees of a node. */
export interface PartContext {
  readonly node: Node
  readonly opset: number
  /** Inputs by position; undefined where omitted. */
  readonly I: readonly (Val | undefined)[]
  /** First output. */
  readonly O: Val
  /** Value of a constant input; undefined where it is omitted or no constant. */
  constant(i: number): Tensor | undefined
}

/** Parts of the inputs by position; undefined: all of it. */
export type InputParts = readonly (Part | undefined)[]

/**
 * Of which parts of its inputs a node makes a part of its output. Undefined where all of it would have to be made, or where nobody has
 * written how.
 */
export function partsOf(c: PartContext, part: Part): InputParts | undefined {
  const { op, domain } = c.node
  if (domain !== '') return undefined
  if (unaryOps.has(op) || plainOps.has(op)) return c.I.map((v, i) => (i === 0 || v ? broadcast(c, v, part) : undefined))
  if ((broadcastingOps.has(op) && c.opset >= 8) || op === 'Where') return c.I.map((v) => broadcast(c, v, part))
  return table[op]?.(c, part)
}

/** As the unary ones, with other element types or settings in further inputs. */
const plainOps: ReadonlySet<string> = new Set(['Cast', 'Dropout', 'Shrink', 'Swish'])

const table: Readonly<Record<string, (c: PartContext, part: Part) => InputParts | undefined>> = {
  Softmax: (c, part) => besideAxis(c, part),
  LogSoftmax: (c, part) => besideAxis(c, part),
  // Behind the axis lies what is normalised. Mean and deviation as outputs have another shape.
  LayerNormalization: (c, part) => beforeAxis(c, part),
  RMSNormalization: (c, part) => beforeAxis(c, part),
  MatMul: (c, part) => {
    const [a, b] = [c.I[0]!, c.I[1]!]
    const behind = c.O.dims.length - part.axis
    if (a.dims.length < 2 || b.dims.length < 2 || behind === 1) return undefined
    return behind === 2 ? [onAxis(part, a.dims.length - 2), undefined] : [broadcast(c, a, part), broadcast(c, b, part)]
  },
  Gemm: (c, part) => {
    if (part.axis !== 0) return undefined
    return [onAxis(part, intAttribute(c.node, 'transA', 0)), undefined, broadcast(c, c.I[2], part)]
  },
  // Examples on axis 0, each by itself.
  ...Object.fromEntries(['Conv', 'MaxPool', 'AveragePool', 'GlobalAveragePool'].map((op) => [op, onFront])),
  BatchNormalization: (c, part) => (intAttribute(c.node, 'training_mode', 0) === 0 ? onFront(c, part) : undefined),
  Transpose: (c, part) => [onAxis(part, permOf(c.node, c.O.dims.length)[part.axis]!)],
  Reshape: sameAxis,
  Flatten: sameAxis,
  Squeeze: sameAxis,
  Unsqueeze: sameAxis,
  Expand: (c, part) => [broadcast(c, c.I[0], part), undefined],
  Concat: (c, part) => {
    if (positiveAxis(intAttribute(c.node, 'axis', 1), c.O.dims.length) === part.axis) return undefined
    return c.I.map(() => part)
  },
  Split: (c, part) => besideAxis(c, part, 0),
  Slice: (c, part) => {
    const cut = slicedAxes(c)
    return cut?.every(({ axis }) => axis !== part.axis) ? [part] : undefined
  },
  Gather: (c, part) => {
    const axis = positiveAxis(intAttribute(c.node, 'axis', 0), c.I[0]!.dims.length)
    const picked = c.I[1]!.dims.length
    if (part.axis < axis) return [part]
    return part.axis >= axis + picked ? [onAxis(part, part.axis - picked + 1)] : undefined
  },
  ...Object.fromEntries(
    ['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL2', 'ReduceSumSquare'].map((op) => [op, reduced]),
  ),
}

/**
 * The part of its first input that a node picks: constant positions on one axis. Undefined where it picks nothing, or all.
 * ONNX Gather-13, Slice-13.
 */
export function pickedBy(c: PartContext): Part | undefined {
  const { op, domain } = c.node
  if (domain !== '') return undefined
  if (op === 'Gather') {
    const axis = positiveAxis(intAttribute(c.node, 'axis', 0), c.I[0]!.dims.length)
    const size = c.I[0]!.dims[axis]!
    const places = placesOf(c.constant(1), size)
    if (!places || places.length === 0) return undefined
    return partly({ axis, from: Math.min(...places), to: Math.max(...places) + 1 }, size)
  }
  if (op !== 'Slice') return undefined
  const cut = slicedAxes(c)
  if (cut?.length !== 1) return undefined
  const { axis, places } = cut[0]!
  return places.length === 0
    ? undefined
    : partly({ axis, from: Math.min(...places), to: Math.max(...places) + 1 }, c.I[0]!.dims[axis]!)
}

/** Positions that the node picks on its axis, in their order. */
export function placesPickedBy(c: PartContext): readonly number[] {
  if (c.node.op === 'Slice') return slicedAxes(c)![0]!.places
  const axis = positiveAxis(intAttribute(c.node, 'axis', 0), c.I[0]!.dims.length)
  return placesOf(c.constant(1), c.I[0]!.dims[axis]!)!
}

const onAxis = ({ from, to }: Part, axis: number): Part => ({ axis, from, to })
const hasOneOutput = ({ node }: PartContext): boolean => node.outputs.slice(1).every((name) => !name)
const partly = (part: Part, size: number): Part | undefined => (part.to - part.from < size ? part : undefined)

/** Of what lies behind its first axis, nothing is known. */
function onFront(c: PartContext, part: Part): InputParts | undefined {
  return part.axis === 0 && hasOneOutput(c) ? [part] : undefined
}

/** Of an input that is broadcast to the output: the same positions, or all where it has but one. */
function broadcast(c: PartContext, v: Val | undefined, part: Part): Part | undefined {
  const axis = part.axis - c.O.dims.length + (v?.dims.length ?? 0)
  return v && axis >= 0 && v.dims[axis] === c.O.dims[part.axis] && v.dims[axis] !== 1 ? onAxis(part, axis) : undefined
}

/** Where an axis is worked on by itself, all others stay. Before opset 13 Softmax takes all behind its axis as one. */
function besideAxis(c: PartContext, part: Part, fallback?: number): InputParts | undefined {
  const rank = c.O.dims.length
  const isOld = fallback === undefined && c.opset < 13
  const axis = positiveAxis(intAttribute(c.node, 'axis', fallback ?? (isOld ? 1 : -1)), rank)
  const isBeside = isOld ? part.axis < axis : part.axis !== axis
  return isBeside ? [part] : undefined
}

function beforeAxis(c: PartContext, part: Part): InputParts | undefined {
  const axis = positiveAxis(intAttribute(c.node, 'axis', -1), c.O.dims.length)
  return part.axis < axis && hasOneOutput(c) ? [part] : undefined
}

/** An axis of another shape of the same numbers, where it is one axis there, too. */
function sameAxis(c: PartContext, part: Part): InputParts | undefined {
  const [from, to] = [c.I[0]!.dims, c.O.dims]
  const before = sizeOf(to.slice(0, part.axis))
  const axis = from.findIndex((d, i) => d === to[part.axis] && sizeOf(from.slice(0, i)) === before)
  return axis < 0 ? undefined : [onAxis(part, axis)]
}

function reduced(c: PartContext, part: Part): InputParts | undefined {
  const rank = c.I[0]!.dims.length
  const given = intsAttribute(c.node, 'axes', undefined) ?? (c.constant(1) ? toNumbers(c.constant(1)!) : undefined)
  if (!given || given.length === 0) return undefined
  const axes = given.map((axis) => positiveAxis(axis, rank))
  if (intAttribute(c.node, 'keepdims', 1) === 1) return axes.includes(part.axis) ? undefined : [part]
  const kept = Array.from({ length: rank }, (_, i) => i).filter((i) => !axes.includes(i))
  return [onAxis(part, kept[part.axis]!)]
}

/** Constant indices from the front; undefined where they are no constant. */
function placesOf(indices: Tensor | undefined, size: number): number[] | undefined {
  return indices && toNumbers(indices).map((at) => (at < 0 ? at + size : at))
}

/** Axes of a Slice with the positions that it takes; undefined where they are no constants. */
function slicedAxes(c: PartContext): { axis: number; places: readonly number[] }[] | undefined {
  const isMissing = (i: number): boolean => c.I[i] !== undefined && c.constant(i) === undefined
  if (c.opset >= 10 && [1, 2, 3, 4].some(isMissing)) return undefined
  const cuts = cutsOf(c.node, c.opset, [c.I[0]!.dims, c.O.dims], c.constant)
  return cuts?.map(({ axis, start, step, count }) => ({
    axis,
    places: Array.from({ length: count }, (_, at) => start + at * step),
  }))
}
