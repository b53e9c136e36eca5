import { activeValues, type BackwardOptions, backward } from '../../src/autodiff/backward.js'
import type { Engine, Tensors } from '../../src/engine/engine.js'
import { Emitter, type Val } from '../../src/graph/emitter.js'
import type { Graph, ValueInfo } from '../../src/graph/graph.js'
import { writeGraph } from '../../src/onnx/model.js'
import { allocate, isFloat, sizeOf, type Tensor } from '../../src/tensor/tensor.js'
import { type StaticGraph, specialise, trace } from '../../src/trace/trace.js'
import type { CaseInput, Domain, OpCase } from './op-case.js'

const N = 3

/** Small seeded generator (mulberry32): the row's seed decides every number. */
export function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const gaussian = (next: () => number): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())

function fill(size: number, domain: Domain, next: () => number): Float32Array {
  if (domain === 'distinct') {
    const order = Array.from({ length: size }, (_, i) => i)
    for (let i = size - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1))
      ;[order[i], order[j]] = [order[j]!, order[i]!]
    }
    return Float32Array.from(order, (v) => (v - size / 2) * 0.17)
  }
  return Float32Array.from({ length: size }, () => {
    if (domain === 'positive') return 0.5 + 1.5 * next()
    if (domain === 'above-one') return 1.3 + 1.7 * next()
    if (domain === 'unit') return 1.8 * next() - 0.9
    if (domain === 'away-from-zero') return (next() < 0.5 ? -1 : 1) * (0.3 + 1.2 * next())
    return gaussian(next)
  })
}

interface Built {
  readonly graph: Graph
  readonly sample: Record<string, Tensor>
  readonly params: readonly string[]
}

function build(row: OpCase): Built {
  const next = random(row.seed ?? 1)
  const inputs: ValueInfo[] = []
  const sample: Record<string, Tensor> = {}
  const initializers = new Map<string, Tensor>()
  const params: string[] = []
  row.inputs.forEach((input: CaseInput, i) => {
    const name = `i${i}`
    if (input.kind === 'data') {
      const dims = input.dims.map((d) => (d === 'N' ? N : d))
      inputs.push({ name, dtype: 'float32', dims: input.dims })
      sample[name] = { dtype: 'float32', dims, data: fill(sizeOf(dims), input.domain ?? 'normal', next) }
    } else if (input.kind === 'param') {
      params.push(name)
      initializers.set(name, {
        dtype: 'float32',
        dims: input.dims,
        data: fill(sizeOf(input.dims), input.domain ?? 'normal', next),
      })
    } else if (input.kind === 'constant') initializers.set(name, input.value)
  })
  const outputs = Array.from({ length: row.outputs ?? 1 }, (_, i) => `o${i}`)
  const nodes = row.nodes ?? [
    {
      op: row.op,
      domain: '',
      name: 'node',
      inputs: row.inputs.map((input, i) => (input.kind === 'omitted' ? '' : `i${i}`)),
      outputs,
      attributes: row.attributes ?? {},
    },
  ]
  const graph: Graph = {
    name: row.name,
    opsets: new Map([['', row.opset ?? 17]]),
    inputs,
    outputs: outputs.map((name) => ({ name, dtype: undefined, dims: [] })),
    initializers,
    nodes,
  }
  return { graph, sample, params }
}

export interface OpReport {
  /** Worst |numeric − analytic| over the scale of the gradient, over inputs and directions. */
  readonly numeric: number
  /** Worst |each − batch of one| over the largest gradient entry; undefined without parameters. */
  readonly each: number | undefined
  /** Worst |squares − Σ (batch of one)²| over the largest square. */
  readonly squares: number | undefined
  readonly fellBack: boolean
}

