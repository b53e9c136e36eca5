import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import { LetheError } from '../../src/errors.js'
import { findLoss } from '../../src/fisher/loss.js'
import { gradientProgram } from '../../src/fisher/program.js'
import { inFloat32 } from '../../src/graph/float32.js'
import { type Graph, int, type Node } from '../../src/graph/graph.js'
import { ordered } from '../../src/graph/order.js'
import { untie } from '../../src/graph/untie.js'
import { lower } from '../../src/lower/lower.js'
import { rewrite } from '../../src/lower/rewrite.js'
import { tensor } from '../../src/tensor/tensor.js'
import { specialise, type Trace, type TracedValue } from '../../src/trace/trace.js'

const width = 1000
const layers = 250
/** 4 MB that every layer shares: a copy would be one a layer. */
const weight = tensor('float32', [width, width], new Float32Array(width * width))

const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
  op,
  domain: '',
  name: `node_${output}`,
  inputs,
  outputs: [output],
  attributes,
})

/** 250 layers of x + tanh(x·W + b): 1,000 nodes and 1 GB of weights, as many bytes as they would take apart. */
function deepGraph(): Graph {
  const initializers = new Map([['head', tensor('float32', [width, 2], new Float32Array(width * 2))]])
  const nodes: Node[] = []
  let x = 'x'
  for (let i = 0; i < layers; i++) {
    initializers.set(`w${i}`, weight)
    initializers.set(`b${i}`, tensor('float32', [width], new Float32Array(width)))
    nodes.push(
      node('MatMul', [x, `w${i}`], `m${i}`),
      node('Add', [`m${i}`, `b${i}`], `a${i}`),
      node('Tanh', [`a${i}`], `t${i}`),
      node('Add', [x, `t${i}`], `x${i}`),
    )
    x = `x${i}`
  }
  nodes.push(node('MatMul', [x, 'head'], 'scores'), node('Cast', ['scores'], 'logits', { to: int(1) }))
  return {
    name: 'deep',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', width] }],
    outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', 2] }],
    initializers,
    nodes,
  }
}

/** What tracing the deep graph shows. */
function traceOf(graph: Graph): Trace {
  const values = new Map<string, TracedValue>()
  for (const [name, { dims }] of graph.initializers) {
    values.set(name, {
      name,
      dtype: 'float32',
      kind: 'shared',
      slope: dims.map(() => 0),
      offset: dims,
      isSeparate: false,
    })
  }
  for (const name of ['x', ...graph.nodes.flatMap((n) => n.outputs)]) {
    const last = name === 'logits' || name === 'scores' ? 2 : width
    values.set(name, { name, dtype: 'float32', kind: 'data', slope: [1, 0], offset: [0, last], isSeparate: true })
  }
  return { graph, values, fixedBatch: undefined, sample: {} }
}

/** Everything is known: nothing has to be run. */
const unneeded: Engine = {
  name: 'none',
  version: '0',
  createSession: () => Promise.reject(new LetheError('engine-failed', 'Nothing should be run.')),
}

const memory = (): number => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed

describe('the transformation of 1,000 nodes with 1 GB of weights', () => {
  it.each(['sum', 'squares'] as const)(
    'to %s shares every weight with the model and takes little memory',
    async (form) => {
      const source = deepGraph()
      const before = memory()
      const { graph } = untie(inFloat32(rewrite(ordered(source))))
      const lowered = await lower(traceOf(graph), unneeded)
      const s = await specialise(traceOf(lowered), unneeded, 16)
      const loss = findLoss(graph)
      const program = gradientProgram(s, loss, form)
      expect(memory() - before).toBeLessThan(50 * 2 ** 20)
      expect(program.outputs.size).toBe(2 * layers + 1)
      const copied = [...source.initializers].filter(
        ([name, t]) => program.graph.initializers.get(name)?.data !== t.data,
      )
      expect(copied).toEqual([])
      // What is added are constants of the size of a batch or a row.
      const added = [...program.graph.initializers].filter(([name]) => !source.initializers.has(name))
      expect(added.reduce((bytes, [, t]) => bytes + t.data.byteLength, 0)).toBeLessThan(2 ** 20)
    },
  )
})
