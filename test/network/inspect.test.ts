import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, type Graph, int, ints, type Node } from '../../src/graph/graph.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import { inspect } from '../../src/network/inspect.js'
import { openNetwork } from '../../src/network/network.js'
import { readModel, writeGraph } from '../../src/onnx/model.js'
import { ModelProtoSchema, NodeProtoSchema } from '../../src/onnx/schema/onnx_pb.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { smallExamples } from '../small-examples.js'
import { f32, mlpGraph } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): Node => ({
  op,
  domain: '',
  name: `node_${output}`,
  inputs,
  outputs: [output],
  attributes,
})
const filled = (dims: number[], value: number): Tensor =>
  tensor('float32', dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value))

/** x [N, 6] → two layers of six → logits; the biases come from `second`. */
function twoLayers(second: { bias: string; nodes: Node[] }, bias: Tensor): Graph {
  return {
    ...mlpGraph(),
    initializers: new Map([
      ['w1', f32([6, 6], 1)],
      ['w2', f32([6, 6], 2)],
      ['head', f32([6, 4], 3)],
      ['b1', bias],
    ]),
    nodes: [
      ...second.nodes,
      node('Gemm', ['x', 'w1', 'b1'], 'h1'),
      node('Tanh', ['h1'], 'a1'),
      node('Gemm', ['a1', 'w2', second.bias], 'h2'),
      node('Tanh', ['h2'], 'a2'),
      node('MatMul', ['a2', 'head'], 'logits'),
    ],
  }
}
const handedOn = { bias: 'b2', nodes: [node('Identity', ['b1'], 'b2')] }

describe('an initializer that is handed on through Identity', () => {
  it('is one parameter used twice where it holds different numbers: an alias, with the gradients of both uses', async () => {
    const bias = f32([6], 4)
    const seen = await inspect(twoLayers(handedOn, bias), engine)
    expect(seen).toMatchObject({ ready: true, aliases: [{ name: 'b2', of: 'b1' }], untied: [] })
    expect(seen.parameters.map((p) => p.name)).toEqual(['w1', 'w2', 'head', 'b1'])
    // The same as naming it twice.
    const direct = twoLayers({ bias: 'b1', nodes: [] }, bias)
    const sums = await Promise.all(
      [twoLayers(handedOn, bias), direct].map(async (graph) => {
        const network = await openNetwork(graph, engine)
        return (await estimateImportance(network, pool, smallExamples(9), { settings: { estimator: 'exact' } })).sums
      }),
    )
    for (const [name, sum] of sums[0]!) {
      for (const [i, v] of sum.entries()) expect(v).toBeCloseTo(sums[1]!.get(name)![i]!, 10)
    }
  })

  it('is two parameters that an exporter has merged where it holds one number: each with a gradient of its own', async () => {
    const seen = await inspect(twoLayers(handedOn, filled([6], 0)), engine)
    expect(seen).toMatchObject({ ready: true, aliases: [], untied: [{ name: 'b2', from: 'b1' }] })
    expect(seen.parameters.map((p) => p.name)).toEqual(['w1', 'w2', 'head', 'b1', 'b2'])
    expect(seen.parameterCount).toBe(36 + 36 + 24 + 6 + 6)
    const apart = twoLayers({ bias: 'b2', nodes: [] }, filled([6], 0))
    const both = { ...apart, initializers: new Map([...apart.initializers, ['b2', filled([6], 0)]]) }
    const sums = await Promise.all(
      [twoLayers(handedOn, filled([6], 0)), both].map(async (graph) => {
        const network = await openNetwork(graph, engine)
        return (await estimateImportance(network, pool, smallExamples(9), { settings: { estimator: 'exact' } })).sums
      }),
    )
    expect(sums[0]).toEqual(sums[1])
  })
})

describe('a single number that is handed on through Identity', () => {
  /** x·t + t, t of one number. */
  const scaled = (value: number): Graph => {
    const graph = mlpGraph({
      extra: [
        node('Identity', ['t'], 't2'),
        node('Mul', ['logits', 't'], 'scaled'),
        node('Add', ['scaled', 't2'], 'end'),
      ],
      outputs: ['end'],
    })
    return { ...graph, initializers: new Map([...graph.initializers, ['t', filled([1], value)]]) }
  }

  it.each([
    // Round numbers are what parameters begin with: merged by the exporter.
    { value: 0, isApart: true },
    { value: 1, isApart: true },
    { value: 0.25, isApart: true },
    // A trained number is used twice.
    { value: 0.7312, isApart: false },
  ])('$value is two parameters: $isApart', async ({ value, isApart }) => {
    const { untied, aliases } = await inspect(scaled(value), engine)
    expect({ untied: untied.length, aliases: aliases.length }).toEqual(
      isApart ? { untied: 1, aliases: 0 } : { untied: 0, aliases: 1 },
    )
  })
})

