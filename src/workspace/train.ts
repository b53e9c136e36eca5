import { makeBatch } from '../data/batch.js'
import type { Dataset } from '../data/dataset.js'
import { uniforms } from '../data/random.js'
import type { Preprocessing } from '../data/transforms/preprocessing.js'
import type { Pool } from '../engine/engine.js'
import { createPool, engineOf } from '../engine/node/pool.js'
import { LetheError } from '../errors.js'
import type { Graph } from '../graph/graph.js'
import { checkLabels, type Examples } from '../network/examples.js'
import { openForward } from '../network/forward.js'
import { openNetwork } from '../network/network.js'
import { writeGraph } from '../onnx/model.js'
import { findArchitecture } from '../train/architectures/index.js'
import { type TrainOptions, train } from '../train/train.js'
import { scoreOf } from '../unlearn/forget.js'
import { examplesOf } from './examples.js'

export interface TrainRequest {
  readonly data: Dataset
  readonly test?: Dataset
  /** Name of an architecture. */
  readonly arch: string
  readonly preprocessing?: Preprocessing
  readonly workers?: number
  /** A pool to work on, left open; by default one is made and closed. */
  readonly pool?: Pool
  /** Written into the model file. */
  readonly metadata?: Readonly<Record<string, string>>
  readonly train: TrainOptions
}

/** A trained classifier, with its accuracies in [0, 1]. */
export interface Trained {
  readonly graph: Graph
  /** The model as an ONNX file. */
  readonly bytes: Uint8Array
  readonly trainAccuracy: number
  /** On the test data, where it was given. */
  readonly accuracy: number | undefined
}

/**
 * Builds an architecture for the data, trains it, and measures it. Throws what `train` throws, and `usage`.
 * A checkpoint is left where it is: remove it once the model is written.
 */
export async function trainClassifier(request: TrainRequest): Promise<Trained> {
  const { data, test, preprocessing = {} } = request
  const sample = await makeBatch(
    data,
    [0, 1, 2].filter((i) => i < data.size),
    [{ name: 'input', dims: await shapeOf(data, preprocessing), dtype: 'float32' }],
    preprocessing,
  )
  const dims = sample.input!.dims.slice(1)
  const graph = findArchitecture(request.arch).build({ dims, classes: classesOf(data) }, uniforms(request.train.seed))
  const pool = request.pool ?? createPool({ workers: request.workers })
  try {
    const network = await openNetwork(graph, engineOf(pool), { sample })
    const examples = examplesOf(data, network.inputs, preprocessing)
    const tests = test && examplesOf(test, network.inputs, preprocessing)
    // Before the work, not after it.
    if (tests) checkLabels(tests, network.classes)
    const trained = await train(network, pool, examples, request.train)
    const result = await openNetwork(trained, engineOf(pool), { sample })
    const forward = await openForward(result, pool)
    const accuracyOn = async (set: Examples): Promise<number> =>
      scoreOf(await forward.run(set, { signal: request.train.signal }), set).score.accuracy
    try {
      return {
        graph: trained,
        bytes: writeGraph(trained, { irVersion: 10, metadata: request.metadata }),
        trainAccuracy: await accuracyOn(examples),
        accuracy: tests && (await accuracyOn(tests)),
      }
    } finally {
      await forward.release()
    }
  } finally {
    if (!request.pool) await pool.close()
  }
}

/** Shape of one example as the network will take it: any size for images, the tensor's own otherwise. */
async function shapeOf(data: Dataset, preprocessing: Preprocessing): Promise<number[]> {
  const first = await data.read(0)
  if (first.kind === 'image') return preprocessing.layout === 'NHWC' ? refuseLayout() : [-1, -1, -1]
  const tensors = Object.values(first.tensors)
  if (tensors.length === 1) return [...tensors[0]!.dims]
  throw new LetheError('usage', 'Training takes data with one input.')
}

function refuseLayout(): never {
  throw new LetheError('usage', 'The architectures take images with channels first; leave the layout out.')
}

function classesOf(data: Dataset): number {
  let most = 0
  for (let i = 0; i < data.size; i++) most = Math.max(most, data.label(i))
  return Math.max(data.classes?.length ?? 0, most + 1, 2)
}
