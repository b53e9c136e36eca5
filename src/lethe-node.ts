import type { Dataset } from './data/dataset.js'
import { openDataset } from './data/open-node.js'
import { readSelectors } from './data/select-node.js'
import type { Preprocessing } from './data/transforms/preprocessing.js'
import type { WorkOptions } from './engine/in-order.js'
import type { Device } from './engine/node/pool.js'
import type { Verdict } from './evaluate/verdict/verdict.js'
import { writeFileAtomic } from './files/atomic-node.js'
import { readFileBytes } from './files/read-node.js'
import type { EstimatorSettings } from './importance/estimators/estimator.js'
import { readStore, type Store, storePieces } from './importance/store.js'
import type { Plan, StrengthChoice } from './unlearn/forget.js'
import type { Judgement } from './workspace/judge.js'
import { type ExampleCount, makeStore } from './workspace/make-store.js'
import { saveModel } from './workspace/model-node.js'
import { judgeRequest, planRequest } from './workspace/request.js'
import { openWorkspace } from './workspace/workspace-node.js'

/** A model with its data: what `openLethe` opens. */
export interface LetheOptions {
  /** Path of the ONNX model. */
  readonly model: string
  /** Training data: a path, or a data set of your own. */
  readonly data: string | Dataset
  /** Data the model has not seen, for the verdict. */
  readonly test?: string | Dataset
  readonly preprocessing?: Preprocessing
  /** Array of the data by model input, where the names differ. */
  readonly inputs?: Readonly<Record<string, string>>
  /** Output that holds the class scores, where there are several. */
  readonly output?: string
  /** What runs the kernels: 'cpu' (default), 'webgpu' or 'cuda'. The first records are compared with the CPU before any work. */
  readonly device?: Device
  /** Worker threads; default one a core, or one for a device beside the CPU. */
  readonly workers?: number
}

/** A forgotten model, not yet written. */
export interface Forgotten {
  readonly plan: Plan
  readonly before: Judgement
  readonly after: Judgement
  readonly verdict: Verdict
  /** Writes the model and returns its SHA-256. */
  save(path: string): Promise<string>
}

/** A model opened with its data. Close it, or the process stays alive. */
export interface Lethe {
  /** Importances of all training data (`exact` unless settings say otherwise), to be kept and used for every request. */
  importance(options?: WorkOptions & { settings?: EstimatorSettings; examples?: ExampleCount }): Promise<Store>
  saveStore(store: Store, path: string): Promise<void>
  loadStore(path: string): Promise<Store>
  /** What forgetting would do, without doing it. `forget` as on the command line: `class=3`, `person=p07`, `random=100`. */
  plan(store: Store, forget: string | readonly string[], options?: RequestOptions): Promise<Plan>
  /** Plans, and judges the model before and after. */
  forget(store: Store, forget: string | readonly string[], options?: RequestOptions): Promise<Forgotten>
  close(): Promise<void>
}

export interface RequestOptions {
  readonly strength?: StrengthChoice
  readonly seed?: number
  readonly signal?: AbortSignal
}

/**
 * Opens a model with its data.
 *
 * Throws coded errors (`LetheError`) for files that cannot be read, models that cannot be worked with, and devices that are missing or wrong.
 * @example
 * const lethe = await openLethe({ model: 'model.onnx', data: 'train/' })
 * const store = await lethe.importance()
 * const forgotten = await lethe.forget(store, 'class=rocket')
 * await forgotten.save('forgotten.onnx')
 * await lethe.close()
 */
export async function openLethe(options: LetheOptions): Promise<Lethe> {
  const open = async (d: string | Dataset): Promise<Dataset> => (typeof d === 'string' ? openDataset(d) : d)
  const data = await open(options.data)
  const test = options.test === undefined ? undefined : await open(options.test)
  const workspace = await openWorkspace({ ...options, data })
  const { file } = workspace
  const request = async (
    store: Store,
    forget: string | readonly string[],
    more: RequestOptions = {},
  ): Promise<Awaited<ReturnType<typeof planRequest>>> =>
    planRequest(workspace, {
      store,
      data,
      test,
      selectors: await readSelectors(typeof forget === 'string' ? [forget] : forget),
      ...more,
    })
  return {
    importance: (work = {}) => makeStore(workspace, data, work),
    async saveStore(store, path) {
      await writeFileAtomic(path, storePieces(store))
    },
    loadStore: async (path) => readStore(await readFileBytes(path)),
    plan: async (store, forget, more) => (await request(store, forget, more)).plan,
    async forget(store, forget, more) {
      const planned = await request(store, forget, more)
      const judged = await judgeRequest(workspace, planned, { signal: more?.signal })
      return { plan: planned.plan, ...judged, save: (path) => saveModel(file, planned.plan.changed, path) }
    },
    close: () => workspace.close(),
  }
}
