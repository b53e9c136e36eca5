import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { afterAll, describe, expect, it } from 'vitest'
import { checkGradients } from '../../src/check/check.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Graph, int } from '../../src/graph/graph.js'
import { printGraph } from '../../src/graph/print.js'
import { rewrite } from '../../src/lower/rewrite.js'
import { openNetwork } from '../../src/network/network.js'
import { readModel, writeGraph } from '../../src/onnx/model.js'
import {
  AttributeProto_AttributeType as AttributeType,
  type FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
} from '../../src/onnx/schema/onnx_pb.js'
import { smallExamples } from '../small-examples.js'
import { f32, mlpGraph } from '../small-graphs.js'
import { call } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

type NodeInit = MessageInitShape<typeof NodeProtoSchema>
type FunctionInit = MessageInitShape<typeof FunctionProtoSchema>

const node = (opType: string, input: string[], output: string[], domain = '', attribute: NodeInit['attribute'] = []) =>
  ({ opType, input, output, domain, attribute, name: `${opType}_${output[0]}` }) satisfies NodeInit
const passed = (name: string, from: string, type: AttributeType) => ({ name, refAttrName: from, type })
const standard = { domain: '', version: 17n }

/** A linear layer with an activation whose slope is an attribute, given or by default. */
const layer: FunctionInit = {
  name: 'Layer',
  domain: 'mine',
  input: ['x', 'w', 'b'],
  output: ['y', 'h'],
  attribute: ['transB'],
  attributeProto: [{ name: 'slope', type: AttributeType.FLOAT, f: 0.25 }],
  opsetImport: [standard, { domain: 'mine', version: 1n }],
  node: [
    node('Gemm', ['x', 'w', 'b'], ['h'], '', [passed('transB', 'transB', AttributeType.INT)]),
    node('Leaky', ['h'], ['y'], 'mine', [passed('alpha', 'slope', AttributeType.FLOAT)]),
  ],
}
const leaky: FunctionInit = {
  name: 'Leaky',
  domain: 'mine',
  input: ['h'],
  output: ['y'],
  attribute: ['alpha'],
  opsetImport: [standard],
  node: [node('LeakyRelu', ['h'], ['y'], '', [passed('alpha', 'alpha', AttributeType.FLOAT)])],
}

/** x [N, 6] → two layers → logits [N, 4], written as calls of `Layer`. */
function model(functions: readonly FunctionInit[] = [layer, leaky], version = 17n): Uint8Array {
  const transposed = { name: 'transB', type: AttributeType.INT, i: 1n }
  const steep = { name: 'slope', type: AttributeType.FLOAT, f: 0.75 }
  const graph = { ...mlpGraph(), nodes: [] }
  const bare = readModel(writeGraph({ ...mlpGraph() })).proto.graph!
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 9n,
      opsetImport: [
        { domain: '', version },
        { domain: 'mine', version: 1n },
      ],
      functions: [...functions],
      graph: create(GraphProtoSchema, {
        name: graph.name,
        input: bare.input,
        output: bare.output,
        initializer: bare.initializer,
        node: [
          node('Layer', ['x', 'fc1.weight', 'fc1.bias'], ['a', ''], 'mine', [transposed, steep]),
          node('Layer', ['a', 'fc2.weight', 'fc2.bias'], ['', 'logits'], 'mine', [transposed]),
        ],
      }),
    }),
  )
}

describe('local functions', () => {
  it('are written where they are called, with their attributes, and answer the same', async () => {
    const bytes = model()
    const graph = rewrite(readModel(bytes).graph)
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "input x: float32[batch, 6]
      initializer fc1.weight: float32[5, 6]
      initializer fc1.bias: float32[5]
      initializer fc2.weight: float32[4, 5]
      initializer fc2.bias: float32[4]
      Layer_a/h = Gemm(x, fc1.weight, fc1.bias) {transB=1}
      a = LeakyRelu(Layer_a/h) {alpha=0.75}
      logits = Gemm(a, fc2.weight, fc2.bias) {transB=1}
      Layer_/y = LeakyRelu(logits) {alpha=0.25}
      output logits"
    `)
    const x = f32([2, 6], 9)
    const answers = []
    for (const source of [bytes, writeGraph(graph)]) {
      const session = await engineOf(pool).createSession(source)
      answers.push([...(await session.run({ x })).logits!.data])
      await session.release()
    }
    expect(answers[1]).toEqual(answers[0])
  })

  it('give a network with right gradients, under the names of the file', async () => {
    const network = await openNetwork(readModel(model()).graph, engineOf(pool))
    expect(network.parameters.map((p) => p.name)).toEqual(['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'])
    expect((await checkGradients(network, pool, smallExamples(8))).isRight).toBe(true)
  })

  it('are refused where they have no end, or another kind of opset', () => {
    const endless = {
      ...leaky,
      node: [node('Leaky', ['h'], ['y'], 'mine')],
      opsetImport: [{ domain: 'mine', version: 1n }],
    }
    expect(() => rewrite(readModel(model([layer, endless])).graph)).toThrow(/call each other without an end/)
    expect(() => rewrite(readModel(model([layer, leaky], 18n)).graph)).toThrow(
      'Function "Layer" (node "Layer_a") is written in opset 17 and the model in opset 18; convert the model to one opset (onnx.version_converter).',
    )
  })
})

describe('a recurrent layer with examples first', () => {
  it('is the usual one between transpositions', () => {
    const graph: Graph = {
      ...mlpGraph(),
      nodes: [call('LSTM', ['x', 'w', 'r', '', '', 'h', 'c'], ['y', 'y_h'], { layout: int(1), hidden_size: int(2) })],
      outputs: [],
      initializers: new Map(),
    }
    expect(printGraph(rewrite(graph))).toMatchInlineSnapshot(`
      "input x: float32[batch, 6]
      x/time_first = Transpose(x) {perm=[1, 0, 2]}
      h/time_first = Transpose(h) {perm=[1, 0, 2]}
      c/time_first = Transpose(c) {perm=[1, 0, 2]}
      y/time_first, y_h/time_first = LSTM(x/time_first, w, r, , , h/time_first, c/time_first) {layout=0, hidden_size=2}
      y = Transpose(y/time_first) {perm=[2, 0, 1, 3]}
      y_h = Transpose(y_h/time_first) {perm=[1, 0, 2]}"
    `)
  })
})
