import { LetheError } from '../errors.js'
import type { Examples } from '../network/examples.js'
import type { Network } from '../network/network.js'
import { writeGraph } from '../onnx/model.js'
import { readSafetensors, writeSafetensors } from '../safetensors/safetensors.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Slots } from './optimisers/optimiser.js'

/** Where a training is after some epochs. */
export interface TrainState {
  /** Epochs that are done. */
  epoch: number
  /** Mean loss of the last step; NaN before the first. */
  loss: number
  /** Parameters and running statistics. */
  readonly tensors: Map<string, Tensor>
  readonly slots: Slots
}

/**
 * SHA-256, hex, of what decides the result of a training: the network with its first weights, ids and labels of the
 * examples in their order, and the settings. The contents of the examples are not in it: whoever opens the checkpoint
 * knows where they come from.
 */
export async function fingerprint(network: Network, examples: Examples, settings: object): Promise<string> {
  const ids = Array.from({ length: examples.size }, (_, row) => examples.id(row))
  const text = new TextEncoder().encode(JSON.stringify([settings, ids, [...examples.labels]]))
  const graph = writeGraph(network.graph)
  const all = new Uint8Array(text.length + graph.length)
  all.set(text)
  all.set(graph, text.length)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', all))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** State before the first step: the network's own values, copied. */
export function firstState(network: Network, names: readonly string[]): TrainState {
  const tensors = new Map(
    names.map((name) => {
      const t = network.graph.initializers.get(name)!
      return [name, { ...t, data: t.data.slice() } as Tensor]
    }),
  )
  return { epoch: 0, loss: Number.NaN, tensors, slots: new Map() }
}

/** Bytes of a state, with whose it is. */
export function writeState(state: TrainState, owner: string): Uint8Array {
  const all = new Map<string, Tensor>()
  for (const [name, t] of state.tensors) all.set(`data/${name}`, t)
  for (const [name, data] of state.slots) all.set(`slot/${name}`, { dtype: 'float32', dims: [data.length], data })
  return writeSafetensors(all, { epoch: String(state.epoch), loss: String(state.loss), fingerprint: owner })
}

/** Puts a saved state in place of `state`. Throws `checkpoint-mismatch` where it is another training's, or none. */
export function restoreState(state: TrainState, bytes: Uint8Array, owner: string): void {
  const { metadata, tensors } = parse(bytes)
  if (metadata.fingerprint !== owner) throw mismatch()
  state.epoch = Number(metadata.epoch)
  state.loss = Number(metadata.loss)
  for (const [key, t] of tensors) {
    const [kind, name] = [key.slice(0, 5), key.slice(5)]
    const old = state.tensors.get(name)
    if (!(t.data instanceof Float32Array)) throw mismatch()
    if (kind === 'slot/') state.slots.set(name, t.data.slice())
    else if (old?.data.length === t.data.length) {
      state.tensors.set(name, { dtype: 'float32', dims: old.dims, data: t.data.slice() })
    } else throw mismatch()
  }
}

function parse(bytes: Uint8Array): ReturnType<typeof readSafetensors> {
  try {
    return readSafetensors(bytes)
  } catch (cause) {
    throw mismatch({ cause })
  }
}

function mismatch(options?: ErrorOptions): LetheError {
  return new LetheError(
    'checkpoint-mismatch',
    'The checkpoint belongs to another training (other data, architecture or settings); delete it to begin anew.',
    {},
    options,
  )
}
