import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { dirname, isAbsolute, relative, resolve } from 'node:path'
import type { ModelForm } from '../data/records/options.js'
import type { Pool, Tensors } from '../engine/engine.js'
import { engineOf } from '../engine/engine-of.js'
import { isLetheError, LetheError } from '../errors.js'
import { writeFileAtomic } from '../files/atomic-node.js'
import { sha256Hex } from '../files/digest-node.js'
import { readFileBytes } from '../files/read-node.js'
import type { LossName } from '../fisher/loss.js'
import { looseInputs, type Network, openNetwork } from '../network/network.js'
import { type Model, readModel } from '../onnx/model.js'
import type { ReadExternal } from '../onnx/tensor-proto.js'
import { changedPieces } from './model-bytes.js'

export { changedPieces, modelBytes } from './model-bytes.js'

/** A model file: its bytes read, its SHA-256, and where it lies. */
export interface ModelFile {
  readonly path: string
  readonly model: Model
  /** SHA-256 of the file, hex. */
  readonly sha256: string
  /**
   * What stands for the model in a store: `sha256`; where weights lie in other files, the SHA-256 of it and of the digests of all
   * external pieces in the order of the file.
   */
  readonly digest: string
}

/** Model of a file, with external data from the same folder. Throws `not-found`, `unreadable` and what `readModel` throws. */
export async function loadModel(path: string): Promise<ModelFile> {
  const bytes = await readFileBytes(path)
  const read = externalIn(dirname(resolve(path)))
  const pieces: string[] = []
  const model = readModel(bytes, {
    readExternal(...where) {
      const piece = read(...where)
      pieces.push(sha256Hex(piece))
      return piece
    },
  })
  const sha256 = sha256Hex(bytes)
  return { path, model, sha256, digest: pieces.length === 0 ? sha256 : sha256Hex([sha256, ...pieces].join('\n')) }
}

/** Reads external tensor data of a model, never outside the model's own folder. */
function externalIn(folder: string): ReadExternal {
  return (location, offset, length) => {
    const path = resolve(folder, location)
    const inside = relative(folder, path)
    if (inside.startsWith('..') || isAbsolute(inside)) {
      throw new LetheError(
        'model-unsupported',
        `The model names external data outside its folder ("${location}"); this is refused.`,
      )
    }
    if (length === undefined) throw new LetheError('model-truncated', `External data "${location}" has no length.`)
    const file = openExternal(path, location)
    try {
      // Asked of the file first: a damaged model can name any length.
      const there = Math.max(0, Math.min(length, fstatSync(file).size - offset))
      const bytes = new Uint8Array(there)
      const got = there === 0 ? 0 : readSync(file, bytes, 0, there, offset)
      if (got === length) return bytes
      throw new LetheError(
        'model-truncated',
        `External data "${location}" ends early: ${got} of ${length} bytes at ${offset}.`,
      )
    } finally {
      closeSync(file)
    }
  }
}

function openExternal(path: string, location: string): number {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    throw new LetheError('not-found', `The model's external data "${location}" is not beside it.`, {}, { cause })
  }
}

/**
 * What data is shaped for: the inputs that a model file declares, and the classes of its scores. Nothing where the file cannot be
 * read, which is told when the model is opened.
 */
export async function modelForm(path: string, output?: string): Promise<ModelForm> {
  const file = await loadModel(path).catch((error: unknown) => {
    if (isLetheError(error)) return undefined
    throw error
  })
  if (!file) return { inputs: [] }
  const { graph } = file.model
  const scores = graph.outputs.length === 1 ? graph.outputs[0] : graph.outputs.find(({ name }) => name === output)
  // Scores [N, T, K] are of tokens, whatever the label of a record means.
  const classes = scores?.dims.length === 3 ? undefined : scores?.dims.at(-1)
  return { inputs: looseInputs(graph), classes: typeof classes === 'number' && classes > 1 ? classes : undefined }
}

/** Opens the network of a model file on a pool, traced on the sample. */
export function openModelNetwork(
  file: ModelFile,
  pool: Pool,
  options: { output?: string; sample?: Tensors; loss?: LossName } = {},
): Promise<Network> {
  return openNetwork(file.model.graph, engineOf(pool), options)
}

/** Writes the model with new float32 values of some parameters, each in its own element type. Returns the file's SHA-256. */
export async function saveModel(
  file: ModelFile,
  changed: ReadonlyMap<string, Float32Array>,
  path: string,
): Promise<string> {
  return (await writeFileAtomic(path, changedPieces(file, changed))).sha256
}
