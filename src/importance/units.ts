import type { Chunk, Pool, PooledSession, Tensors } from '../engine/engine.js'
import { inOrder } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import { type GradientProgram, gradientProgram } from '../fisher/program.js'
import { ignoredLabel } from '../fisher/token-answers.js'
import { checkTokens, type Examples, labelledOf } from '../network/examples.js'
import { microBatchOf } from '../network/micro-batch.js'
import type { Network } from '../network/network.js'
import { writeGraph } from '../onnx/model.js'
import { createMemory, type Memory } from '../tensor/memory.js'
import { sizeOf } from '../tensor/tensor.js'
import type { Estimator, WorkUnit } from './estimators/estimator.js'

/** Gradients of units of work on one session. Release it. */
export interface Units {
  readonly program: GradientProgram
  /**
   * Sums of the units, in their order. Buffers of sums that are given to `reuse` are written again. `onBusy` is called once, when every worker has a
   * unit: the time for what would keep them waiting later.
   */
  run(
    units: readonly WorkUnit[],
    options?: { signal?: AbortSignal | undefined; onBusy?: () => void },
  ): AsyncGenerator<UnitResult>
  /** Memory of sums that are not needed any more. */
  reuse(buffers: readonly ArrayBuffer[]): void
  release(): Promise<void>
}

export interface UnitsOptions {
  readonly squares: Estimator['squares']
  readonly wanted: ReadonlySet<string>
  readonly microBatch?: number | undefined
  /** Lets large sums come in pieces, as it is faster: those of `program.pieces`. Whoever adds them puts them together at the end: `assembled`. */
  readonly inPieces?: boolean
}

/** Opens a session for the gradients that an estimator squares, of the parameters wanted. Throws `rule-missing`. */
export async function openUnits(
  network: Network,
  pool: Pool,
  examples: Examples,
  options: UnitsOptions,
): Promise<Units> {
  const { squares } = options
  const { program, oneByOne } = await makeProgram(network, options)
  const session = await pool.createSession(writeGraph(program.graph), { handOver: true })
  const memory = createMemory()
  const spent: ArrayBuffer[] = []
  const work = { program, session, examples, memory, spent, squares, oneByOne, loading: inTurn() }
  return {
    program,
    run(units, { signal, onBusy } = {}) {
      let idle = pool.workers
      const begun = (): void => {
        if (--idle === 0) onBusy?.()
      }
      return inOrder(units, (unit) => runUnit(unit, work, begun), unitsInFlight(network, options.wanted, pool), signal)
    },
    reuse: (buffers) => void spent.push(...buffers),
    release: () => session.release(),
  }
}

/**
 * Sums of a unit beyond this many bytes are held once a worker, and one more that is being added, while a worker goes on with the next unit; smaller ones
 * twice a worker.
 */
const largeSums = 2 ** 27

function unitsInFlight({ parameters }: Network, wanted: ReadonlySet<string>, pool: Pool): number {
  const bytes = parameters.reduce((n, p) => n + (wanted.has(p.name) ? 4 * sizeOf(p.dims) : 0), 0)
  return bytes > largeSums ? pool.workers + 1 : pool.workers * 2
}

/**
 * The gradient graph for what is squared; where per-example gradients cannot be kept apart in a batch, a batch gradient that is
 * asked for one example at a time: exact, only slower.
 */
async function makeProgram(
  network: Network,
  { squares, wanted, microBatch, inPieces = false }: UnitsOptions,
): Promise<{ program: GradientProgram; oneByOne: boolean }> {
  const fixed = network.trace.fixedBatch
  const form = squares === 'examples' ? 'squares' : 'sum'
  try {
    const s = await network.at(fixed ?? microBatch ?? microBatchOf(network, 32, form))
    const total = squares === 'runs' ? 'of their squares' : 'of results'
    return { program: gradientProgram(s, network.loss, form, wanted, { total, inPieces }), oneByOne: false }
  } catch (error) {
    if (!(error instanceof LetheError) || error.code !== 'batch-axis-lost') throw error
    const s = await network.at(fixed ?? 1)
    const total = 'of their squares'
    return { program: gradientProgram(s, network.loss, 'sum', wanted, { total, inPieces }), oneByOne: true }
  }
}

/** True where this network's exact importances need one run an example. */
export async function needsOneByOne(network: Network): Promise<boolean> {
  const wanted = new Set(network.parameters.map((p) => p.name))
  return (await makeProgram(network, { squares: 'examples', wanted })).oneByOne
}

/** What a unit came to. */
export interface UnitResult {
  readonly unit: WorkUnit
  /** Ids of its first and its last record. */
  readonly between: readonly [string, string]
  /** By parameter or piece: what the runs of the unit came to, added in float32. */
  readonly sums: Readonly<Record<string, Float32Array>>
  /** False where the sums are of gradients that are squared as a whole. */
  readonly squared: boolean
  readonly lossSum: number
}