/** Runs one row: numeric gradients along random directions, and per-example gradients against batches of one. */
export async function checkOp(row: OpCase, engine: Engine): Promise<OpReport> {
  const { graph, sample, params } = build(row)
  const traced = await trace(graph, engine, sample, { mixing: row.mixes ? 'allow' : 'refuse' })
  const whole = await specialise(traced, engine, N)
  const next = random((row.seed ?? 1) + 1000)
  const seeds: Record<string, Tensor> = {}
  for (const o of graph.outputs) {
    const v = whole.values.get(o.name)
    if (v && isFloat(v.dtype))
      seeds[`r_${o.name}`] = { dtype: 'float32', dims: v.dims, data: fill(sizeOf(v.dims), 'normal', next) }
  }
  const names = [...params, ...graph.inputs.map((v) => v.name)]
  const sums = await gradients(whole, engine, sample, seeds, names, 'sum')
  for (const name of names) {
    // A gradient that was not made counts as zero, and the numbers must agree.
    const dims = whole.values.get(name)!.dims
    sums[name] ??= { dtype: 'float32', dims, data: new Float32Array(sizeOf(dims)) }
  }
  const numeric = await worstNumeric(whole, engine, sample, seeds, sums, row, next)
  if (params.length === 0 || row.mixes) return { numeric, each: undefined, squares: undefined, fellBack: false }

  const one = await specialise(traced, engine, 1)
  const loop: Record<string, Tensor>[] = []
  for (let n = 0; n < N; n++) {
    const rows = Object.fromEntries(
      Object.entries(seeds).map(([name, t]) => [
        name,
        exampleOf(t, whole.values.get(name.slice(2))!.batchAxis ?? 0, n),
      ]),
    )
    const feeds = Object.fromEntries(
      Object.entries(sample).map(([name, t]) => [name, exampleOf(t, whole.values.get(name)!.batchAxis ?? 0, n)]),
    )
    loop.push(await gradients(one, engine, feeds, rows, params, 'sum'))
  }
  try {
    const each = await gradients(whole, engine, sample, seeds, params, 'each')
    const squares = await gradients(whole, engine, sample, seeds, params, 'squares')
    return {
      numeric,
      each: worstEach(each, loop, params),
      squares: worstSquares(squares, loop, params),
      fellBack: false,
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'batch-axis-lost') {
      return { numeric, each: undefined, squares: undefined, fellBack: true }
    }
    throw error
  }
}

/** Example n along an axis, the axis kept with size 1. */
function exampleOf(t: Tensor, axis: number, n: number): Tensor {
  const outer = sizeOf(t.dims.slice(0, axis))
  const inner = sizeOf(t.dims.slice(axis + 1))
  const size = t.dims[axis]!
  const data = allocate('float32', outer * inner)
  for (let o = 0; o < outer; o++) {
    data.set((t.data as Float32Array).subarray((o * size + n) * inner, (o * size + n + 1) * inner), o * inner)
  }
  return { dtype: 'float32', dims: t.dims.map((d, i) => (i === axis ? 1 : d)), data }
}

async function gradients(
  s: StaticGraph,
  engine: Engine,
  feeds: Tensors,
  seeds: Tensors,
  names: readonly string[],
  form: BackwardOptions['form'],
): Promise<Record<string, Tensor>> {
  const emitter = new Emitter(s.graph.opsets.get('') ?? 17)
  const seedValues = new Map<string, Val>(
    Object.entries(seeds).map(([name, t]) => [name.slice(2), { name, dtype: 'float32' as const, dims: t.dims }]),
  )
  const wanted = new Set(names.filter((n) => activeValues(s.graph, new Set([n])).size > 1))
  const found = backward({ graph: s.graph, batch: s.batch, values: s.values, emitter, seeds: seedValues, wanted, form })
  const outputs = [...found].map(([, v]) => v)
  if (outputs.length === 0) throw new Error('No gradient was made.')
  const inputs = [
    ...s.graph.inputs,
    ...Object.entries(seeds).map(([name, t]) => ({ name, dtype: t.dtype, dims: t.dims })),
  ]
  const full = emitter.finish(
    s.graph,
    outputs.map((v) => ({ name: v.name, dtype: v.dtype, dims: v.dims })),
    inputs,
  )
  const session = await engine.createSession(writeGraph(full))
  try {
    const out = await session.run({ ...feeds, ...seeds })
    const result: Record<string, Tensor> = {}
    for (const [name, v] of found) result[name] = out[v.name]!
    return result
  } finally {
    await session.release()
  }
}

