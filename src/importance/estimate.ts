import type { Chunk, Pool, PooledSession, Tensors } from '../engine/engine.js'
import { inOrder, type WorkOptions } from '../engine/in-order.js'
import { LetheError } from '../errors.js'
import { isTokenLoss } from '../fisher/loss.js'
import { type GradientProgram, gradientProgram } from '../fisher/program.js'
import { ignoredLabel } from '../fisher/token-answers.js'
import { checkExamples, checkTokens, type Examples, labelledOf } from '../network/examples.js'
import { microBatchOf } from '../network/micro-batch.js'
import type { Network } from '../network/network.js'
import { writeGraph } from '../onnx/model.js'
import { createMemory, type Memory } from '../tensor/memory.js'
import { sizeOf } from '../tensor/tensor.js'
import type { Estimator, EstimatorSettings, WorkUnit } from './estimators/estimator.js'
import { findEstimator } from './estimators/index.js'
import type { Importance } from './importance.js'
import { type PartialSums, type Resumable, restore, snapshot } from './resume.js'

/** How importances are estimated; everything may be left out. */
export interface EstimateOptions extends WorkOptions {
  readonly settings?: EstimatorSettings
  /** Names of the parameters wanted; default all. */
  readonly parameters?: ReadonlySet<string>
  /** Examples a run of the engine. Default: what keeps activations in cache, up to 32; see `microBatchOf`. */
  readonly microBatch?: number
  /** Where progress is kept so that the same call can go on after a stop. */
  readonly checkpoint?: Resumable
  /** Time between checkpoints. Default 10 s. */
  readonly checkpointEveryMs?: number
  readonly now?: () => number
}

/**
 * Importances of the examples under a network: S by parameter, exact per example or as the estimator has it.
 *
 * The same examples and settings give the same bytes, whatever the number of workers: units are fixed by the plan, summed
 * in float64 inside a worker, and added in the order of the plan.
 * Throws `label-range`, `value-not-finite` (names a record), `rule-missing`, `cancelled`, `checkpoint-mismatch`.
 */
export async function estimateImportance(
  network: Network,
  pool: Pool,
  examples: Examples,
  options: EstimateOptions = {},
): Promise<Importance> {
  checkExamples(examples, network)
  const estimator = findEstimator(options.settings?.estimator ?? 'exact')
  const settings = estimator.settle(options.settings ?? { estimator: 'exact' })
  const plan = estimator.plan(examples, settings)
  const wanted = options.parameters ?? new Set(network.parameters.map((p) => p.name))
  const { program, oneByOne } = await makeProgram(network, estimator.squares, wanted, options.microBatch)
  const state = restore(await options.checkpoint?.load(), program.outputs.keys(), plan.length)
  const session = await pool.createSession(writeGraph(program.graph))
  const now = options.now ?? Date.now
  let saved = now()
  let done = plan.slice(0, state.next).reduce((n, u) => n + u.rows.length, 0)
  options.onProgress?.({ done, total: examples.size })
  try {
    const memory = createMemory()
    const spent: ArrayBuffer[] = []
    const work = (unit: WorkUnit): Promise<UnitResult> =>
      runUnit(unit, { program, session, examples, memory, spent, squares: estimator.squares, oneByOne })
    for await (const result of inOrder(
      plan.slice(state.next),
      work,
      unitsInFlight(network, wanted, pool),
      options.signal,
    )) {
      spent.push(...addUnit(state, result, estimator.squares === 'runs'))
      done += result.unit.rows.length
      options.onProgress?.({ done, total: examples.size })
      if (options.checkpoint && now() - saved > (options.checkpointEveryMs ?? 10_000)) {
        await options.checkpoint.save(snapshot(state))
        saved = now()
      }
    }
  } catch (error) {
    if (options.checkpoint && state.next > 0) await options.checkpoint.save(snapshot(state))
    throw error
  } finally {
    await session.release()
  }
  // Under a loss by tokens, records have no class.
  const classCounts = Array<number>(isTokenLoss(network.loss.loss) ? 0 : network.classes).fill(0)
  if (classCounts.length > 0) for (const label of examples.labels) classCounts[label]!++
  await options.checkpoint?.remove()
  const relativeError = relativeErrorOf(state, plan.length)
  return {
    sums: state.sums,
    dims: new Map(network.parameters.filter((p) => state.sums.has(p.name)).map((p) => [p.name, p.dims])),
    count: examples.size,
    units: estimator.units(examples.size, plan),
    classCounts,
    settings,
    lossSum: state.lossSum,
    ...(relativeError !== undefined && { relativeError }),
  }
}

/** Sums of a unit beyond this many bytes are held once a worker, and not twice: filling the wait between two units would cost gigabytes. */
const largeSums = 2 ** 28

function unitsInFlight({ parameters }: Network, wanted: ReadonlySet<string>, pool: Pool): number {
  const bytes = parameters.reduce((n, p) => n + (wanted.has(p.name) ? 8 * sizeOf(p.dims) : 0), 0)
  return bytes > largeSums ? pool.workers : pool.workers * 2
}

