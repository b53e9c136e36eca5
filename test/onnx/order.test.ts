import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, type Graph, int, type Node } from '../../src/graph/graph.js'
import { ordered } from '../../src/graph/order.js'
import { inspect } from '../../src/network/inspect.js'
import { readModel, writeGraph } from '../../src/onnx/model.js'
import { tensor } from '../../src/tensor/tensor.js'
import { withKnownShapes } from '../../src/trace/shapes.js'
import { f32, mlpGraph } from '../small-graphs.js'

const node = (op: string, inputs: string[], outputs: string[], attributes: Attributes = {}): Node => ({
  op,
  domain: '',
  name: `node_${outputs[0]}`,
  inputs,
  outputs,
  attributes,
})
const withNodes = (nodes: readonly Node[]): Graph => ({ ...mlpGraph(), nodes })
const names = (graph: Graph): string[] => graph.nodes.map((n) => n.outputs[0]!)

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

describe('nodes', () => {
  it('in order stay as they are, the very graph', () => {
    const graph = mlpGraph()
    expect(ordered(graph)).toBe(graph)
  })

  it('in any other order are put in order when a file is read, and the model is ready', async () => {
    const graph = withNodes(mlpGraph().nodes.toReversed())
    const read = readModel(writeGraph(graph)).graph
    expect(names(read)).toEqual(['h', 'a', 'logits'])
    expect(await inspect(read, engine)).toMatchObject({ ready: true })
  })

  it('in order after one is moved: the others keep their places', () => {
    const [first, second, third] = mlpGraph().nodes as [Node, Node, Node]
    const side = node('Neg', ['x'], ['side'])
    expect(names(ordered(withNodes([second, side, third, first])))).toEqual(['side', 'h', 'a', 'logits'])
  })

  const body = (nodes: Node[], output: string): Graph => ({
    ...withNodes(nodes),
    inputs: [],
    initializers: new Map(),
    outputs: [{ name: output, dtype: undefined, dims: [] }],
  })
  const branch = (then: Graph): Attributes => ({
    then_branch: { kind: 'graph', value: then },
    else_branch: { kind: 'graph', value: body([node('Neg', ['x'], ['e'])], 'e') },
  })
  const nested = (depth: number): Graph => {
    let inner = body([node('Neg', ['x'], ['deepest'])], 'deepest')
    for (let i = 0; i < depth; i++) inner = body([node('If', ['x'], [`d${i}`], branch(inner))], `d${i}`)
    return inner
  }

  it('of a body that come too late are put in order, and what they take from outside counts', () => {
    const late = body([node('Neg', ['t'], ['u']), node('Neg', ['h'], ['t'])], 'u')
    const [first, ...rest] = mlpGraph().nodes
    const graph = ordered(withNodes([node('If', ['x'], ['y'], branch(late)), first!, ...rest]))
    expect(names(graph)).toEqual(['h', 'y', 'a', 'logits'])
    const value = graph.nodes[1]!.attributes.then_branch
    expect(value?.kind === 'graph' && names(value.value)).toEqual(['t', 'u'])
  })

  it.each([
    {
      what: 'a circle of copies',
      nodes: [node('Identity', ['b'], ['logits']), node('Identity', ['logits'], ['b'])],
      says: /Node "node_logits" \(Identity\) depends on its own output/,
    },
    {
      what: 'a node that reads itself',
      nodes: [...mlpGraph().nodes.slice(0, 2), node('Add', ['a', 'logits'], ['logits'])],
      says: /depends on its own output/,
    },
    {
      what: 'a value that is made twice',
      nodes: [...mlpGraph().nodes, node('Neg', ['x'], ['a'])],
      says: /The value "a" is made twice/,
    },
    {
      what: 'a value that is a weight, too',
      nodes: [...mlpGraph().nodes, node('Neg', ['x'], ['fc1.bias'])],
      says: /The value "fc1.bias" is made twice/,
    },
    {
      what: 'a value that nothing makes',
      nodes: [...mlpGraph().nodes, node('Neg', ['lost'], ['n'])],
      says: /Node "node_n" \(Neg\) reads "lost", which nothing makes/,
    },
    {
      what: 'an output that nothing makes',
      nodes: mlpGraph().nodes.slice(0, 2),
      says: /An output of the graph, "logits", is made by no node/,
    },
    {
      what: 'a circle inside a body',
      nodes: [
        ...mlpGraph().nodes,
        node('If', ['x'], ['y'], branch(body([node('Neg', ['q'], ['p']), node('Neg', ['p'], ['q'])], 'p'))),
      ],
      says: /depends on its own output/,
    },
  ])('$what: model-truncated, told where', ({ nodes, says }) => {
    expect(() => ordered(withNodes(nodes))).toThrow(
      expect.objectContaining({ code: 'model-truncated', message: expect.stringMatching(says) }),
    )
    expect(() => readModel(writeGraph(withNodes(nodes)))).toThrow(expect.objectContaining({ code: 'model-truncated' }))
  })

  it('in bodies in bodies are taken to a depth of 64', () => {
    const deep = (depth: number): Graph =>
      withNodes([...mlpGraph().nodes, node('If', ['x'], ['y'], branch(nested(depth)))])
    expect(ordered(deep(30)).nodes.length).toBe(4)
    expect(() => ordered(deep(100))).toThrow(expect.objectContaining({ code: 'model-unsupported' }))
  })
})

describe('a size that a file claims', () => {
  const sized = (dims: readonly (number | string)[]): Graph => ({
    ...mlpGraph(),
    inputs: [{ name: 'x', dtype: 'float32', dims }],
  })

  it('of −1 is an axis of any size', () => {
    expect(readModel(writeGraph(sized([-1, 6]))).graph.inputs[0]!.dims).toEqual([undefined, 6])
  })

  it.each([
    { dims: [2 ** 31, 6], says: /batches of 2147483648 examples/ },
    { dims: ['batch', 2 ** 40], says: /"x" is declared as \[batch, 1099511627776\]/ },
  ])('of $dims takes no memory: model-unsupported', async ({ dims, says }) => {
    const { problems } = await inspect(sized(dims), engine)
    expect(problems).toEqual([{ code: 'model-unsupported', message: expect.stringMatching(says) }])
  })
})

describe('known shapes', () => {
  it('are what the runtime says of them', async () => {
    const from = (start: number | undefined, end: number | undefined): Attributes => ({
      ...(start !== undefined && { start: int(start) }),
      ...(end !== undefined && { end: int(end) }),
    })
    const nodes = [
      node('Size', ['x'], ['size']),
      ...[undefined, 0, 1, -1, -9, 9].flatMap((start) =>
        [undefined, 2, -1, 9, -9].map((end, i) => node('Shape', ['x'], [`${start}:${end}:${i}`], from(start, end))),
      ),
    ]
    const x = f32([2, 3, 4], 1)
    const graph: Graph = {
      ...withNodes(nodes),
      inputs: [{ name: 'x', dtype: 'float32', dims: [2, 3, 4] }],
      outputs: nodes.map((n) => ({ name: n.outputs[0]!, dtype: undefined, dims: [] })),
      initializers: new Map([['unused', tensor('float32', [1], Float32Array.of(1))]]),
    }
    const session = await engine.createSession(writeGraph(graph))
    const ran = await session.run({ x })
    await session.release()
    const { known, graph: rest } = withKnownShapes(graph, (name) => (name === 'x' ? x.dims : undefined))
    expect(rest.nodes).toEqual([])
    expect(Object.fromEntries(known)).toEqual(ran)
  })
})