async function worstNumeric(
  s: StaticGraph,
  engine: Engine,
  sample: Tensors,
  seeds: Tensors,
  sums: Readonly<Record<string, Tensor>>,
  row: OpCase,
  next: () => number,
): Promise<number> {
  // Parameters become inputs so that one session serves all shifts.
  const moved = Object.keys(sums)
  const initializers = new Map([...s.graph.initializers].filter(([name]) => !moved.includes(name)))
  const extra = moved.filter((n) => s.graph.initializers.has(n))
  const inputs = [
    ...s.graph.inputs,
    ...extra.map((name) => ({ name, dtype: 'float32' as const, dims: s.graph.initializers.get(name)!.dims })),
  ]
  const session = await engine.createSession(writeGraph({ ...s.graph, inputs, initializers }), { optimise: 'none' })
  const base: Record<string, Tensor> = { ...sample }
  for (const name of extra) base[name] = s.graph.initializers.get(name)!
  const objective = async (feeds: Tensors): Promise<number> => {
    const out = await session.run(feeds)
    let total = 0
    for (const [name, r] of Object.entries(seeds)) {
      const y = out[name.slice(2)]!.data as Float32Array
      for (let i = 0; i < y.length; i++) total += y[i]! * (r.data as Float32Array)[i]!
    }
    return total
  }
  let worst = 0
  try {
    for (const name of moved) {
      const value = base[name]!.data as Float32Array
      for (let trial = 0; trial < 3; trial++) {
        // Directions of signs move every entry by h: distances between 'distinct' values stay safe.
        const direction = Float32Array.from(value, () => (next() < 0.5 ? -1 : 1))
        const shifted = async (h: number): Promise<number> =>
          objective({ ...base, [name]: { ...base[name]!, data: value.map((v, i) => v + h * direction[i]!) } as Tensor })
        const h = 2 ** -7
        const d1 = ((await shifted(h)) - (await shifted(-h))) / (2 * h)
        const d2 = ((await shifted(2 * h)) - (await shifted(-2 * h))) / (4 * h)
        const numeric = (4 * d1 - d2) / 3
        const g = sums[name]!.data as Float32Array
        let analytic = 0
        let norm = 1e-2
        for (let i = 0; i < g.length; i++) {
          analytic += g[i]! * direction[i]!
          norm += g[i]! ** 2
        }
        worst = Math.max(worst, Math.abs(numeric - analytic) / Math.sqrt(norm))
      }
    }
  } finally {
    await session.release()
  }
  return worst / ((row.tolerance ?? 5e-3) / 5e-3)
}

function worstEach(
  each: Readonly<Record<string, Tensor>>,
  loop: readonly Record<string, Tensor>[],
  params: readonly string[],
): number {
  let worst = 0
  for (const name of params.filter((p) => loop[0]![p])) {
    const flat = each[name]!.data as Float32Array
    const size = loop[0]![name]!.data.length
    let scale = 1e-6
    let difference = 0
    loop.forEach((g, n) => {
      for (let i = 0; i < size; i++) {
        scale = Math.max(scale, Math.abs(Number(g[name]!.data[i])))
        difference = Math.max(difference, Math.abs(Number(g[name]!.data[i]) - flat[n * size + i]!))
      }
    })
    worst = Math.max(worst, difference / scale)
  }
  return worst
}

function worstSquares(
  squares: Readonly<Record<string, Tensor>>,
  loop: readonly Record<string, Tensor>[],
  params: readonly string[],
): number {
  let worst = 0
  for (const name of params.filter((p) => loop[0]![p])) {
    const size = loop[0]![name]!.data.length
    let scale = 1e-12
    let difference = 0
    for (let i = 0; i < size; i++) {
      const truth = loop.reduce((sum, g) => sum + Number(g[name]!.data[i]) ** 2, 0)
      scale = Math.max(scale, truth)
      difference = Math.max(difference, Math.abs(truth - Number(squares[name]!.data[i])))
    }
    worst = Math.max(worst, difference / scale)
  }
  return worst
}
