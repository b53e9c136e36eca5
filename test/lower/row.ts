import { checkGradients } from '../../src/check/check.js'
import type { Pool, Tensors } from '../../src/engine/engine.js'
import { engineOf } from '../../src/engine/node/pool.js'
import { type Graph, int, type Node } from '../../src/graph/graph.js'
import { lower } from '../../src/lower/lower.js'
import { rewrite } from '../../src/lower/rewrite.js'
import { openNetwork } from '../../src/network/network.js'
import { writeGraph } from '../../src/onnx/model.js'
import { isFloat, sizeOf, type Tensor, toNumbers } from '../../src/tensor/tensor.js'
import { takeExamples, trace } from '../../src/trace/trace.js'
import { random } from '../cases/check-op.js'
import type { CaseInput } from '../cases/op-case.js'

/** One row: an operator (with what stands around it) called i0, i1, … → o0, o1, …. */
export interface LowerCase {
  readonly name: string
  readonly nodes: readonly Node[]
  readonly opset?: number
  readonly inputs: readonly CaseInput[]
  /** Integer inputs by position: values of one example, the same for each axis after N. */
  readonly integers?: Readonly<Record<number, Integers | undefined>>
  /** Float outputs that must be equal; default o0. */
  readonly outputs?: readonly string[]
  /** Axis of o0 that counts the examples. Default 0. */
  readonly batchAxis?: number
  readonly seed?: number
}

interface Integers {
  readonly dims: readonly number[]
  readonly dtype: 'int32' | 'int64' | 'bool'
  /** Value of example n at place i. */
  readonly at: (n: number, i: number) => number
}

const N = 4

export const call = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Node['attributes'] = {},
  domain = '',
): Node => ({ op, domain, name: `node_${outputs[0]}`, inputs, outputs, attributes })

interface Built {
  readonly graph: Graph
  readonly sample: Tensors
}

function build(row: LowerCase): Built {
  const next = random(row.seed ?? 1)
  const fill = (size: number): Float32Array => Float32Array.from({ length: size }, () => 1.6 * next() - 0.8)
  const inputs: Graph['inputs'][number][] = []
  const sample: Record<string, Tensor> = {}
  const initializers = new Map<string, Tensor>()
  row.inputs.forEach((input, i) => {
    const name = `i${i}`
    const integers = row.integers?.[i]
    if (integers) {
      const { dims, dtype, at } = integers
      const size = sizeOf(dims)
      inputs.push({ name, dtype, dims: ['N', ...dims] })
      const values = Array.from({ length: N * size }, (_, k) => at(Math.floor(k / size), k % size))
      const data =
        dtype === 'int64'
          ? BigInt64Array.from(values, BigInt)
          : dtype === 'int32'
            ? Int32Array.from(values)
            : Uint8Array.from(values)
      sample[name] = { dtype, dims: [N, ...dims], data } as Tensor
    } else if (input.kind === 'data') {
      const dims = input.dims.map((d) => (d === 'N' ? N : d))
      inputs.push({ name, dtype: 'float32', dims: input.dims })
      sample[name] = { dtype: 'float32', dims, data: fill(sizeOf(dims)) }
    } else if (input.kind === 'param') {
      initializers.set(name, { dtype: 'float32', dims: input.dims, data: fill(sizeOf(input.dims)) })
    } else if (input.kind === 'constant') initializers.set(name, input.value)
  })
  const outputs = (row.outputs ?? ['o0']).map((name) => ({ name, dtype: undefined, dims: [] }))
  const opsets = new Map([
    ['', row.opset ?? 17],
    ['com.microsoft', 1],
  ])
  return { graph: { name: row.name, opsets, inputs, outputs, initializers, nodes: row.nodes }, sample }
}

/** Worst difference between the runtime's own operator and what it is written as, over the largest value. */
export async function forwardDifference(row: LowerCase, pool: Pool): Promise<number> {
  const engine = engineOf(pool)
  const { graph, sample } = build(row)
  const traced = await trace(graph, engine, sample, { mixing: 'allow' })
  let written = await lower(traced, engine)
  for (let before = graph; written !== before; ) {
    before = written
    written = await lower(await trace(written, engine, sample, { mixing: 'allow' }), engine)
  }
  if (written === graph) throw new Error('Nothing was written out.')
  const run = async (g: Graph): Promise<Record<string, Tensor>> => {
    const session = await engine.createSession(writeGraph(g), { optimise: 'none' })
    try {
      return await session.run(sample)
    } finally {
      await session.release()
    }
  }
  const [expected, got] = [await run(graph), await run(written)]
  let worst = 0
  for (const { name } of graph.outputs) {
    const [a, b] = [expected[name]!, got[name]!]
    if (String(a.dims) !== String(b.dims)) return Number.NaN
    const [x, y] = [toNumbers(a), toNumbers(b)]
    const scale = Math.max(...x.map(Math.abs), 1e-3)
    x.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(v - y[i]!) / scale)
      if (Number.isNaN(y[i])) worst = Number.NaN
    })
  }
  return worst
}

/** A classifier of three classes behind the operator, its examples, and what `checkGradients` says. */
export async function checkClassifier(row: LowerCase, pool: Pool) {
  const { graph, sample } = build(row)
  const engine = engineOf(pool)
  const traced = await trace(rewrite(graph), engine, sample)
  const { offset, dtype } = traced.values.get('o0')!
  if (!isFloat(dtype)) throw new Error('o0 is no float')
  const axis = row.batchAxis ?? 0
  const perm = [axis, ...offset.keys()].filter((a, i) => i === 0 || a !== axis)
  const size = sizeOf(offset.filter((_, i) => i !== axis))
  const next = random(99)
  const weight = Float32Array.from({ length: size * 3 }, () => 2 * next() - 1)
  const classifier: Graph = {
    ...graph,
    outputs: [{ name: 'logits', dtype: 'float32', dims: ['N', 3] }],
    initializers: new Map([...graph.initializers, ['head', { dtype: 'float32', dims: [size, 3], data: weight }]]),
    nodes: [
      ...graph.nodes,
      call('Transpose', ['o0'], ['turned'], { perm: { kind: 'ints', value: perm } }),
      call('Flatten', ['turned'], ['flat'], { axis: int(1) }),
      call('MatMul', ['flat', 'head'], ['logits']),
    ],
  }
  const network = await openNetwork(classifier, engine, { sample })
  const check = await checkGradients(network, pool, {
    size: N,
    labels: Int32Array.from([0, 1, 2, 0]),
    id: String,
    load: async (rows) => takeExamples(sample, rows),
  })
  return { check, network }
}
