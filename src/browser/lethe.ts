import type { Dataset } from '../data/dataset.js'
import { parseSelector, type Selector } from '../data/select.js'
import type { Preprocessing } from '../data/transforms/preprocessing.js'
import type { Pool } from '../engine/engine.js'
import type { Progress, WorkOptions } from '../engine/in-order.js'
import { createWebPool, type WebPoolOptions } from '../engine/web/pool.js'
import { LetheError } from '../errors.js'
import { type Estimate, meanEstimate } from '../evaluate/estimate.js'
import { shareRight } from '../evaluate/metrics/accuracy.js'
import { crossEntropyLosses, type Outputs } from '../evaluate/outputs.js'
import type { Verdict } from '../evaluate/verdict/verdict.js'
import type { EstimatorSettings } from '../importance/estimators/estimator.js'
import type { Store } from '../importance/store.js'
import { openForward } from '../network/forward.js'
import type { Network } from '../network/network.js'
import type { Plan, StrengthChoice } from '../unlearn/forget.js'
import { checkDevice } from '../workspace/check-device.js'
import { type Judgement, outputsOf } from '../workspace/judge.js'
import { type ExampleCount, makeStore } from '../workspace/make-store.js'
import { modelBytes } from '../workspace/model-bytes.js'
import type { ModelFile } from '../workspace/model-node.js'
import { type Workspace, workspaceOf } from '../workspace/open.js'
import { judgeRequest, type Phase, planRequest } from '../workspace/request.js'
import type { Bytes } from './bytes.js'
import { openModel } from './model.js'

/** A model with its data, and where to work. */
export interface WebLetheOptions extends WebPoolOptions {
  /** The ONNX model: its bytes, a chosen file, or an address. */
  readonly model: Bytes
  /** Data that the model keeps beside it, by the name it calls them. */
  readonly external?: Readonly<Record<string, Bytes>>
  /** Training data: `arrayDataset`, `npzDataset`, or a data set of your own. */
  readonly data: Dataset
  /** Data the model has not seen, for the verdict. */
  readonly test?: Dataset
  readonly preprocessing?: Preprocessing
  /** Array of the data by model input, where the names differ. */
  readonly inputs?: Readonly<Record<string, string>>
  /** Output that holds the class scores, where there are several. */
  readonly output?: string
  /**
   * Whether WebGPU's gradients of the first records are compared with those of WebAssembly before any work (`device-wrong` where they differ), which
   * loads WebAssembly as well. Default true.
   */
  readonly checkDevice?: boolean
  /** A pool to work on, left open; by default one is made by the options above and closed with this. */
  readonly pool?: Pool
}

/** What to forget: `class=3`, `person=p07`, `random=100` as on the command line, or a selector; `{ kind: 'ids' }` for single records. */
export type Forget = string | Selector | readonly (string | Selector)[]

/** How a request is carried out; everything may be left out. */
export interface WebRequestOptions {
  readonly strength?: StrengthChoice
  readonly seed?: number
  /** Stops between batches with `cancelled`. */
  readonly signal?: AbortSignal
  /** Progress of each phase. */
  readonly onProgress?: (phase: Phase, progress: Progress) => void
}

/** A forgotten model, with what it was like before. */
export interface WebForgotten {
  readonly plan: Plan
  readonly before: Judgement
  readonly after: Judgement
  readonly verdict: Verdict
  /** The model's file with the changed weights. */
  readonly bytes: Uint8Array
}

/** What a model answers on a data set. */
export interface WebEvaluation {
  readonly accuracy: Estimate
  /** Mean cross-entropy, nats. */
  readonly loss: Estimate
  readonly outputs: Outputs
}

/** A model opened with its data in a page. Close it, or its workers stay. */
export interface WebLethe {
  readonly network: Network
  readonly pool: Pool
  /** Importances of all training data (`exact` unless settings say otherwise); `writeStore` makes bytes of them to keep. */
  importance(options?: WorkOptions & { settings?: EstimatorSettings; examples?: ExampleCount }): Promise<Store>
  /** What forgetting would do, without doing it. */
  plan(store: Store, forget: Forget, options?: WebRequestOptions): Promise<Plan>
  /** Plans, and judges the model before and after. */
  forget(store: Store, forget: Forget, options?: WebRequestOptions): Promise<WebForgotten>
  /** Accuracy and loss on a data set, with the model's own weights or changed ones (those of a plan). */
  evaluate(
    data: Dataset,
    options?: WorkOptions & { changed?: ReadonlyMap<string, Float32Array> },
  ): Promise<WebEvaluation>
  close(): Promise<void>
}

/**
 * Opens a model with its data in a page.
 *
 * Throws coded errors (`LetheError`): those of `createWebPool`, `openModel` and `openNetwork`, and `device-wrong`.
 * @example
 * const lethe = await openLethe({ model: 'model.onnx', data: arrayDataset({ images, labels }) })
 * const store = await lethe.importance({ onProgress: ({ done, total }) => show(done / total) })
 * const { verdict, bytes } = await lethe.forget(store, 'class=3')
 * await lethe.close()
 */
export async function openLethe(options: WebLetheOptions): Promise<WebLethe> {
  const { data, test } = options
  const file = await openModel(options.model, options.external)
  const pool = options.pool ?? (await createWebPool(options))
  const close = async (): Promise<void> => {
    if (!options.pool) await pool.close()
  }
  const workspace = await openOn(file, pool, options, close).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const { network } = workspace
  const request = (store: Store, forget: Forget, more: WebRequestOptions = {}): ReturnType<typeof planRequest> =>
    planRequest(workspace, { store, data, test, selectors: selectorsOf(forget), ...more })
  return {
    network,
    pool,
    importance: (work) => makeStore(workspace, data, work),
    plan: async (store, forget, more) => (await request(store, forget, more)).plan,
    async forget(store, forget, more = {}) {
      const planned = await request(store, forget, more)
      const judged = await judgeRequest(workspace, planned, { signal: more.signal, onProgress: more.onProgress })
      return { plan: planned.plan, ...judged, bytes: modelBytes(file, planned.plan.changed) }
    },
    async evaluate(set, { changed = new Map(), ...work } = {}) {
      const forward = await openForward(network, pool, { varying: new Set(changed.keys()), runs: 'many' })
      try {
        await forward.hold(changed)
        const outputs = await outputsOf(forward, workspace.examples(set), work)
        const losses = crossEntropyLosses(outputs.logits, outputs.labels, outputs.classes)
        return { accuracy: shareRight(outputs), loss: meanEstimate(losses), outputs }
      } finally {
        await forward.release()
      }
    },
    close,
  }
}

async function openOn(
  file: ModelFile,
  pool: Pool,
  options: WebLetheOptions,
  close: () => Promise<void>,
): Promise<Workspace> {
  const workspace = await workspaceOf(file, pool, options, close)
  const isAccelerated = options.device === 'webgpu' && !options.pool
  if (isAccelerated && options.checkDevice !== false) {
    const { wasm, startWorker } = options
    const processor = await createWebPool({ workers: 1, wasm, startWorker })
    await checkDevice(workspace, options, { processor, device: 'WebGPU', advice: "Use device 'wasm'." })
  }
  return workspace
}

function selectorsOf(forget: Forget): Selector[] {
  const list = typeof forget === 'string' || 'kind' in forget ? [forget] : forget
  return list.map((one) => {
    const written = typeof one === 'string' ? parseSelector(one) : one
    if (written.kind !== 'ids-file') return written
    throw new LetheError(
      'usage',
      `"${one}" names a file, which a page cannot open; give { kind: 'ids', ids, minus: false }.`,
    )
  })
}
