import type { Engine, Tensors } from '../../src/engine/engine.js'
import { isLetheError } from '../../src/errors.js'
import { gradientProgram } from '../../src/fisher/program.js'
import { type Graph, int, type Node } from '../../src/graph/graph.js'
import { inlineFunctions } from '../../src/lower/functions.js'
import { type Network, openNetwork } from '../../src/network/network.js'
import { writeGraph } from '../../src/onnx/model.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { takeExamples } from '../../src/trace/trace.js'
import { random } from '../cases/check-op.js'
import type { RandomGraph } from './graph-builder.js'

/** Examples of a batch. */
export const batch = 3
const classes = 3

/** How the check of a random graph ends. */
export interface GraphEnd {
  /** `checked`: gradients agree in every way there is; else the code of the refusal. */
  readonly end: string
  /** Whether numeric differences were taken. */
  readonly isNumeric: boolean
}

/**
 * Opens a graph and compares: squares of a batch with a loop over batches of one, and gradients with central differences of
 * the model in float64. Throws a plain Error naming the parameter where they disagree, and what is no coded error as it is.
 */
export async function checkGraph(
  { graph, isSmooth, isMixed, shape }: RandomGraph,
  engine: Engine,
  seed: number,
): Promise<GraphEnd> {
  const next = random(seed)
  const size = shape.reduce((a, b) => a * b, batch)
  const x = tensor(
    'float32',
    [batch, ...shape],
    Float32Array.from({ length: size }, () => next() * 2 - 1),
  )
  const labels = Array.from({ length: batch }, () => Math.floor(next() * classes))
  try {
    const network = await openNetwork(graph, engine, { sample: { x } })
    const sums = await gradients(network, engine, 'sum', { x }, labels)
    if (isMixed) return { end: 'mixed', isNumeric: false }
    await checkSquares(network, engine, { x, labels, sums })
    const isNumeric = isSmooth && (await checkNumbers(graph, engine, { x, labels, sums, next }))
    return { end: 'checked', isNumeric }
  } catch (error) {
    if (isLetheError(error) && error.code !== 'internal') {
      if (process.env.LETHE_FUZZ_TELL) console.log(isMixed ? 'MIXED' : '', error.code, error.message.slice(0, 250))
      return { end: error.code, isNumeric: false }
    }
    throw error
  }
}

async function gradients(
  network: Network,
  engine: Engine,
  form: 'sum' | 'squares',
  feeds: Tensors,
  labels: readonly number[],
): Promise<Map<string, Float32Array>> {
  const count = labels.length
  const wanted = new Set(network.parameters.map((p) => p.name))
  const program = gradientProgram(await network.at(count), network.loss, form, wanted)
  // A graph of Lethe's own making must run where the model does.
  const mustRun = (error: unknown): never => {
    throw new Error(`the graph of gradients does not run: ${error instanceof Error ? error.message : error}`)
  }
  const session = await engine.createSession(writeGraph(program.graph)).catch(mustRun)
  try {
    const targets = new Float32Array(count * classes)
    labels.forEach((label, n) => {
      targets[n * classes + label] = 1
    })
    const given = {
      [program.targets]: tensor('float32', [count, classes], targets),
      [program.weights]: tensor('float32', [count, 1], new Float32Array(count).fill(1)),
    }
    const out = await session.run({ ...feeds, ...given }).catch(mustRun)
    return new Map([...program.outputs].map(([name, output]) => [name, out[output]!.data as Float32Array]))
  } finally {
    await session.release()
  }
}

interface Known {
  readonly x: Tensor
  readonly labels: readonly number[]
  /** Σ_n ∂ℓ_n/∂θ. */
  readonly sums: ReadonlyMap<string, Float32Array>
}

/** Float32 sums in another order. */
const perExampleTolerance = 1e-3

async function checkSquares(network: Network, engine: Engine, { x, labels, sums }: Known): Promise<void> {
  if (network.trace.fixedBatch !== undefined) {
    await gradients(network, engine, 'squares', { x }, labels).catch(unlessLost)
    return
  }
  const squares = await gradients(network, engine, 'squares', { x }, labels).catch(unlessLost)
  const loop = new Map(
    [...sums].map(([name, g]) => [name, { sum: new Float64Array(g.length), square: new Float64Array(g.length) }]),
  )
  for (const [n, label] of labels.entries()) {
    for (const [name, g] of await gradients(network, engine, 'sum', takeExamples({ x }, [n]), [label])) {
      const { sum, square } = loop.get(name)!
      for (let i = 0; i < g.length; i++) {
        sum[i]! += g[i]!
        square[i]! += g[i]! ** 2
      }
    }
  }
  const scale = Math.sqrt(Math.max(0, ...[...loop.values()].flatMap(({ square }) => [...square])))
  for (const [name, { sum, square }] of loop) {
    compare(`Σ g of "${name}", a batch against a loop`, sums.get(name)!, sum, scale)
    if (squares) compare(`Σ g² of "${name}", a batch against a loop`, squares.get(name)!, square, scale ** 2)
  }
}

function unlessLost(error: unknown): undefined {
  if (isLetheError(error) && error.code === 'batch-axis-lost') return undefined
  throw error
}