describe('initializers are told apart', () => {
  it('parameters have gradients, running statistics are buffers, scalars are settings, and what is unused is neither', async () => {
    const graph: Graph = {
      ...mlpGraph(),
      initializers: new Map([
        ['w', f32([6, 5], 1)],
        ['scale', filled([5], 1)],
        ['shift', f32([5], 2)],
        ['mean', f32([5], 3)],
        ['variance', filled([5], 0.5)],
        ['head', f32([5, 4], 4)],
        ['temperature', tensor('float32', [], Float32Array.of(2))],
        ['unused', f32([3], 5)],
      ]),
      nodes: [
        node('MatMul', ['x', 'w'], 'h'),
        node('BatchNormalization', ['h', 'scale', 'shift', 'mean', 'variance'], 'n'),
        node('MatMul', ['n', 'head'], 's'),
        node('Div', ['s', 'temperature'], 'logits'),
      ],
    }
    const seen = await inspect(graph, engine)
    expect(seen.parameters.map((p) => p.name)).toEqual(['w', 'scale', 'shift', 'head'])
    expect(seen.parameterCount).toBe(30 + 5 + 5 + 20)
    expect(seen.buffers).toEqual(['mean', 'variance', 'unused'])
    expect(seen.ops).toEqual([
      { op: 'BatchNormalization', state: 'differentiable', count: 1 },
      { op: 'Div', state: 'differentiable', count: 1 },
      { op: 'MatMul', state: 'differentiable', count: 2 },
    ])
  })
})

describe('the loss attaches before a softmax at the end', () => {
  const end = (extra: Node[], outputs = ['end']): Graph => mlpGraph({ extra, outputs })
  it.each([
    ['scores as they are', mlpGraph(), 'logits', 'logits'],
    ['Softmax', end([node('Softmax', ['logits'], 'end', { axis: int(1) })]), 'logits', 'softmax'],
    ['LogSoftmax', end([node('LogSoftmax', ['logits'], 'end', { axis: int(-1) })]), 'logits', 'log-softmax'],
    [
      'Softmax behind Identity',
      end([node('Softmax', ['logits'], 'p'), node('Identity', ['p'], 'end')]),
      'logits',
      'softmax',
    ],
    ['a softmax over something else', end([node('Softmax', ['logits'], 'end', { axis: int(0) })]), 'end', 'logits'],
  ] as const)('%s', async (_, graph, logits, via) => {
    const { loss } = await inspect(graph, engine)
    expect(loss).toMatchObject({ logits, via })
  })

  it('and its importances are those of the scores', async () => {
    const graphs = [mlpGraph(), end([node('LogSoftmax', ['logits'], 'end')])]
    const sums = await Promise.all(
      graphs.map(async (graph) => {
        const network = await openNetwork(graph, engine)
        return (await estimateImportance(network, pool, smallExamples(9), { settings: { estimator: 'exact' } })).sums
      }),
    )
    expect(sums[0]).toEqual(sums[1])
  })
})