/**
 * The gradient graph for what is squared; where per-example gradients cannot be kept apart in a batch, a batch gradient that is
 * asked for one example at a time: exact, only slower.
 */
async function makeProgram(
  network: Network,
  squares: Estimator['squares'],
  wanted: ReadonlySet<string>,
  microBatch: number | undefined,
): Promise<{ program: GradientProgram; oneByOne: boolean }> {
  const fixed = network.trace.fixedBatch
  const form = squares === 'examples' ? 'squares' : 'sum'
  try {
    const s = await network.at(fixed ?? microBatch ?? microBatchOf(network, 32, form === 'squares'))
    return { program: gradientProgram(s, network.loss, form, wanted), oneByOne: false }
  } catch (error) {
    if (!(error instanceof LetheError) || error.code !== 'batch-axis-lost') throw error
    return { program: gradientProgram(await network.at(fixed ?? 1), network.loss, 'sum', wanted), oneByOne: true }
  }
}

/** True where this network's exact importances need one run an example. */
export async function needsOneByOne(network: Network): Promise<boolean> {
  return (await makeProgram(network, 'examples', new Set(network.parameters.map((p) => p.name)), undefined)).oneByOne
}

interface UnitResult {
  readonly unit: WorkUnit
  readonly sums: Readonly<Record<string, Float64Array>>
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
}

async function runUnit(
  unit: WorkUnit,
  { program, session, examples, memory, spent, squares, oneByOne }: UnitWork,
): Promise<UnitResult> {
  const size = oneByOne ? 1 : program.batch
  const runs: Tensors[] = []
  for (let start = 0; start < unit.rows.length; start += size) {
    const weight = typeof unit.weight === 'number' ? unit.weight : unit.weight.slice(start, start + size)
    runs.push(await feedsOf(program, examples, unit.rows.slice(start, start + size), weight, memory))
  }
  const names = [...program.outputs]
  const form = { examples: oneByOne ? 'add-squares' : 'add', runs: 'add-squares', units: 'square' } as const
  const chunk: Chunk = {
    runs,
    keep: [program.losses],
    sums: names.map(([, output]) => ({ output, form: form[squares] })),
    memory: spent.splice(0),
  }
  const { sums, kept, memory: used } = await session.run(chunk)
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
  const byName = Object.fromEntries(names.map(([name, output]) => [name, sums[output]!]))
  checkSums(byName, unit, examples)
  return { unit, sums: byName, lossSum }
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

function checkSums(sums: Readonly<Record<string, Float64Array>>, unit: WorkUnit, examples: Examples): void {
  for (const [name, sum] of Object.entries(sums)) {
    if (Number.isFinite(sum.reduce((a, b) => a + b, 0))) continue
    const [first, last] = [examples.id(unit.rows[0]!), examples.id(unit.rows.at(-1)!)]
    throw new LetheError(
      'value-not-finite',
      `The gradient of "${name}" is not finite for one of the records "${first}" to "${last}"; check their data.`,
      { parameter: name, first, last },
    )
  }
}

/** Adds a unit; returns the memory of its sums, where that is not that of the state now. */
function addUnit(state: PartialSums, { sums, lossSum }: UnitResult, keepsSpread: boolean): ArrayBuffer[] {
  const spent: ArrayBuffer[] = []
  for (const [name, part] of Object.entries(sums)) {
    if (keepsSpread) addSquares(state.spread, name, part)
    const sum = state.sums.get(name)
    if (!sum) {
      state.sums.set(name, part)
      continue
    }
    for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!
    if (part.buffer instanceof ArrayBuffer) spent.push(part.buffer)
  }
  state.lossSum += lossSum
  state.next++
  return spent
}

function addSquares(spread: Map<string, Float64Array>, name: string, part: Float64Array): void {
  const known = spread.get(name)
  if (!known)
    spread.set(
      name,
      part.map((v) => v * v),
    )
  else for (let i = 0; i < known.length; i++) known[i]! += part[i]! ** 2
}

/** Weights that a median is taken of: enough for its second digit. */
const medianOf = 2 ** 17

/**
 * Median over the weights (evenly spaced ones, where there are many) of the relative standard error of S = Σ_u S_u, from how
 * much the U units differ: √(U/(U−1) Σ_u (S_u − S/U)²) / S. It counts what data and signs do together. Undefined for fewer than
 * two units.
 */
function relativeErrorOf({ sums, spread }: PartialSums, units: number): number | undefined {
  if (spread.size === 0 || units < 2) return undefined
  const errors: number[] = []
  const all = [...sums.values()].reduce((n, sum) => n + sum.length, 0)
  const step = Math.max(1, Math.ceil(all / medianOf))
  for (const [name, sum] of sums) {
    const squares = spread.get(name)!
    for (let i = 0; i < sum.length; i += step) {
      const s = sum[i]!
      if (s > 0) errors.push(Math.sqrt(Math.max((units / (units - 1)) * (squares[i]! - (s * s) / units), 0)) / s)
    }
  }
  return Float64Array.from(errors).sort()[errors.length >> 1]
}
