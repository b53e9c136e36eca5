import { afterAll, describe, expect, it } from 'vitest'
import { spelledGelus } from '../../src/autodiff/gelu.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import type { Graph, Node } from '../../src/graph/graph.js'
import { checkOp } from '../cases/check-op.js'
import { type CaseInput, data, float32s, int64s, type OpCase, param } from '../cases/op-case.js'
import { node } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

// Constants by their number: i1 = √2, i2 = 1, i3 = 1/2, i4 = 1/√2, i5 = the shape of x, i6 = √2 with four axes.
const constants: readonly CaseInput[] = [
  float32s([Math.SQRT2], []),
  float32s([1], []),
  float32s([0.5], []),
  float32s([Math.SQRT1_2], []),
  int64s([-1, 3, 5]),
  float32s([Math.SQRT2], [1, 1, 1, 1]),
]
const initializers = new Map(
  constants.flatMap((c, i) => (c.kind === 'constant' ? [[`i${i + 1}`, c.value] as const] : [])),
)
const graphOf = (nodes: readonly Node[]): Graph => ({
  name: 'gelu',
  opsets: new Map([['', 17]]),
  inputs: [],
  outputs: [],
  initializers,
  nodes,
})
const addedTo = (scale: Node, number = 'i2'): Node[] => [
  scale,
  node('Erf', ['u'], 'erf'),
  node('Add', ['erf', number], 'raised'),
]
const raised = addedTo(node('Div', ['i0', 'i1'], 'u'))

/** As exporters write it, and whether it is seen as one. */
const spellings: readonly { readonly name: string; readonly nodes: readonly Node[]; readonly seen: boolean }[] = [
  {
    name: 'x·(1 + erf), halved',
    nodes: [...raised, node('Mul', ['i0', 'raised'], 'm'), node('Mul', ['m', 'i3'], 'o0')],
    seen: true,
  },
  {
    name: 'half of x, times 1 + erf',
    nodes: [...raised, node('Mul', ['i3', 'i0'], 'm'), node('Mul', ['m', 'raised'], 'o0')],
    seen: true,
  },
  {
    name: 'x times half of 1 + erf, with a product for the quotient',
    nodes: [
      node('Mul', ['i4', 'i0'], 'u'),
      node('Erf', ['u'], 'erf'),
      node('Add', ['i2', 'erf'], 'raised'),
      node('Mul', ['raised', 'i3'], 'm'),
      node('Mul', ['i0', 'm'], 'o0'),
    ],
    seen: true,
  },
  {
    name: 'another scale of x',
    nodes: [
      ...addedTo(node('Mul', ['i0', 'i3'], 'u')),
      node('Mul', ['i0', 'raised'], 'm'),
      node('Mul', ['m', 'i3'], 'o0'),
    ],
    seen: true,
  },
  {
    name: 'with a number that has more axes than x',
    nodes: [
      ...addedTo(node('Div', ['i0', 'i6'], 'u')),
      node('Mul', ['i0', 'raised'], 'm'),
      node('Mul', ['m', 'i3'], 'wide'),
      node('Reshape', ['wide', 'i5'], 'o0'),
    ],
    seen: true,
  },
  {
    name: 'with 1 + erf used again',
    nodes: [
      ...raised,
      node('Mul', ['i0', 'raised'], 'm'),
      node('Mul', ['m', 'i3'], 'g'),
      node('Add', ['g', 'raised'], 'o0'),
    ],
    seen: false,
  },
  {
    name: 'x plus 1 + erf',
    nodes: [...raised, node('Add', ['i0', 'raised'], 'm'), node('Mul', ['m', 'i3'], 'o0')],
    seen: false,
  },
  {
    name: 'raised by another number',
    nodes: [
      ...addedTo(node('Div', ['i0', 'i1'], 'u'), 'i3'),
      node('Mul', ['i0', 'raised'], 'm'),
      node('Mul', ['m', 'i3'], 'o0'),
    ],
    seen: false,
  },
]

describe('a Gelu that is spelled out', () => {
  it.each(spellings.map((s) => [s.name, s] as const))('%s', async (name, { nodes, seen }) => {
    expect(spelledGelus(graphOf(nodes), () => true).size).toBe(seen ? 1 : 0)
    const plain: OpCase = { name, op: 'Erf', inputs: [data(['N', 3, 5]), ...constants], nodes }
    expect((await checkOp(plain, engine)).numeric).toBeLessThan(5e-3)
    // Behind a weight, and with the residual path that a network has beside it.
    const [w, y] = ['i7', 'o0']
    const inner = nodes.map((n) => ({
      ...n,
      inputs: n.inputs.map((v) => (v === 'i0' ? 'x' : v)),
      outputs: n.outputs.map((v) => (v === y ? 'y' : v)),
    }))
    const within: OpCase = {
      ...plain,
      inputs: [...plain.inputs, param([5, 5])],
      nodes: [node('MatMul', ['i0', w], 'x'), ...inner, { ...node('Add', ['x', 'y'], y), name: 'residual' }],
    }
    const report = await checkOp(within, engine)
    expect(report.numeric).toBeLessThan(5e-3)
    expect(report.each).toBeLessThan(1e-5)
    expect(report.squares).toBeLessThan(2e-5)
  })
  it('is none where a value within it is asked for', () => {
    const graph = graphOf(spellings[0]!.nodes)
    for (const inner of ['u', 'erf', 'raised', 'm'])
      expect(spelledGelus(graph, (name) => name !== inner).size, inner).toBe(0)
  })
})
