import { describe, expect, it } from 'vitest'
import { onnxTypeCode } from '../../src/graph/emitter.js'
import { inFloat32 } from '../../src/graph/float32.js'
import {
  type Graph,
  int,
  intAttribute,
  intsAttribute,
  type Node,
  tensorAttribute,
  textAttribute,
} from '../../src/graph/graph.js'
import { printGraph } from '../../src/graph/print.js'
import { untie } from '../../src/graph/untie.js'
import { numberToHalf, type Tensor, tensor } from '../../src/tensor/tensor.js'
import { mlpGraph } from '../small-graphs.js'

const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
  op,
  domain: '',
  name: output,
  inputs,
  outputs: [output],
  attributes,
})
const half = (...values: number[]) => tensor('float16', [values.length], Uint16Array.from(values, numberToHalf))
const single = (...values: number[]) => tensor('float32', [values.length], Float32Array.from(values))

/** y = Cast(x + Identity(w)) + constant. */
function halves(): Graph {
  return {
    name: 'half',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float16', dims: ['batch', 2] }],
    outputs: [{ name: 'y', dtype: 'float64', dims: ['batch', 2] }],
    initializers: new Map<string, Tensor>([
      ['w', half(0.5, -2)],
      ['ids', tensor('int64', [1], BigInt64Array.of(3n))],
    ]),
    nodes: [
      node('Add', ['x', 'w'], 's'),
      node('Cast', ['s'], 'c', { to: int(onnxTypeCode.float64) }),
      node('Cast', ['ids'], 'i', { to: int(onnxTypeCode.int32) }),
      node('Constant', [], 'k', { value: tensorAttribute(tensor('float64', [1], Float64Array.of(0.25))) }),
      node('Add', ['c', 'k'], 'y'),
    ],
  }
}

describe('a graph in float32', () => {
  it('has weights, inputs, outputs, constants and casts in float32, and integers as they were', () => {
    expect(printGraph(inFloat32(halves()))).toMatchInlineSnapshot(`
      "input x: float32[batch, 2]
      initializer w: float32[2]
      initializer ids: int64[1]
      s = Add(x, w)
      c = Cast(s) {to=1}
      i = Cast(ids) {to=6}
      k = Constant() {value=float32[1]}
      y = Add(c, k)
      output y"
    `)
    const { initializers, nodes } = inFloat32(halves())
    expect([...initializers.get('w')!.data]).toEqual([0.5, -2])
    expect(nodes[3]!.attributes.value).toMatchObject({ value: { dtype: 'float32', data: Float32Array.of(0.25) } })
  })

  it('is the graph itself where it already is, and the file keeps its own', () => {
    const graph = mlpGraph()
    expect(inFloat32(graph)).toBe(graph)
    const before = halves()
    inFloat32(before)
    expect(before.initializers.get('w')!.dtype).toBe('float16')
  })
})

describe('merged initializers', () => {
  const merged = (...values: number[]): Graph => ({
    ...mlpGraph(),
    initializers: new Map([['a', single(...values)]]),
    nodes: [node('Identity', ['a'], 'b'), node('Identity', ['b'], 'c'), node('Add', ['b', 'c'], 'logits')],
  })

  it('of one number come apart, with memory of their own', () => {
    const { graph, untied } = untie(merged(1, 1))
    expect(untied).toEqual([{ name: 'b', from: 'a' }])
    expect(graph.initializers.get('b')!.data).toEqual(graph.initializers.get('a')!.data)
    expect(graph.initializers.get('b')!.data.buffer).not.toBe(graph.initializers.get('a')!.data.buffer)
    expect(graph.nodes.map((n) => n.outputs[0])).toEqual(['c', 'logits'])
  })

  it('of several numbers are one parameter used twice, and the graph stays as it is', () => {
    const graph = merged(1, 2)
    expect(untie(graph)).toEqual({ graph, untied: [] })
    expect(untie(graph).graph).toBe(graph)
  })

  it('that are an output of the model stay', () => {
    const graph = { ...merged(1, 1), outputs: [{ name: 'b', dtype: 'float32' as const, dims: [2] }] }
    expect(untie(graph).untied).toEqual([])
  })
})

describe('attributes', () => {
  const n = node('Op', [], 'y', { axis: int(3) })
  it('are read by kind, with a default where absent', () => {
    expect(intAttribute(n, 'axis', 0)).toBe(3)
    expect(intAttribute(n, 'other', undefined)).toBeUndefined()
    expect(intsAttribute(n, 'pads', [0])).toEqual([0])
  })
  it('of another kind are refused, naming the node', () => {
    for (const read of [() => textAttribute(n, 'axis', ''), () => intsAttribute(n, 'axis', [])]) {
      expect(read).toThrow(/^Attribute "axis" of node "y" \(Op\) should be .+, got int\.$/)
    }
  })
})
