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
  /** Threads inside one operator; 0, in an engine over a pool, for as many as the pool has workers. Default 1: Lethe runs one single-threaded session a worker. */
  readonly threads?: number
  /** Graph optimisation of the runtime. Default 'all'. */
  readonly optimise?: 'none' | 'basic' | 'all'
  /** Workers of a pool that the session is made in. Default all; an engine over a pool takes one. */
  readonly workers?: number
  /** The bytes of the model are handed over to the last worker, and empty afterwards. Default: each is given a copy. */
  readonly handOver?: boolean
}

/**
 * A total that the graph itself keeps over the runs of one chunk: `output` = `input` + what the run adds, elementwise. The first run is
 * fed zeros, every other one what the run before has given, and the worker may let a run write its output over its input: no other node
 * may read the input, and the output is not among those that are kept.
 */
export interface Total {
  readonly output: string
  readonly input: string
  readonly dims: readonly number[]
}

/** One unit of work of a pool: a few runs some of whose outputs are totals, and others returned as they are. */
export interface Chunk {
  readonly runs: readonly Tensors[]
  readonly totals: readonly Total[]
  /** Outputs returned for every run. */
  readonly keep: readonly string[] | 'all'
  /** Memory that the worker may use for its totals; handed over. */
  readonly memory?: readonly ArrayBuffer[]
}

export interface ChunkResult {
  /** Totals after the last run, by output name. */
  readonly totals: Readonly<Record<string, Float32Array>>
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
