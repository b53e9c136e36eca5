import { makeBatch } from '../data/batch.js'
import type { Dataset } from '../data/dataset.js'
import type { Preprocessing } from '../data/transforms/preprocessing.js'
import type { Pool } from '../engine/engine.js'
import { createPool } from '../engine/node/pool.js'
import { checkLabels, type Examples } from '../network/examples.js'
import { type InputSpec, looseInputs, type Network } from '../network/network.js'
import { examplesOf } from './examples.js'
import { loadModel, type ModelFile, openModelNetwork } from './model-node.js'

export interface WorkspaceOptions {
  /** Path of the ONNX model. */
  readonly model: string
  /** Any data of the kind the model takes: its first records are what the model is traced on. */
  readonly data: Dataset
  readonly preprocessing?: Preprocessing
  /** Output that holds the class scores, where there are several. */
  readonly output?: string
  /** Worker threads; default one a core. */
  readonly workers?: number
  /** A pool to work on, left open; by default one is made and closed with the workspace. */
  readonly pool?: Pool
}

/** A model opened with its data: everything later work stands on. Close it. */
export interface Workspace {
  readonly file: ModelFile
  readonly pool: Pool
  readonly network: Network
  readonly preprocessing: Preprocessing
  /** A data set as examples of this model, labels checked. Throws `label-range`. */
  examples(dataset: Dataset): Examples
  close(): Promise<void>
}

/** Opens a model on a pool of workers and traces it on the first records of the data. */
export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const file = await loadModel(options.model)
  const preprocessing = options.preprocessing ?? {}
  const inputs = looseInputs(file.model.graph)
  const sample = await makeBatch(options.data, firstRows(options.data), inputs, preprocessing)
  const pool = options.pool ?? createPool({ workers: options.workers })
  const close = async (): Promise<void> => {
    if (!options.pool) await pool.close()
  }
  try {
    const network = await openModelNetwork(file, pool, { output: options.output, sample })
    return {
      file,
      pool,
      network,
      preprocessing,
      examples(dataset) {
        const examples = examplesOf(dataset, specs(network, inputs), preprocessing)
        checkLabels(examples, network.classes)
        return examples
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function firstRows(dataset: Dataset): number[] {
  return Array.from({ length: Math.min(3, dataset.size) }, (_, i) => i)
}

/** Inputs in the element types of the file, with the shapes that tracing has seen. */
function specs(network: Network, declared: readonly InputSpec[]): InputSpec[] {
  return declared.map((input) => {
    const seen = network.inputs.find((i) => i.name === input.name)
    return { ...input, dims: seen?.dims ?? input.dims }
  })
}