/** Compares to a share of the largest entry; of a gradient that is zero but for rounding, to a share of all. */
function compare(what: string, got: ArrayLike<number>, expected: ArrayLike<number>, scale: number): void {
  let [worst, largest] = [0, 1e-3 * scale]
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(got[i]! - expected[i]!))
    largest = Math.max(largest, Math.abs(expected[i]!))
  }
  if (worst <= perExampleTolerance * largest + 1e-12) return
  throw new Error(
    `${what}: off by ${worst} of ${largest}: [${[...Array.from(got)].slice(0, 6)}] [${[...Array.from(expected)].slice(0, 6)}]`,
  )
}

/** A way to take differences: element type, step, and how far the gradient may be away. */
const numericForms = [
  { dtype: 'float64', h: 1e-4, tolerance: 2e-3 },
  // For operators that the runtime computes in float32 alone.
  { dtype: 'float32', h: 2 ** -6, tolerance: 3e-2 },
] as const

/** Compares with differences, in the best form that the runtime has for all operators. */
async function checkNumbers(source: Graph, engine: Engine, known: Known & { next(): number }): Promise<boolean> {
  const graph = inlineFunctions(source)
  for (const form of numericForms) {
    const wide = form.dtype === 'float64' ? inFloat64(graph) : graph
    const isParameter = (name: string, t: Tensor): boolean =>
      t.dtype === form.dtype && t.dims.length > 0 && !name.startsWith('buffer')
    const parameters = [...wide.initializers].filter(([name, t]) => isParameter(name, t))
    const fed = new Set(parameters.map(([name]) => name))
    const moved: Graph = {
      ...wide,
      inputs: [...wide.inputs, ...parameters.map(([name, t]) => ({ name, dtype: t.dtype, dims: t.dims }))],
      initializers: new Map([...wide.initializers].filter(([name]) => !fed.has(name))),
    }
    const session = await engine.createSession(writeGraph(moved), { optimise: 'none' }).catch(() => undefined)
    if (!session) continue
    const x = form.dtype === 'float64' ? widened(known.x) : known.x
    const run = async (changed: Tensors): Promise<number> => {
      const out = await session.run({ x, ...Object.fromEntries(parameters), ...changed })
      return crossEntropy(out[graph.outputs[0]!.name]!, known.labels)
    }
    try {
      const runs = await run({}).then(
        () => true,
        () => false,
      )
      if (!runs) continue
      for (const [name, t] of parameters) await checkParameter(name, t, form, run, known)
      return true
    } finally {
      await session.release()
    }
  }
  return false
}

async function checkParameter(
  name: string,
  t: Tensor,
  { h, tolerance }: (typeof numericForms)[number],
  run: (changed: Tensors) => Promise<number>,
  { sums, next }: Known & { next(): number },
): Promise<void> {
  const theta = t.data as Float64Array
  // A parameter without a gradient counts as one that changes nothing.
  const g = sums.get(name) ?? new Float32Array(theta.length)
  const v = Float64Array.from(theta, () => (next() < 0.5 ? -1 : 1) * (0.5 + next()))
  const loss = (step: number): Promise<number> =>
    run({ [name]: { ...t, data: theta.map((value, i) => value + step * v[i]!) } as Tensor })
  const [a, b, c, d] = [await loss(h), await loss(-h), await loss(2 * h), await loss(-2 * h)]
  const numeric = (8 * (a - b) - (c - d)) / (12 * h)
  const analytic = g.reduce((sum, gi, i) => sum + gi * v[i]!, 0)
  const size = Math.sqrt(g.reduce((sum, gi) => sum + gi * gi, 0))
  if (Math.abs(numeric - analytic) <= tolerance * (size + 1e-2 * (1 + Math.abs(a)))) return
  throw new Error(`gradient of "${name}": ${analytic} by Lethe, ${numeric} by differences, |g| ${size}`)
}

function crossEntropy(logits: Tensor, labels: readonly number[]): number {
  const z = Float64Array.from(logits.data as Float64Array)
  return labels.reduce((sum, label, n) => {
    const row = z.subarray(n * classes, (n + 1) * classes)
    const top = Math.max(...row)
    return sum + top + Math.log(row.reduce((s, v) => s + Math.exp(v - top), 0)) - row[label]!
  }, 0)
}

function widened(t: Tensor): Tensor {
  return t.dtype === 'float32' ? { dtype: 'float64', dims: t.dims, data: Float64Array.from(t.data as Float32Array) } : t
}

/** The graph computing in float64. */
function inFloat64(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map((v) => (v.dtype === 'float32' ? { ...v, dtype: 'float64' } : v)),
    outputs: graph.outputs.map((v) => (v.dtype === 'float32' ? { ...v, dtype: 'float64' } : v)),
    initializers: new Map([...graph.initializers].map(([name, t]) => [name, widened(t)])),
    nodes: graph.nodes.map(wideNode),
  }
}

function wideNode(node: Node): Node {
  const attributes = Object.entries(node.attributes).map(([name, a]): [string, typeof a] => {
    if (a.kind === 'tensor') return [name, { ...a, value: widened(a.value) }]
    if (a.kind === 'graph') return [name, { ...a, value: inFloat64(a.value) }]
    return [name, name === 'to' && a.kind === 'int' && a.value === 1 ? int(11) : a]
  })
  return { ...node, attributes: Object.fromEntries(attributes) }
}
