import { digestDataset } from '../../data/digest-node.js'
import { writeFileAtomic } from '../../files/atomic-node.js'
import { openCheckpoint } from '../../files/checkpoint-node.js'
import { architectures } from '../../train/architectures/index.js'
import { findOptimiser, optimisers } from '../../train/optimisers/index.js'
import { schedules } from '../../train/schedule.js'
import { version } from '../../version.js'
import { trainClassifier } from '../../workspace/train.js'
import type { Verb } from '../command.js'
import { dataOptions, positive, required, wholeNumber } from '../options.js'
import { checkOutput, openData, settingsOf } from '../session.js'
import { percent } from '../terminal.js'

/** `lethe train`: a classifier from scratch, as an ONNX graph built and trained here. */
export const train: Verb = {
  name: 'train',
  summary: 'train a classifier from scratch and write it as ONNX',
  configure: (program) =>
    dataOptions(program)
      .option('--arch <name>', architectures.map((a) => `${a.name}: ${a.summary}`).join('; '), 'cnn')
      .option('-o, --out <file>', 'model to write (.onnx)')
      .option('--epochs <n>', 'passes over the data', wholeNumber, 10)
      .option('--batch-size <n>', 'examples a step', wholeNumber, 128)
      .option('--optimiser <name>', optimisers.map((o) => `${o.name}: ${o.summary}`).join('; '), 'sgd')
      .option('--rate <r>', 'learning rate at the start (default 0.1 for sgd, 0.001 for adam)', positive)
      .option('--momentum <m>', 'momentum of sgd', positive, 0.9)
      .option('--weight-decay <d>', 'weight decay', positive, 5e-4)
      .option('--schedule <name>', Object.keys(schedules).join(', '), 'cosine')
      .option('--crop <pixels>', 'pad images by this much and crop at random', wholeNumber, 0)
      .option('--flip', 'mirror half of the images')
      .option('--seed <n>', 'seed of weights, order and augmentation', wholeNumber, 0)
      .option('--test <path>', 'data to measure the result on')
      .option('--workers <n>', 'worker threads (default: one a core)', wholeNumber)
      .option('--config <file>', 'configuration (default: lethe.json where there is one)'),
  async run(options, _, terminal) {
    const settings = await settingsOf(options)
    const out = required(options, 'out', '--out')
    await checkOutput(out, [settings.data, settings.test])
    const { data, test } = await openData(settings)
    const { seed, epochs, batchSize, momentum, weightDecay } = options as Record<string, number>
    const arch = String(options.arch)
    const rate = typeof options.rate === 'number' ? options.rate : findOptimiser(String(options.optimiser)).defaultRate
    const reading = terminal.progress('reading data', 'records')
    const digest = await digestDataset(data, (done) => reading({ done, total: data.size }))
    // Removed once the model is written: a full disk at the end must not cost the work.
    const checkpoint = openCheckpoint(
      `${out}.part`,
      JSON.stringify(['train', version, digest, data.classes, arch, settings.preprocessing]),
    )
    const facts = {
      arch,
      seed,
      epochs,
      batchSize,
      rate,
      momentum,
      weightDecay,
      optimiser: options.optimiser,
      schedule: options.schedule,
      crop: options.crop,
      flip: options.flip === true,
    }
    const bar = terminal.progress('training', 'steps')
    let loss = Number.NaN
    const { bytes, accuracy, trainAccuracy } = await trainClassifier({
      data,
      test,
      arch,
      preprocessing: settings.preprocessing,
      workers: settings.workers,
      metadata: Object.fromEntries(Object.entries(facts).map(([k, v]) => [`lethe.${k}`, String(v)])),
      train: {
        seed: seed!,
        epochs: epochs!,
        batchSize,
        rate,
        momentum,
        weightDecay,
        optimiser: String(options.optimiser),
        schedule: String(options.schedule),
        ...((options.flip === true || Number(options.crop) > 0) && {
          augmentation: { crop: Number(options.crop), flip: options.flip === true },
        }),
        signal: terminal.signal,
        checkpoint,
        onStep({ done, total, loss: now }) {
          loss = now
          bar({ done, total })
        },
      },
    })
    const written = await writeFileAtomic(out, bytes)
    await checkpoint.remove()
    return {
      json: { out, ...written, ...facts, loss, trainAccuracy, testAccuracy: accuracy },
      text: `${out}  ${arch}, last loss ${loss.toFixed(4)}, training accuracy ${percent(trainAccuracy)}${accuracy === undefined ? '' : `, test accuracy ${percent(accuracy)}`}`,
    }
  },
}
