import { checkGradients, type GradientCheck, tolerance } from '../../check/check.js'
import type { Pool } from '../../engine/engine.js'
import { createDevicePool } from '../../engine/node/pool.js'
import { LetheError } from '../../errors.js'
import { type Examples, pick } from '../../network/examples.js'
import type { Network } from '../../network/network.js'
import { randomExamples } from '../../network/random-examples.js'
import { loadModel, openModelNetwork } from '../../workspace/model-node.js'
import type { Verb } from '../command.js'
import { dataOptions, modelOptions, wholeNumber } from '../options.js'
import { openData, openModel, type Settings, settingsOf } from '../session.js'
import { count, table } from '../terminal.js'

/** `lethe check`: the gradients made for this very model, against differences and batches of one, on this machine. */
export const check: Verb = {
  name: 'check',
  summary: 'check the gradients made for a model against finite differences, on this machine',
  configure: (program) =>
    dataOptions(modelOptions(program.argument('[model]', 'ONNX file')))
      .option('--examples <n>', 'examples to check on', wholeNumber, 8)
      .option('--directions <n>', 'random directions a parameter, beside the one of its gradient', wholeNumber, 1)
      .option('--seed <n>', 'seed of the directions and of random examples', wholeNumber, 0),
  async run(options, args, terminal) {
    const settings = await settingsOf(args[0] ? { ...options, model: args[0] } : options)
    const [size, directions, seed] = [options.examples, options.directions, options.seed].map(Number)
    const { network, pool, examples, close } = await open(settings, size!, seed!)
    try {
      const report = await checkGradients(network, pool, examples, {
        seed,
        directions,
        signal: terminal.signal,
        onProgress: terminal.progress('checking', 'parameters'),
      })
      const on = settings.data ? 'records of the data' : 'random inputs (give --data for real ones)'
      return {
        json: { model: settings.model, ...report, tolerance },
        text: describe(report, on),
        isBad: !report.isRight,
      }
    } finally {
      await close()
    }
  },
}

interface Opened {
  readonly network: Network
  readonly pool: Pool
  readonly examples: Examples
  readonly close: () => Promise<void>
}

/** The model on its data, or on random inputs where none is given. */
async function open(settings: Settings, size: number, seed: number): Promise<Opened> {
  if (size < 1) throw new LetheError('usage', '--examples is a whole number from 1.')
  if (settings.data) {
    const { data } = await openData(settings)
    const { network, pool, examples, close } = await openModel(settings, data)
    // Spread over the data, which often lies class after class.
    const rows = Array.from({ length: Math.min(size, data.size) }, (_, i) => Math.floor((i * data.size) / size))
    return { network, pool, examples: pick(examples(data), rows), close }
  }
  if (!settings.model) throw new LetheError('usage', 'Name the model: lethe check model.onnx.')
  const file = await loadModel(settings.model)
  const pool = await createDevicePool(settings)
  try {
    const network = await openModelNetwork(file, pool, { output: settings.output, loss: settings.loss })
    return { network, pool, examples: randomExamples(network, size, seed), close: () => pool.close() }
  } catch (error) {
    await pool.close()
    throw error
  }
}

function describe({ parameters, examples, isOneByOne, isRight }: GradientCheck, on: string): string {
  const worst = (read: (p: (typeof parameters)[number]) => number): string =>
    Math.max(...parameters.map(read)).toExponential(1)
  const wrong = parameters.filter((p) => !p.isRight)
  return [
    table(
      ['parameter', 'weights', 'against differences', 'against batches of one', ''],
      parameters.map((p) => [
        p.name,
        count(p.count),
        p.numeric.toExponential(1),
        isOneByOne ? '–' : p.perExample.toExponential(1),
        p.isRight ? 'right' : 'WRONG',
      ]),
    ),
    '',
    `${examples} ${on}; relative errors, worst ${worst((p) => p.numeric)} (at most ${tolerance.numeric}) and ${isOneByOne ? '– (this model runs one example at a time anyway)' : `${worst((p) => p.perExample)} (at most ${tolerance.perExample})`}`,
    isRight
      ? `all ${parameters.length} gradients are right`
      : `${wrong.length} of ${parameters.length} gradients are WRONG: ${wrong.map((p) => p.name).join(', ')}. Please report this model.`,
  ].join('\n')
}