/** What the units of an estimate have in common. */
interface UnitWork {
  readonly program: GradientProgram
  readonly session: PooledSession
  readonly examples: Examples
  readonly memory: Memory
  /** Memory of sums that were added and are not needed any more. */
  readonly spent: ArrayBuffer[]
  readonly squares: Estimator['squares']
  readonly oneByOne: boolean
  /** Units are loaded in turn: a worker that waits for the first is not kept waiting by those after it. */
  readonly loading: <T>(load: () => Promise<T>) => Promise<T>
}

/** Does one piece of work after another, in the order they are given. */
function inTurn(): UnitWork['loading'] {
  let last: Promise<unknown> = Promise.resolve()
  return (load) => {
    const next = last.then(load)
    last = next.catch(() => {})
    return next
  }
}

/** Examples whose reading may be under way while those before them are preprocessed. */
const readAhead = 16

/** Feeds of the runs of a unit, `size` examples each. */
async function runsOf(unit: WorkUnit, size: number, { program, examples, memory }: UnitWork): Promise<Tensors[]> {
  const starts = Array.from({ length: Math.ceil(unit.rows.length / size) }, (_, r) => r * size)
  const load = (start: number): Promise<Tensors> => {
    const weight = typeof unit.weight === 'number' ? unit.weight : unit.weight.slice(start, start + size)
    return feedsOf(program, examples, unit.rows.slice(start, start + size), weight, memory)
  }
  const runs: Tensors[] = []
  for await (const run of inOrder(starts, load, 1 + Math.ceil(readAhead / size))) runs.push(run)
  return runs
}

async function runUnit(unit: WorkUnit, work: UnitWork, begun: () => void): Promise<UnitResult> {
  const { program, session, examples, memory, spent, squares, oneByOne } = work
  const size = oneByOne ? 1 : program.batch
  const runs = await work.loading(() => runsOf(unit, size, work))
  const names = [...program.outputs]
  const chunk: Chunk = {
    runs,
    keep: [program.losses],
    totals: names.map(([name, output]) => {
      const { name: input, dims } = program.totals.get(name)!
      return { output, input, dims }
    }),
    memory: spent.splice(0),
  }
  const running = session.run(chunk)
  begun()
  const { totals, kept, memory: used } = await running
  memory.give(used)
  let lossSum = 0
  kept.forEach((run, r) => {
    const losses = run[program.losses]!.data as Float32Array
    const count = Math.min(size, unit.rows.length - r * size)
    for (let i = 0; i < count; i++) {
      if (!Number.isFinite(losses[i])) {
        const id = examples.id(unit.rows[r * size + i]!)
        throw new LetheError('value-not-finite', `The loss of record "${id}" is not finite; check its data.`, { id })
      }
      lossSum += losses[i]!
    }
  })
  const byName = Object.fromEntries(names.map(([name, output]) => [name, totals[output]!]))
  const between = [examples.id(unit.rows[0]!), examples.id(unit.rows.at(-1)!)] as const
  return { unit, between, sums: byName, squared: squares !== 'units', lossSum }
}

/** Inputs, targets and weights (one for all, or one each) of some rows; the last row is repeated with weight 0 to fill the batch. */
export async function feedsOf(
  program: GradientProgram,
  examples: Examples,
  rows: readonly number[],
  weight: number | readonly number[],
  memory?: Memory,
): Promise<Record<string, Tensors[string]>> {
  const { batch, classes } = program
  const weightAt = (i: number): number => (typeof weight === 'number' ? weight : weight[i]!)
  const full = Array.from({ length: batch }, (_, i) => rows[Math.min(i, rows.length - 1)]!)
  const weights = Float32Array.from(full, (_, i) => (i < rows.length ? weightAt(i) : 0))
  const weighed = { [program.weights]: { dtype: 'float32', dims: [batch, 1], data: weights } as const }
  if (program.tokens) return { ...(await tokenFeeds(program, program.tokens, examples, full)), ...weighed }
  const targets = new Float32Array(batch * classes)
  for (const [i, row] of full.entries()) targets[i * classes + examples.labels[row]!] = 1
  const inputs = await examples.load(full, memory)
  return { ...inputs, [program.targets]: { dtype: 'float32', dims: [batch, classes], data: targets }, ...weighed }
}

/** Inputs with the label of each token, and its share of the example's loss: 1 over the labelled tokens, 0 where it has none. */
async function tokenFeeds(
  { targets, classes }: GradientProgram,
  { count, shares }: NonNullable<GradientProgram['tokens']>,
  examples: Examples,
  rows: readonly number[],
): Promise<Record<string, Tensors[string]>> {
  const { inputs, labels } = await labelledOf(examples, rows)
  checkTokens(labels, examples, rows, { count, classes })
  const data = new Float32Array(labels.length)
  for (let start = 0; start < labels.length; start += count) {
    const own = labels.subarray(start, start + count)
    const known = own.reduce((n, label) => n + (label === ignoredLabel ? 0 : 1), 0)
    own.forEach((label, t) => {
      data[start + t] = label === ignoredLabel ? 0 : 1 / known
    })
  }
  const dims = [rows.length, count]
  const classesOfTokens = labels.map((label) => (label === ignoredLabel ? 0 : label))
  return {
    ...inputs,
    [targets]: { dtype: 'int32', dims, data: classesOfTokens },
    [shares]: { dtype: 'float32', dims, data },
  }
}
