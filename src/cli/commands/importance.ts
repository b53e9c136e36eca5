import { digestDataset } from '../../data/digest-node.js'
import { select } from '../../data/select.js'
import { readSelectors } from '../../data/select-node.js'
import { subset } from '../../data/split.js'
import { LetheError } from '../../errors.js'
import { writeFileAtomic } from '../../files/atomic-node.js'
import { openCheckpoint } from '../../files/checkpoint-node.js'
import { sha256Hex } from '../../files/digest-node.js'
import type { EstimatorSettings } from '../../importance/estimators/estimator.js'
import { estimators, findEstimator } from '../../importance/estimators/index.js'
import type { Stage } from '../../importance/importance.js'
import { hashIds, storePieces } from '../../importance/store.js'
import { needsOneByOne } from '../../importance/units.js'
import type { Examples } from '../../network/examples.js'
import { version } from '../../version.js'
import { type ExampleCount, importanceOfSample } from '../../workspace/make-store.js'
import type { Verb } from '../command.js'
import { collect, dataOptions, fromOne, modelOptions, oneOf, required, wholeNumber } from '../options.js'
import { checkOutput, listOf, type Options, openData, openModel, settingsOf } from '../session.js'
import { count, duration, significant } from '../terminal.js'

/** `lethe importance`: the importances of all training data, once; every later request uses them. */
export const importance: Verb = {
  name: 'importance',
  summary: 'compute the importances of all training data, once, and store them',
  configure: (program) =>
    dataOptions(modelOptions(program))
      .option('-o, --out <file>', 'store to write (.safetensors)')
      .option('--estimator <name>', `${estimators.map((e) => `${e.name}: ${e.summary}`).join('; ')}`, 'exact')
      .option('--group-size <n>', 'examples a group (grouped, default 512)', fromOne)
      .option('--group-by <attribute>', 'attribute kept apart beside the label, such as person (grouped)')
      .option('--batch-size <n>', 'examples a batch (batch-mean, default 64)', fromOne)
      .option(
        '--order <name>',
        'order that batches are cut from: data (default) or label (batch-mean)',
        oneOf('data', 'label'),
      )
      .option('--seed <n>', 'seed of the random signs (sketch, default 1)', wholeNumber)
      .option(
        '--examples <n>',
        'a sample stratified by label: a number, or auto for as many as the decision needs (default: all)',
      )
      .option('--where <selector>', 'only these records: class=3, ATTRIBUTE=VALUE; repeat to unite', collect),
  async run(options, _, terminal) {
    const settings = await settingsOf(options)
    const out = required(options, 'out', '--out')
    await checkOutput(out, [settings.model, settings.data, settings.attributes])
    const chosen = estimatorOf(options)
    const estimator = findEstimator(chosen.estimator).settle(chosen)
    const size = sizeOf(options.examples)
    const { data: whole } = await openData(settings)
    const where = await readSelectors(listOf(options.where))
    const data = where.length > 0 ? subset(whole, select(whole, where, { allowAll: true })) : whole
    const workspace = await openModel(settings, data)
    try {
      const { network, pool, file } = workspace
      if (estimator.estimator === 'exact' && (await needsOneByOne(network))) {
        terminal.warn(
          'the batch axis of this model cannot be followed everywhere: one example a run, exact but slower.',
        )
      }
      const examples = workspace.examples(data, estimator.groupBy)
      const digest = await digestWith(workspace.checked(data), terminal.progress('reading data', 'records'))
      for (const note of data.notes?.() ?? []) terminal.warn(note)
      const checkpoint = openCheckpoint(
        `${out}.part`,
        JSON.stringify([
          file.digest,
          network.loss,
          digest,
          groupsDigest(examples),
          estimator,
          size ?? 'all',
          workspace.preprocessing,
          settings.inputs ?? {},
          version,
        ]),
      )
      const begin = Date.now()
      const { importance: result, rows } = await importanceOfSample(workspace, data, {
        settings: size === undefined ? estimator : chosen,
        ...(size !== undefined && { examples: size }),
        onStage: (stage) => terminal.say(stageText(stage)),
        // Removed once the store is written: a full disk at the end must not cost the work.
        checkpoint: { ...checkpoint, remove: async () => {} },
        signal: terminal.signal,
        onProgress: terminal.progress('importance'),
      })
      const facts = {
        model: file.digest,
        data: digest,
        loss: network.loss.loss,
        output: network.loss.output,
        preprocessing: workspace.preprocessing,
        ...(settings.inputs && { inputs: settings.inputs }),
        software: { lethe: version, [pool.engine.name]: pool.engine.version, node: process.versions.node },
      }
      const population = hashIds(Array.from({ length: data.size }, (_, i) => data.id(i)))
      const ids = rows && hashIds(rows.map((row) => data.id(row)))
      const store = { importance: result, facts, ...(ids ? { ids, population } : { ids: population }) }
      const written = await writeFileAtomic(out, storePieces(store))
      await checkpoint.remove()
      const seconds = (Date.now() - begin) / 1000
      return {
        json: {
          store: out,
          ...written,
          count: result.count,
          ...(result.population && { population: result.population }),
          settings: result.settings,
          meanLoss: result.lossSum / result.count,
          parameters: result.sums.size,
          ...(result.relativeError !== undefined && { relativeError: result.relativeError }),
          seconds,
          facts,
        },
        text: `${out}  ${count(result.count)} ${result.population ? `of ${count(result.population.count)} ` : ''}examples, ${result.sums.size} parameter tensors, ${estimator.estimator}, mean loss ${significant(result.lossSum / result.count)} (${network.loss.loss}), ${errorText(result.relativeError)}${duration(seconds)}`,
      }
    } finally {
      await workspace.close()
    }
  },
}

