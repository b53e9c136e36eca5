import { type Command, InvalidArgumentError } from 'commander'
import { devices } from '../engine/node/pool.js'
import { LetheError } from '../errors.js'
import { lossNames } from '../fisher/loss.js'

/** What --loss is for. */
export const lossHelp = `${lossNames.join(', ')} (default: found by the scores and the data)`

/** Options that every verb with a model and data takes, in one place so that they read alike. */
export function modelOptions(program: Command): Command {
  return engineOptions(program.optionsGroup('Model:').option('-m, --model <file>', 'ONNX model'))
}

/** The same where one model or several are measured: the first is the one before forgetting. */
export function modelsOptions(program: Command): Command {
  const many = program
    .optionsGroup('Models:')
    .option('-m, --model <file>', 'ONNX model; repeat for more, the one before forgetting first', collect)
  return engineOptions(many)
}

function engineOptions(program: Command): Command {
  return program
    .option('--output <name>', 'output that holds the class scores, where there are several')
    .option('--loss <name>', lossHelp, oneOf(...lossNames))
    .option('--device <name>', 'what runs the kernels: cpu (default), webgpu or cuda', oneOf(...devices))
    .option('--workers <n>', 'worker threads (default: one a core; one for a device beside the CPU)', fromOne)
    .option('--config <file>', 'configuration (default: lethe.json where there is one)')
    .optionsGroup('Options:')
}

export function dataOptions(program: Command): Command {
  return program
    .optionsGroup('Data:')
    .option(
      '-d, --data <path>',
      'data the model was trained on: folder of images, CIFAR, IDX, .npz or .npy, .jsonl, .parquet or .csv',
    )
    .option('--format <name>', 'form of the data, where it cannot be told from the files')
    .option('--split <name>', 'part of the data: train, test or all')
    .option('--attributes <file>', 'CSV of further attributes: the column id, and one column per attribute')
    .option('--tokenizer <file>', 'tokenizer.json of texts (default: the one beside the data or the model)')
    .option('--max-length <n>', 'tokens of every text: longer ones are cut, shorter ones padded', fromOne)
    .option('--preprocessing <file>', 'preprocessor_config.json of a model hub')
    .option('--mean <list>', 'mean of each channel after rescaling, comma-separated', numberList)
    .option('--std <list>', 'standard deviation of each channel, comma-separated', numberList)
    .option('--resize <size>', 'resize images to this side', fromOne)
    .optionsGroup('Options:')
}

export function forgetOptions(program: Command): Command {
  return program
    .optionsGroup('What to forget:')
    .option(
      '-f, --forget <selector>',
      'class=3, ids=FILE, ATTRIBUTE=VALUE, random=N or all; repeat to unite, ! to exclude',
      collect,
    )
    .option('--seed <n>', 'seed of random=N', wholeNumber, 0)
    .option('--test <path>', 'data the model has not seen, for the verdict')
    .option('--probe <path>', 'data to try strengths on, where no training data is kept')
    .optionsGroup('Options:')
}

export function strengthOptions(program: Command): Command {
  return program
    .optionsGroup('Importances and strength:')
    .option('-i, --importance <file>', 'importance store of the training data')
    .option('--auto', 'find the strength (default)')
    .option('--alpha <a>', 'published threshold: select where I_Df > α·I_D', positive)
    .option('--share <t>', 'threshold on the forget share, 0 to 1', positive)
    .option('--lambda <l>', 'dampening λ of --alpha or --share (default 1)', positive)
    .option(
      '--keep <share>',
      'largest fall of retain accuracy --auto allows, 0.01 is one point (default 0.01; 0.003 for records)',
      positive,
    )
    .option(
      '--only <pattern>',
      'dampen these parameters alone: a name, layer4.*, norm, bias, embedding; repeat',
      collect,
    )
    .option('--except <pattern>', 'leave these parameters as they are; repeat', collect)
    .optionsGroup('Options:')
}

/** Value of an option that must be there. Throws `usage` naming it. */
export function required(options: Readonly<Record<string, unknown>>, name: string, flag: string): string {
  const value = options[name]
  if (typeof value === 'string' && value !== '') return value
  throw new LetheError('usage', `${flag} is missing; add it to the command.`)
}

/** Values of an option that may be repeated. */
export function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value]
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('Expected a whole number.')
}

export function fromOne(text: string): number {
  const value = wholeNumber(text)
  if (value >= 1) return value
  throw new InvalidArgumentError('Expected a whole number from 1.')
}

export function positive(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value
  throw new InvalidArgumentError('Expected a number from 0.')
}

export function numberList(text: string): number[] {
  const values = text.split(',')
  if (values.every((v) => v.trim() !== '' && Number.isFinite(Number(v)))) return values.map(Number)
  throw new InvalidArgumentError('Expected numbers separated by commas.')
}

/** Parser of a value that is one of a few words. */
export function oneOf(...words: readonly string[]): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text
    throw new InvalidArgumentError(`Expected ${words.join(' or ')}.`)
  }
}
