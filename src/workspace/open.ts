import { type BatchInput, makeBatch } from '../data/batch.js'
import type { Dataset, Example } from '../data/dataset.js'
import { didYouMean } from '../data/near.js'
import { hasTokenLabels } from '../data/token-labels.js'
import type { Preprocessing } from '../data/transforms/preprocessing.js'
import type { Pool } from '../engine/engine.js'
import { engineOf } from '../engine/engine-of.js'
import { LetheError } from '../errors.js'
import type { LossName } from '../fisher/loss.js'
import { checkExamples, checkTokens, type Examples, labelledOf, pick } from '../network/examples.js'
import { type InputSpec, looseInputs, type Network, openNetwork } from '../network/network.js'
import { examplesOf } from './examples.js'
import type { ModelFile } from './model-node.js'

/** How data becomes inputs of a model, and which of its outputs is meant. */
export interface OpenOptions {
  /** Any data of the kind the model takes: its first records are what the model is traced on. */
  readonly data: Dataset
  readonly preprocessing?: Preprocessing
  /** Array of the data by model input, where the names differ. */
  readonly inputs?: Readonly<Record<string, string>>
  /** Output that holds the class scores, where there are several. */
  readonly output?: string
  /** The loss, where it is not clear from scores and data; see `chooseLoss`. */
  readonly loss?: LossName
}

/** A model opened with its data: everything later work stands on. Close it. */
export interface Workspace {
  readonly file: ModelFile
  readonly pool: Pool
  readonly network: Network
  readonly preprocessing: Preprocessing
  /**
   * A data set as examples of this model, labels checked; `groupBy` names the attribute that groups of `grouped` are formed
   * within. Throws `label-range`, `attribute-unknown`.
   */
  examples(dataset: Dataset, groupBy?: string): Examples
  /** The same data, whose labels of tokens are checked as its records are read: a walk over it tells of them before long work. */
  checked(dataset: Dataset): Dataset
  close(): Promise<void>
}

/**
 * Workspace of a model that is read, on a pool that is there; `close` is what closing it does.
 * Throws `config-invalid` for an array named for an input that the model does not have.
 */
export async function workspaceOf(
  file: ModelFile,
  pool: Pool,
  options: OpenOptions,
  close: () => Promise<void>,
): Promise<Workspace> {
  const preprocessing = options.preprocessing ?? {}
  const inputs = withSources(looseInputs(file.model.graph), options.inputs ?? {})
  const sample = await makeBatch(options.data, firstRows(options.data), inputs, preprocessing)
  const labels = { hasTokenLabels: options.data.size > 0 && hasTokenLabels(await options.data.read(0)) }
  const { output, loss } = options
  const network = await openNetwork(file.model.graph, engineOf(pool), { output, loss, labels, sample })
  const read = (dataset: Dataset, groupBy?: string): Examples =>
    examplesOf(dataset, specs(network, inputs), preprocessing, { groupBy, loss: network.loss.loss })
  return {
    file,
    pool,
    network,
    preprocessing,
    examples(dataset, groupBy) {
      const examples = read(dataset, groupBy)
      checkExamples(examples, network)
      return examples
    },
    checked(dataset) {
      const { tokens: count, classes } = network
      if (count === undefined) return dataset
      return {
        ...dataset,
        async read(i): Promise<Example> {
          const example = await dataset.read(i)
          const one = pick(read({ ...dataset, read: () => example }), [i])
          const { labels: tokens } = await labelledOf(one, [0])
          checkTokens(tokens, one, [0], { count, classes })
          return example
        },
      }
    },
    close,
  }
}

function firstRows(dataset: Dataset): number[] {
  return Array.from({ length: Math.min(3, dataset.size) }, (_, i) => i)
}

/** Inputs with the names of the arrays that they are filled from. */
function withSources(inputs: readonly InputSpec[], sources: Readonly<Record<string, string>>): BatchInput[] {
  const unknown = Object.keys(sources).find((name) => !inputs.some((input) => input.name === name))
  if (unknown !== undefined) {
    const known = inputs.map((input) => input.name)
    throw new LetheError(
      'config-invalid',
      `"inputs" names an array for "${unknown}", but the model's inputs are ${known.join(', ')}.${didYouMean(unknown, known)}`,
      { input: unknown, known },
    )
  }
  return inputs.map((input) => {
    const source = Object.hasOwn(sources, input.name) ? sources[input.name] : undefined
    return source === undefined ? input : { ...input, source }
  })
}

/** Inputs in the element types of the file, with the shapes that tracing has seen. */
function specs(network: Network, declared: readonly BatchInput[]): BatchInput[] {
  return declared.map((input) => {
    const seen = network.inputs.find((i) => i.name === input.name)
    return { ...input, dims: seen?.dims ?? input.dims }
  })
}
