import { type Attributes, int, text } from '../../../src/graph/graph.js'
import { type CaseInput, data, float32s, int64s, node, type OpCase, param } from '../op-case.js'
import { toConstants, toIndex } from './indices.js'

type Reduction = 'none' | 'add' | 'mul' | 'max' | 'min'

const since: Readonly<Record<Reduction, number>> = { none: 11, add: 16, mul: 16, max: 18, min: 18 }
const attributesOf = (reduction: Reduction, rest: Attributes = {}): Attributes =>
  reduction === 'none' ? rest : { ...rest, reduction: text(reduction) }
/** For extrema, values of data and of updates that never tie: multiples of 0.085, and these with 0.0425 added. */
const shift = float32s([0.0425], [])

/** Data [N, 12], updates [N, 4] at indices −6 … 5 made of data, which are distinct in an example. */
const elements = (reduction: Reduction): OpCase[] => [
  {
    name: `ScatterElements ${reduction}`,
    op: 'ScatterElements',
    opset: since[reduction],
    inputs: [data(['N', 4], 'distinct'), data(['N', 12], 'distinct'), data(['N', 4], 'distinct'), shift],
    nodes: [
      ...toConstants,
      ...toIndex,
      node('Add', ['i2', 'i3'], 'u'),
      node('ScatterElements', ['i1', 'index', 'u'], 'o0', attributesOf(reduction, { axis: int(1) })),
    ],
  },
  {
    name: `ScatterElements ${reduction} of parameters`,
    op: 'ScatterElements',
    opset: since[reduction],
    inputs: [data(['N', 2]), param([2, 4], 'distinct'), param([1, 3], 'distinct'), int64s([3, 0, -3], [1, 3]), shift],
    nodes: [
      node('Add', ['i2', 'i4'], 'u'),
      node('ScatterElements', ['i1', 'i3', 'u'], 'w', attributesOf(reduction, { axis: int(-1) })),
      node('MatMul', ['i0', 'w'], 'o0'),
    ],
  },
]

/** Data [N, 5, 2] and two updates an example, by coordinates made of the shape. */
const coordinates = (reduction: Reduction): OpCase => ({
  name: `ScatterND ${reduction}`,
  op: 'ScatterND',
  opset: since[reduction],
  inputs: [data(['N', 2], 'distinct'), data(['N', 5, 2], 'distinct'), param([5, 2]), shift, ...forCoordinates],
  nodes: [
    node('Add', ['i0', 'i3'], 'u'),
    ...toCoordinates,
    node('ScatterND', ['i1', 'at', 'u'], 's', attributesOf(reduction)),
    node('Mul', ['s', 'i2'], 'o0'),
  ],
})

/** Coordinates [N, 2]: (n, 3) for every example n. */
const forCoordinates: readonly CaseInput[] = [int64s([0]), int64s([0], []), int64s([1], []), int64s([3]), int64s([1])]
const toCoordinates = [
  node('Shape', ['i0'], 'shape'),
  node('Gather', ['shape', 'i4'], 'n1', { axis: int(0) }),
  node('Squeeze', ['n1'], 'n'),
  node('Range', ['i5', 'n', 'i6'], 'count'),
  node('Expand', ['i7', 'n1'], 'threes'),
  node('Concat', ['n1', 'i8'], 'column', { axis: int(0) }),
  node('Reshape', ['count', 'column'], 'first'),
  node('Reshape', ['threes', 'column'], 'second'),
  node('Concat', ['first', 'second'], 'at', { axis: int(1) }),
]

const reductions = ['none', 'add', 'mul', 'max', 'min'] as const

/** Several updates to one place. */
const meeting = (reduction: Reduction): OpCase => ({
  name: `ScatterElements ${reduction} with updates that meet`,
  op: 'ScatterElements',
  opset: 18,
  inputs: [data(['N', 5], 'distinct'), param([5], 'distinct'), param([4], 'distinct'), int64s([3, 0, 3, 3]), shift],
  nodes: [
    node('Add', ['i2', 'i4'], 'u'),
    node('ScatterElements', ['i1', 'i3', 'u'], 'w', attributesOf(reduction)),
    node('Mul', ['i0', 'w'], 'o0'),
  ],
})

export const scatter: readonly OpCase[] = [
  ...reductions.flatMap(elements),
  ...reductions.map(coordinates),
  ...reductions.filter((r) => r !== 'none').map(meeting),
  {
    name: 'ScatterND of slices into parameters: examples one by one',
    op: 'ScatterND',
    opset: 13,
    inputs: [data(['N', 4]), param([4, 3]), param([2, 3]), int64s([3, 0], [2, 1])],
    nodes: [node('ScatterND', ['i1', 'i3', 'i2'], 'w'), node('MatMul', ['i0', 'w'], 'o0')],
    fallsBack: true,
  },
  {
    name: 'Scatter of opset 9',
    op: 'Scatter',
    opset: 9,
    inputs: [data(['N', 2, 2], 'distinct'), data(['N', 6, 3]), param([6, 3]), data(['N', 2, 2])],
    nodes: [
      ...toConstants,
      ...toIndex,
      node('Mul', ['i1', 'i2'], 'h'),
      node('Scatter', ['h', 'index', 'i3'], 'o0', { axis: int(1) }),
    ],
  },
]
