import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached } from '../data/cached.js'
import type { Dataset } from '../data/dataset.js'
import { select } from '../data/select.js'
import { complement, subset } from '../data/split.js'
import type { Progress } from '../engine/in-order.js'
import { createPool, engineOf } from '../engine/node/pool.js'
import type { Verdict } from '../evaluate/verdict/verdict.js'
import { verdict } from '../evaluate/verdict/verdict.js'
import { writeFileAtomic } from '../files/atomic-node.js'
import { estimateImportance } from '../importance/estimate.js'
import { hashIds, type Store } from '../importance/store.js'
import { openNetwork } from '../network/network.js'
import { readModel } from '../onnx/model.js'
import { type Judgement, judge } from '../workspace/judge.js'
import { saveModel } from '../workspace/model-node.js'
import { type PlannedRequest, planRequest } from '../workspace/request.js'
import { trainClassifier } from '../workspace/train.js'
import { openWorkspace } from '../workspace/workspace-node.js'
import { openScenario, type Scenario } from './scenario.js'

export interface DemoOptions {
  readonly task: string
  readonly seed: number
  /** Person to forget (task `subclass`). */
  readonly person?: string
  readonly workers?: number
  readonly signal?: AbortSignal
  /** Told when a phase begins, and how far it is. */
  readonly onProgress?: (phase: string, progress: Progress, unit: string) => void
}

/** One column of the demo's table. */
export interface DemoModel {
  readonly name: 'original' | 'forgotten' | 'retrained'
  readonly judgement: Judgement
  readonly seconds: number
}

export interface DemoResult {
  readonly scenario: Scenario
  readonly request: PlannedRequest
  readonly models: readonly DemoModel[]
  readonly verdict: Verdict
  readonly store: Store
  /** Bytes of the three models by name. */
  readonly files: ReadonlyMap<DemoModel['name'], { readonly bytes: Uint8Array; readonly sha256: string }>
}

const training = { epochs: 10, batchSize: 64, optimiser: 'sgd', rate: 0.1, schedule: 'cosine' } as const

/**
 * The whole path on the synthetic people: train a classifier, train it again without the forget set (the truth), compute all
 * importances once, forget, and measure the three models on the same records.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const scenario = openScenario(options.task, options.seed, options.person)
  const train = cached(scenario.train)
  const test = cached(scenario.test)
  const rows = select(train, scenario.selectors, { seed: options.seed })
  const pool = createPool({ workers: options.workers })
  const folder = await mkdtemp(join(tmpdir(), 'lethe-demo-'))
  const files = new Map<DemoModel['name'], { bytes: Uint8Array; sha256: string }>()
  try {
    const learn = async (name: 'original' | 'retrained', data: Dataset): Promise<{ path: string; seconds: number }> => {
      const begin = performance.now()
      const { bytes } = await trainClassifier({
        data,
        arch: 'cnn',
        pool,
        metadata: { 'lethe.seed': String(options.seed) },
        train: {
          ...training,
          seed: options.seed,
          signal: options.signal,
          onStep: ({ done, total }) => options.onProgress?.(`training (${name})`, { done, total }, 'steps'),
        },
      })
      const path = join(folder, `${name}.onnx`)
      const { sha256 } = await writeFileAtomic(path, bytes)
      files.set(name, { bytes, sha256 })
      return { path, seconds: (performance.now() - begin) / 1000 }
    }
    const original = await learn('original', train)
    const retrained = await learn('retrained', subset(train, complement(train.size, rows)))

    const workspace = await openWorkspace({ model: original.path, data: train, pool })
    const begin = performance.now()
    const store = await makeStore(workspace, train, scenario, options)
    const request = await planRequest(workspace, {
      store,
      data: train,
      test,
      selectors: scenario.selectors,
      seed: options.seed,
      signal: options.signal,
      onProgress: (phase, p) => options.onProgress?.(phase, p, phase === 'strengths' ? 'strengths' : 'examples'),
    })
    const forgottenPath = join(folder, 'forgotten.onnx')
    const sha256 = await saveModel(workspace.file, request.plan.changed, forgottenPath)
    const seconds = (performance.now() - begin) / 1000
    files.set('forgotten', { bytes: new Uint8Array(), sha256 })

    const truth = await openNetwork(readModel(files.get('retrained')!.bytes).graph, engineOf(pool))
    const judged = {
      original: await judge(workspace.network, pool, request.sets.judges),
      forgotten: await judge(workspace.network, pool, request.sets.judges, request.plan.changed),
      retrained: await judge(truth, pool, request.sets.judges),
    }
    return {
      scenario,
      request,
      store,
      files,
      models: [
        { name: 'original', judgement: judged.original, seconds: original.seconds },
        { name: 'forgotten', judgement: judged.forgotten, seconds },
        { name: 'retrained', judgement: judged.retrained, seconds: retrained.seconds },
      ],
      verdict: verdict({
        task: request.task,
        subject: request.subject,
        classes: workspace.network.classes,
        before: judged.original.facts,
        after: judged.forgotten.facts,
        retrained: judged.retrained.facts,
        floor: request.plan.floor,
      }),
    }
  } finally {
    await pool.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function makeStore(
  workspace: Awaited<ReturnType<typeof openWorkspace>>,
  train: Dataset,
  scenario: Scenario,
  options: DemoOptions,
): Promise<Store> {
  const { network, pool, file } = workspace
  const importance = await estimateImportance(network, pool, workspace.examples(train, scenario.estimator.groupBy), {
    settings: scenario.estimator,
    signal: options.signal,
    onProgress: (p) => options.onProgress?.('importances of all training data', p, 'examples'),
  })
  return {
    importance,
    facts: {
      model: file.digest,
      loss: network.loss.loss,
      output: network.loss.output,
      preprocessing: {},
      software: {},
    },
    ids: hashIds(Array.from({ length: train.size }, (_, i) => train.id(i))),
  }
}