describe('what cannot be worked with is told with what to do', () => {
  it('two outputs: asks which, and takes the chosen one', async () => {
    const graph = mlpGraph({ outputs: ['logits', 'a'] })
    const { ready, problems } = await inspect(graph, engine)
    expect({ ready, problems }).toEqual({
      ready: false,
      problems: [
        {
          code: 'output-ambiguous',
          message: 'The model has 2 outputs (logits, a); choose the class scores with --output.',
          change: '--output logits  # if these are the scores',
        },
      ],
    })
    expect(await inspect(graph, engine, { output: 'logits' })).toMatchObject({ ready: true, classes: 4 })
    expect((await inspect(graph, engine, { output: 'b' })).problems[0]).toMatchObject({ code: 'output-unknown' })
  })

  it('an operator without a gradient: names node, operator and version, and the rest is told all the same', async () => {
    const { ready, problems, ops } = await inspect(
      mlpGraph({ extra: [node('Hardmax', ['logits'], 'end')], outputs: ['end'] }),
      engine,
    )
    expect(ready).toBe(false)
    expect(problems).toEqual([
      {
        code: 'rule-missing',
        message: expect.stringMatching(
          /^Node "node_end" needs the gradient of Hardmax \(opset 17\), which has no rule\. /,
        ),
      },
    ])
    expect(ops).toContainEqual({ op: 'Hardmax', state: 'refused', count: 1 })
    expect(ops).toContainEqual({ op: 'Gemm', state: 'differentiable', count: 2 })
  })

  it('an operator without a gradient before the first parameter is not needed', async () => {
    const graph = mlpGraph()
    const nodes = [
      node('Hardmax', ['x'], 'hot'),
      ...graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map((i) => (i === 'x' ? 'hot' : i)) })),
    ]
    const { ready, ops } = await inspect({ ...graph, nodes }, engine)
    expect(ready).toBe(true)
    expect(ops).toContainEqual({ op: 'Hardmax', state: 'not needed', count: 1 })
  })

  it('an output that is no scores of classes', async () => {
    const { problems } = await inspect(
      mlpGraph({
        extra: [node('ReduceMean', ['logits'], 'end', { axes: ints([1]), keepdims: int(0) })],
        outputs: ['end'],
      }),
      engine,
    )
    expect(problems).toEqual([
      {
        code: 'loss-unsupported',
        message: expect.stringMatching(/needs class scores \[examples, classes\]; output "end" has/),
      },
    ])
  })

  it('an input of free size: names input and axis', async () => {
    const graph = { ...mlpGraph(), inputs: [{ name: 'x', dtype: 'float32' as const, dims: ['batch', 'features'] }] }
    const { problems } = await inspect(graph, engine)
    expect(problems).toEqual([{ code: 'model-unsupported', message: expect.stringMatching(/"x".*features/) }])
  })

  it.each(['QLinearMatMul', 'DequantizeLinear', 'DynamicQuantizeLinear', 'MatMulInteger', 'ConvInteger'])(
    'integer-quantised weights (%s), when the file is read',
    (op) => {
      const proto = fromBinary(ModelProtoSchema, writeGraph(mlpGraph()))
      proto.graph!.node.push(create(NodeProtoSchema, { opType: op, name: 'q' }))
      expect(() => readModel(toBinary(ModelProtoSchema, proto))).toThrow(
        expect.objectContaining({
          code: 'model-quantised',
          message: `Node "q" (${op}) works on integer-quantised weights, which have no gradient; forget in the float model and quantise the result.`,
        }),
      )
    },
  )
})

describe('integer inputs', () => {
  it('that choose rows of an embedding are taken, and only chosen rows have importance', async () => {
    const graph: Graph = {
      name: 'embedding',
      opsets: new Map([['', 17]]),
      inputs: [{ name: 'ids', dtype: 'int64', dims: ['batch', 3] }],
      outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', 4] }],
      initializers: new Map([
        ['table', f32([7, 5], 1)],
        ['head', f32([5, 4], 2)],
      ]),
      nodes: [
        node('Gather', ['table', 'ids'], 'rows'),
        node('ReduceMean', ['rows'], 'mean', { axes: ints([1]), keepdims: int(0) }),
        node('MatMul', ['mean', 'head'], 'logits'),
      ],
    }
    const seen = await inspect(graph, engine)
    expect(seen).toMatchObject({ ready: true, exact: 'batch', classes: 4 })
    expect(seen.parameters.map((p) => p.name)).toEqual(['table', 'head'])
    const network = await openNetwork(graph, engine)
    expect(network.inputs).toEqual([{ name: 'ids', dtype: 'int64', dims: [3] }])
    const { sums } = await estimateImportance(
      network,
      pool,
      {
        size: 5,
        labels: Int32Array.of(0, 1, 2, 3, 0),
        id: String,
        load: async (rows) => ({
          ids: tensor(
            'int64',
            [rows.length, 3],
            BigInt64Array.from(
              rows.flatMap((r) => [r % 3, 4, 4]),
              BigInt,
            ),
          ),
        }),
      },
      { settings: { estimator: 'exact' } },
    )
    const table = sums.get('table')!
    const used = Array.from({ length: 7 }, (_, row) => table.slice(row * 5, row * 5 + 5).every((v) => v > 0))
    expect(used).toEqual([true, true, true, false, true, false, false])
    expect([...table.slice(15, 20), ...table.slice(25)].every((v) => v === 0)).toBe(true)
  })
})

describe('every model that PyTorch exported', () => {
  const folder = join(import.meta.dirname, '../fixtures/models')
  it.each(readdirSync(folder).filter((name) => name.endsWith('.onnx')))('%s is ready', async (name) => {
    const report = await inspect(readModel(readFileSync(join(folder, name))).graph, engine)
    expect(report.problems).toEqual([])
    expect(report.ready).toBe(true)
    expect(report.exact).toBeDefined()
  })
})
