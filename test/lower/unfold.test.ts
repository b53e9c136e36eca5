import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, float, type Graph, int, ints, type Node } from '../../src/graph/graph.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import { needsOneByOne } from '../../src/importance/units.js'
import { type Examples, pick } from '../../src/network/examples.js'
import { openNetwork } from '../../src/network/network.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { f32, numbers } from '../small-graphs.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

const [T, P, Q, K] = [6, 2, 3, 4]
const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): Node => {
  return { op, domain: '', name: `node_${output}`, inputs, outputs: [output], attributes }
}

/** Where the rows of an example stand among those of the others: x [N, T, K] → rows [·, K], and back to h [N, T, ·]. */
const folds: Readonly<Record<string, { fold: readonly Node[]; back: readonly Node[] }>> = {
  'together (N·T)': {
    fold: [node('Reshape', ['x', 'rows'], 'r')],
    back: [node('Reshape', ['y', 'examples'], 'h')],
  },
  'sequence first (T·N)': {
    fold: [node('Transpose', ['x'], 't', { perm: ints([1, 0, 2]) }), node('Reshape', ['t', 'rows'], 'r')],
    back: [node('Reshape', ['y', 'sequence'], 'z'), node('Transpose', ['z'], 'h', { perm: ints([1, 0, 2]) })],
  },
  'in between (P·N·Q)': {
    fold: [
      node('Reshape', ['x', 'split'], 's'),
      node('Transpose', ['s'], 't', { perm: ints([1, 0, 2, 3]) }),
      node('Reshape', ['t', 'rows'], 'r'),
    ],
    back: [
      node('Reshape', ['y', 'joined'], 'z'),
      node('Transpose', ['z'], 'u', { perm: ints([1, 0, 2, 3]) }),
      node('Reshape', ['u', 'examples'], 'h'),
    ],
  },
}

/** What meets parameters on the rows r [·, K]: y [·, K] and the parameters p0, p1. */
const meetings: Readonly<Record<string, { nodes: readonly Node[]; parameters: readonly (readonly number[])[] }>> = {
  'Gemm with a bias': {
    nodes: [node('Gemm', ['r', 'p0', 'p1'], 'y', { transB: int(1), alpha: float(0.5), beta: float(2) })],
    parameters: [[K, K], [K]],
  },
  'Gemm without one': { nodes: [node('Gemm', ['r', 'p0'], 'y')], parameters: [[K, K]] },
  'MatMul and Add': {
    nodes: [node('MatMul', ['r', 'p0'], 'm'), node('Add', ['p1', 'm'], 'y')],
    parameters: [
      [K, K],
      [1, K],
    ],
  },
  'a weight on the left': {
    nodes: [
      node('Reshape', ['r', 'matrices'], 'm'),
      node('MatMul', ['p0', 'm'], 'w'),
      node('Reshape', ['w', 'rows'], 'y'),
    ],
    parameters: [[2, 2]],
  },
  PRelu: { nodes: [node('PRelu', ['r', 'p0'], 'y')], parameters: [[K]] },
  LayerNormalization: {
    nodes: [node('LayerNormalization', ['r', 'p0', 'p1'], 'y', { axis: int(1) })],
    parameters: [[K], [K]],
  },
}

function graphOf(fold: string, meeting: string): Graph {
  const { nodes, parameters } = meetings[meeting]!
  const shape = (name: string, dims: readonly number[]): [string, Tensor] => [
    name,
    tensor('int64', [dims.length], BigInt64Array.from(dims, BigInt)),
  ]
  return {
    name: 'folded',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['N', T, K] }],
    outputs: [{ name: 'scores', dtype: 'float32', dims: ['N', 3] }],
    nodes: [
      ...folds[fold]!.fold,
      ...nodes,
      ...folds[fold]!.back,
      node('Tanh', ['h'], 'a'),
      node('Reshape', ['a', 'flat'], 'f'),
      node('MatMul', ['f', 'head'], 'scores'),
    ],
    initializers: new Map<string, Tensor>([
      ...parameters.map((dims, i): [string, Tensor] => [`p${i}`, f32(dims, i + 3)]),
      ['head', f32([T * K, 3], 9)],
      shape('rows', [-1, K]),
      shape('examples', [-1, T, K]),
      shape('sequence', [T, -1, K]),
      shape('split', [-1, P, Q, K]),
      shape('joined', [P, -1, Q, K]),
      shape('matrices', [-1, 2, 2]),
      shape('flat', [-1, T * K]),
    ]),
  }
}

function examples(size: number): Examples {
  const values = numbers(size * T * K, 5)
  return {
    size,
    labels: Int32Array.from({ length: size }, (_, i) => i % 3),
    id: (row) => `r${row}`,
    async load(rows) {
      const data = new Float32Array(rows.length * T * K)
      rows.forEach((row, i) => {
        data.set(values.subarray(row * T * K, (row + 1) * T * K), i * T * K)
      })
      return { x: { dtype: 'float32', dims: [rows.length, T, K], data } }
    },
  }
}

const rows = Object.keys(folds).flatMap((fold) => Object.keys(meetings).map((meeting) => ({ fold, meeting })))

describe('parameters that meet folded examples', () => {
  it.each(rows)('keep the gradients of examples apart in a batch: $meeting, $fold', async ({ fold, meeting }) => {
    const network = await openNetwork(graphOf(fold, meeting), engineOf(pool))
    expect(await needsOneByOne(network)).toBe(false)
    const all = examples(5)
    const { sums } = await estimateImportance(network, pool, all, { microBatch: 4 })
    const loop = new Map<string, number[]>()
    for (let row = 0; row < all.size; row++) {
      const one = await estimateImportance(network, pool, pick(all, [row]), { microBatch: 1 })
      for (const [name, sum] of one.sums)
        loop.set(
          name,
          [...sum].map((v, i) => v + (loop.get(name)?.[i] ?? 0)),
        )
    }
    for (const [name, sum] of sums) {
      const expected = loop.get(name)!
      const scale = Math.max(...expected)
      expect(scale, name).toBeGreaterThan(0)
      expect(Math.max(...sum.map((v, i) => Math.abs(v - expected[i]!))) / scale, name).toBeLessThan(1e-5)
    }
  })

  it('are left as they are where all examples look alike, and importances run one by one', async () => {
    const graph = graphOf('together (N·T)', 'Gemm with a bias')
    const zeros = { x: { dtype: 'float32', dims: [3, T, K], data: new Float32Array(3 * T * K) } } as const
    const network = await openNetwork(graph, engineOf(pool), { sample: zeros })
    expect(await needsOneByOne(network)).toBe(true)
  })
})
