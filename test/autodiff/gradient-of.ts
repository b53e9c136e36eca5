import { backward, type ValueFacts } from '../../src/autodiff/backward.js'
import type { Engine } from '../../src/engine/engine.js'
import { Emitter } from '../../src/graph/emitter.js'
import type { Attributes, Graph } from '../../src/graph/graph.js'
import { writeGraph } from '../../src/onnx/model.js'
import type { Tensor } from '../../src/tensor/tensor.js'

/** One operator: inputs that gradients are asked for by name (`feeds`), and constants; '' where one is left out. */
export interface Call {
  readonly op: string
  readonly opset: number
  readonly attributes?: Attributes
  readonly inputs: readonly string[]
  readonly feeds: Readonly<Record<string, Tensor>>
  readonly constants?: Readonly<Record<string, Tensor>>
}

/** Gradients of the feeds for the cotangent `dy` of the operator's first output. Throws what the rule throws. */
export async function gradientsOf(call: Call, dy: Tensor, engine: Engine): Promise<Record<string, Tensor>> {
  const graph = graphOf(call)
  const facts = (name: string, t: Tensor, kind: ValueFacts['kind']): ValueFacts => ({
    name,
    dims: t.dims,
    dtype: t.dtype,
    kind,
    batchAxis: kind === 'data' ? 0 : undefined,
  })
  const emitter = new Emitter(call.opset)
  const found = backward({
    graph,
    batch: dy.dims[0]!,
    values: new Map([
      ...Object.entries(call.feeds).map(([name, t]) => [name, facts(name, t, 'data')] as const),
      ...Object.entries(call.constants ?? {}).map(([name, t]) => [name, facts(name, t, 'constant')] as const),
      ['y', facts('y', dy, 'data')] as const,
    ]),
    emitter,
    seeds: new Map([['y', facts('dy', dy, 'data')]]),
    wanted: new Set(Object.keys(call.feeds)),
    form: 'sum',
  })
  const full = emitter.finish(
    graph,
    [...found.values()].map((v) => ({ name: v.name, dtype: v.dtype, dims: v.dims })),
    [...graph.inputs, { name: 'dy', dtype: dy.dtype, dims: dy.dims }],
  )
  const out = await run(full, { ...call.feeds, dy }, engine)
  return Object.fromEntries([...found].map(([name, v]) => [name, out[v.name]!]))
}

/** The operator's first output. */
export async function outputOf(call: Call, engine: Engine): Promise<Tensor> {
  const graph = graphOf(call)
  const { y } = await run({ ...graph, outputs: [{ name: 'y', dtype: undefined, dims: [] }] }, call.feeds, engine)
  return y!
}

function graphOf({ op, opset, attributes = {}, inputs, feeds, constants = {} }: Call): Graph {
  return {
    name: op,
    opsets: new Map([['', opset]]),
    inputs: Object.entries(feeds).map(([name, t]) => ({ name, dtype: t.dtype, dims: t.dims })),
    outputs: [],
    initializers: new Map(Object.entries(constants)),
    nodes: [{ op, domain: '', name: 'node', inputs, outputs: ['y'], attributes }],
  }
}

async function run(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
  engine: Engine,
): Promise<Record<string, Tensor>> {
  const session = await engine.createSession(writeGraph(graph))
  try {
    return await session.run(feeds)
  } finally {
    await session.release()
  }
}
