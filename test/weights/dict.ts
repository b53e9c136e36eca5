import type { Graph, Node } from '../../src/graph/graph.js'
import { type Tensor, toBytes } from '../../src/tensor/tensor.js'
import type { StateDict } from '../../src/weights/state-dict.js'
import { type TakingBack, takeBack } from '../../src/weights/take-back.js'

/** A state dict in memory. */
export function dictOf(tensors: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>): StateDict {
  const entries = tensors instanceof Map ? tensors : new Map(Object.entries(tensors))
  return { entries, read: (name) => entries.get(name)! }
}

/** A model that has these initializers; what it computes does not matter here. */
export function modelOf(initializers: Readonly<Record<string, Tensor>>, nodes: readonly Node[] = []): Graph {
  return {
    name: 'weights',
    opsets: new Map([['', 17]]),
    inputs: [],
    outputs: [],
    initializers: new Map(Object.entries(initializers)),
    nodes,
  }
}

/** An Identity node that hands out a copy of an initializer, as exporters do that merged equal ones. */
export function copy(from: string, to: string): Node {
  return { op: 'Identity', domain: '', name: to, inputs: [from], outputs: [to], attributes: {} }
}

/** Everything that was taken back, by name, as bytes: what a file would hold. */
export function bytesOf(taking: TakingBack, dict: StateDict): Record<string, Uint8Array> {
  return Object.fromEntries([...dict.entries.keys()].map((name) => [name, toBytes(taking.take(name).tensor.data)]))
}

export function takenBytes(forgotten: Graph, dict: StateDict, original?: Graph): Record<string, Uint8Array> {
  return bytesOf(takeBack(forgotten, dict, original), dict)
}

/** The tensor with elements 7, 60, 113 … halved, which every floating type does exactly. */
export function halved(t: Tensor, first = 7, step = 53, end = t.data.length): Tensor {
  const data = t.data.slice()
  for (let i = first; i < end; i += step) {
    if (t.dtype === 'float32' || t.dtype === 'float64') data[i] = (data[i] as number) / 2
    // One less in the exponent; the fixtures have no numbers so small that there is none.
    else data[i] = (data[i] as number) - (t.dtype === 'float16' ? 0x400 : 0x80)
  }
  return { ...t, data } as Tensor
}