/** Throws `usage` for anything but a whole number from 1 and `auto`. */
function sizeOf(value: unknown): ExampleCount | undefined {
  if (value === undefined || value === 'auto') return value
  const number = Number(value)
  if (Number.isSafeInteger(number) && number >= 1) return number
  throw new LetheError('usage', `--examples is a whole number from 1, or auto; got "${String(value)}".`)
}

function stageText({ count: n, selection, answers }: Stage): string {
  const alike = `two halves of ${count(n)} examples select alike for ${(100 * selection).toFixed(2)} % of the weights`
  return answers === undefined
    ? `${alike}.`
    : `${alike}, and answer alike for ${(100 * answers).toFixed(1)} % of the probe.`
}

function errorText(relative: number | undefined): string {
  return relative === undefined
    ? ''
    : `standard error of a weight's importance ${(100 * relative).toFixed(1)} % (median), `
}

/** Flags of the estimators, each of one alone. */
const flagsOf = [
  ['groupSize', '--group-size', 'grouped'],
  ['groupBy', '--group-by', 'grouped'],
  ['batchSize', '--batch-size', 'batch-mean'],
  ['order', '--order', 'batch-mean'],
  ['seed', '--seed', 'sketch'],
] as const

/** Settings of the flags. Throws `usage` for a flag of another estimator. */
function estimatorOf(options: Options): EstimatorSettings {
  const estimator = String(options.estimator)
  const given = flagsOf.filter(([name]) => options[name] !== undefined)
  const foreign = given.find(([, , owner]) => owner !== estimator)
  if (foreign) throw new LetheError('usage', `${foreign[1]} is for --estimator ${foreign[2]}, not ${estimator}.`)
  return { estimator, ...Object.fromEntries(given.map(([name]) => [name, options[name]])) }
}

/** Attributes are no part of the data's digest: what the groups are made of is added where it decides them. */
function groupsDigest({ group, size }: Examples): string | undefined {
  return group && sha256Hex(JSON.stringify(Array.from({ length: size }, (_, row) => group(row))))
}

async function digestWith(
  data: Parameters<typeof digestDataset>[0],
  progress: (at: { done: number; total: number }) => void,
): Promise<string> {
  return digestDataset(data, (done) => progress({ done, total: data.size }))
}
