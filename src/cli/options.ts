import type { Command } from 'commander'
import { LetheError } from '../errors.js'

/** Options that every verb with a model and data takes, in one place so that they read alike. */
export function modelOptions(program: Command): Command {
  return program
    .option('-m, --model <file>', 'ONNX model')
    .option('--output <name>', 'output that holds the class scores, where there are several')
    .option('--workers <n>', 'worker threads (default: one a core)', wholeNumber)
    .option('--config <file>', 'configuration (default: lethe.json where there is one)')
}

export function dataOptions(program: Command): Command {
  return program
    .option('-d, --data <path>', 'data the model was trained on: folder of images, CIFAR, IDX, .npz or .npy')
    .option('--format <name>', 'form of the data, where it cannot be told from the files')
    .option('--split <name>', 'part of the data: train, test or all')
    .option('--preprocessing <file>', 'preprocessor_config.json of a model hub')
    .option('--mean <list>', 'mean of each channel after rescaling, comma-separated', numberList)
    .option('--std <list>', 'standard deviation of each channel, comma-separated', numberList)
    .option('--resize <size>', 'resize images to this side', wholeNumber)
}

export function forgetOptions(program: Command): Command {
  return program
    .option(
      '-f, --forget <selector>',
      'class=3, ids=FILE, ATTRIBUTE=VALUE, random=N or all; repeat to unite, ! to exclude',
      collect,
      [],
    )
    .option('--seed <n>', 'seed of random=N', wholeNumber, 0)
    .option('--test <path>', 'data the model has not seen, for the verdict')
    .option('--probe <path>', 'data to try strengths on, where no training data is kept')
}

export function strengthOptions(program: Command): Command {
  return program
    .option('-i, --importance <file>', 'importance store of the training data')
    .option('--auto', 'find the strength (default)')
    .option('--alpha <a>', 'published threshold: select where I_Df > α·I_D', positive)
    .option('--share <t>', 'threshold on the forget share, 0 to 1', positive)
    .option('--lambda <l>', 'dampening λ (default 1)', positive)
    .option(
      '--keep <share>',
      'largest fall of retain accuracy allowed, 0.01 is one point (default 0.01; 0.005 for records)',
      positive,
    )
}

/** Value of an option that must be there. Throws `usage` naming it. */
export function required(options: Readonly<Record<string, unknown>>, name: string, flag: string): string {
  const value = options[name]
  if (typeof value === 'string' && value !== '') return value
  throw new LetheError('usage', `${flag} is missing; add it to the command or to lethe.json.`)
}

export function collect(value: string, all: readonly string[]): string[] {
  return [...all, value]
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new LetheError('usage', `Expected a whole number, got "${text}".`)
}

export function positive(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value
  throw new LetheError('usage', `Expected a number from 0, got "${text}".`)
}

export function numberList(text: string): number[] {
  const values = text.split(',').map(Number)
  if (values.every(Number.isFinite)) return values
  throw new LetheError('usage', `Expected numbers separated by commas, got "${text}".`)
}
