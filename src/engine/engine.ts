import type { Tensor } from '../tensor/tensor.js'

/** Tensors by the name of a graph input or output. */
export type Tensors = Readonly<Record<string, Tensor>>

/** A loaded graph that can be run. Always release it: the runtime's memory is not garbage-collected. */
export interface Session {
  /** Values of the named outputs (all where none are named) for one set of inputs. Throws `engine-failed`. */
  run(feeds: Tensors, outputs?: readonly string[]): Promise<Record<string, Tensor>>
  release(): Promise<void>
}

/** A runtime: turns ONNX bytes into sessions. `engine/` is the only importer of one. */
export interface Engine {
  readonly name: string
  readonly version: string
  /** Session of a model. Throws `op-unsupported`, `engine-failed`. */
  createSession(model: Uint8Array, options?: SessionOptions): Promise<Session>
}

export interface SessionOptions {
  /** Threads inside one operator. Default 1: Lethe runs one single-threaded session a worker. */
  readonly threads?: number
  /** Graph optimisation of the runtime. Default 'all'. */
  readonly optimise?: 'none' | 'basic' | 'all'
}

/** What a worker adds up over the micro-batches of one chunk, in float64 and in their order. */
export interface Sum {
  readonly output: string
  /**
   * `add`: Σ over the micro-batches. `add-squares`: Σ of their squares, elementwise. `square`: (Σ)², elementwise, once the chunk is summed (the squared gradient of a group).
   */
  readonly form: 'add' | 'add-squares' | 'square'
}

/** One unit of work of a pool: a few runs whose outputs are partly summed and partly returned as they are. */
export interface Chunk {
  readonly runs: readonly Tensors[]
  readonly sums: readonly Sum[]
  /** Outputs returned for every run. */
  readonly keep: readonly string[] | 'all'
  /** Memory that the worker may use for its sums; handed over. */
  readonly memory?: readonly ArrayBuffer[]
}

export interface ChunkResult {
  /** Float64 sums by output name. */
  readonly sums: Readonly<Record<string, Float64Array>>
  /** Kept outputs, one entry a run. */
  readonly kept: readonly Readonly<Record<string, Tensor>>[]
  /** The memory of the feeds, given back. */
  readonly memory: readonly ArrayBuffer[]
}

/** A session in every worker of a pool. Feeds are handed over: their buffers are empty afterwards. */
export interface PooledSession {
  run(chunk: Chunk): Promise<ChunkResult>
  /** New values of tensors that are fed with every run of this session from now on (weights as inputs). */
  hold(feeds: Tensors): Promise<void>
  release(): Promise<void>
}

/** Workers with one single-threaded session each; the thread that made the pool stays free. */
export interface Pool {
  readonly workers: number
  readonly engine: { readonly name: string; readonly version: string }
  /** Weights that are part of a session are laid out for the processor when it is made: runs are a third faster than with weights that are fed. */
  readonly packsWeights?: boolean
  createSession(model: Uint8Array, options?: SessionOptions): Promise<PooledSession>
  close(): Promise<void>
}
