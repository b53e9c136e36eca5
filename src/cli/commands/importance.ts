import { digestDataset } from '../../data/digest-node.js'
import { select } from '../../data/select.js'
import { readSelectors } from '../../data/select-node.js'
import { subset } from '../../data/split.js'
import { writeFileAtomic } from '../../files/atomic-node.js'
import { openCheckpoint } from '../../files/checkpoint-node.js'
import { estimateImportance, needsOneByOne } from '../../importance/estimate.js'
import { estimators, findEstimator } from '../../importance/estimators/index.js'
import { hashIds, writeStore } from '../../importance/store.js'
import { version } from '../../version.js'
import type { Verb } from '../command.js'
import { collect, dataOptions, modelOptions, required, wholeNumber } from '../options.js'
import { openData, openModel, settingsOf } from '../session.js'
import { count, duration } from '../terminal.js'

/** `lethe importance`: the importances of all training data, once; every later request uses them. */
export const importance: Verb = {
  name: 'importance',
  summary: 'compute the importances of all training data, once, and store them',
  configure: (program) =>
    dataOptions(modelOptions(program))
      .option('-o, --out <file>', 'store to write (.safetensors)')
      .option('--estimator <name>', `${estimators.map((e) => `${e.name}: ${e.summary}`).join('; ')}`, 'exact')
      .option('--group-size <n>', 'examples a group (grouped, default 512)', wholeNumber)
      .option('--batch-size <n>', 'examples a batch (batch-mean, default 64)', wholeNumber)
      .option('--order <name>', 'order that batches are cut from: data or label (batch-mean)', 'data')
      .option('--where <selector>', 'only these records: class=3, ATTRIBUTE=VALUE; repeat to unite', collect, []),
  async run(options, _, terminal) {
    const settings = await settingsOf(options)
    const out = required(options, 'out', '--out')
    const { data: whole } = await openData(settings)
    const where = await readSelectors(options.where as string[])
    const data = where.length > 0 ? subset(whole, select(whole, where, { allowAll: true })) : whole
    const chosen = {
      estimator: String(options.estimator),
      ...(options.groupSize !== undefined && { groupSize: Number(options.groupSize) }),
      order: options.order === 'label' ? ('label' as const) : ('data' as const),
      ...(options.batchSize !== undefined && { batchSize: Number(options.batchSize) }),
    }
    const estimator = findEstimator(chosen.estimator).settle(chosen)
    const workspace = await openModel(settings, data)
    try {
      const { network, pool, file } = workspace
      if (chosen.estimator === 'exact' && (await needsOneByOne(network))) {
        terminal.warn(
          'the batch axis of this model cannot be followed everywhere: one example a run, exact but slower.',
        )
      }
      const examples = workspace.examples(data)
      const digest = await digestWith(data, terminal.progress('reading data', 'records'))
      const checkpoint = openCheckpoint(
        `${out}.part`,
        JSON.stringify([file.digest, digest, estimator, workspace.preprocessing, version]),
      )
      const begin = Date.now()
      const result = await estimateImportance(network, pool, examples, {
        settings: estimator,
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
        software: { lethe: version, [pool.engine.name]: pool.engine.version, node: process.versions.node },
      }
      const ids = hashIds(Array.from({ length: data.size }, (_, i) => data.id(i)))
      const written = await writeFileAtomic(out, writeStore({ importance: result, facts, ids }))
      await checkpoint.remove()
      const seconds = (Date.now() - begin) / 1000
      return {
        json: {
          store: out,
          ...written,
          count: result.count,
          settings: result.settings,
          meanLoss: result.lossSum / result.count,
          parameters: result.sums.size,
          seconds,
          facts,
        },
        text: `${out}  ${count(result.count)} examples, ${result.sums.size} parameter tensors, ${estimator.estimator}, mean loss ${(result.lossSum / result.count).toFixed(4)}, ${duration(seconds)}`,
      }
    } finally {
      await workspace.close()
    }
  },
}

async function digestWith(
  data: Parameters<typeof digestDataset>[0],
  progress: (at: { done: number; total: number }) => void,
): Promise<string> {
  return digestDataset(data, (done) => progress({ done, total: data.size }))
}
