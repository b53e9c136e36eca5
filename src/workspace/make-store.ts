import type { Dataset } from '../data/dataset.js'
import { LetheError } from '../errors.js'
import { classCountsOf, type EstimateOptions, estimateImportance } from '../importance/estimate.js'
import { findEstimator } from '../importance/estimators/index.js'
import type { Importance, Stage } from '../importance/importance.js'
import { sampledSettings, sampleRows } from '../importance/sample.js'
import { hashIds, type Store } from '../importance/store.js'
import { checkExamples, pick } from '../network/examples.js'
import { estimateUntilStable } from '../unlearn/sequential.js'
import { version } from '../version.js'
import type { Workspace } from './open.js'

/** How many examples importances are estimated from: a number (a sample stratified by label), or as many as the decision needs. */
export type ExampleCount = number | 'auto'

export interface SampleOptions extends EstimateOptions {
  /** Default: all examples. */
  readonly examples?: ExampleCount
  /** Hears how stable the decision is, sample by sample (`auto`). */
  readonly onStage?: (stage: Stage) => void
}

/** Importances of all records of a data set, with the facts that later requests are checked against. Throws what `estimateImportance` throws. */
export async function makeStore(workspace: Workspace, data: Dataset, options: SampleOptions = {}): Promise<Store> {
  const { network, pool, file, preprocessing } = workspace
  const { importance, rows } = await importanceOfSample(workspace, data, options)
  const hashes = (of: Iterable<number>): BigUint64Array => hashIds(Array.from(of, (row) => data.id(row)))
  const all = Array.from({ length: data.size }, (_, i) => i)
  return {
    importance,
    facts: {
      model: file.digest,
      loss: network.loss.loss,
      output: network.loss.output,
      preprocessing,
      software: { lethe: version, [pool.engine.name]: pool.engine.version },
    },
    ids: hashes(rows ?? all),
    ...(rows && { population: hashes(all) }),
  }
}

/**
 * Importances of as many examples as asked for; `rows` are those of the sample, where it is one. Throws `usage` for an estimator that depends on
 * the order of all data, and what `estimateImportance` throws.
 */
export async function importanceOfSample(
  workspace: Workspace,
  data: Dataset,
  options: SampleOptions,
): Promise<{ importance: Importance; rows?: readonly number[] }> {
  const { network, pool } = workspace
  const { examples: size, settings = { estimator: 'exact' } } = options
  const examples = workspace.examples(data, settings.groupBy)
  if (size === 'auto') {
    const { importance, rows } = await estimateUntilStable(network, pool, examples, options)
    return importance.population ? { importance, rows } : { importance }
  }
  if (size === undefined || size >= data.size)
    return { importance: await estimateImportance(network, pool, examples, options) }
  if (size < 1) throw new LetheError('usage', `--examples must be a whole number from 1, or auto; got ${size}.`)
  checkExamples(examples, network)
  const hasClasses = network.tokens === undefined
  const labels = hasClasses ? new Set(examples.labels).size : 1
  const sizes = { sample: size, all: data.size, labels }
  const asked = findEstimator(settings.estimator).settle(sampledSettings(settings, sizes))
  const rows = sampleRows(examples, size, hasClasses)
  if (rows.length >= data.size)
    return { importance: await estimateImportance(network, pool, examples, { ...options, settings: asked }) }
  const importance = await estimateImportance(network, pool, pick(examples, rows), { ...options, settings: asked })
  const population = { count: data.size, classCounts: classCountsOf(network, examples.labels) }
  return { importance: { ...importance, population }, rows }
}
