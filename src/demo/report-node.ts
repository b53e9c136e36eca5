import { facePixels } from '../data/people/people.js'
import { subset } from '../data/split.js'
import { createPool, engineOf } from '../engine/node/pool.js'
import { crossEntropyLosses, type Outputs, softmaxRows } from '../evaluate/outputs.js'
import type { EstimatorSettings } from '../importance/estimators/estimator.js'
import { openForward } from '../network/forward.js'
import { openNetwork } from '../network/network.js'
import { readModel } from '../onnx/model.js'
import { pixelsToDataUri } from '../report/faces-node.js'
import type { FaceAnswer, GroupAccuracy, LossCounts, ReportFacts } from '../report/facts.js'
import { countInto, lossEdges } from '../report/histogram.js'
import { version } from '../version.js'
import { examplesOf } from '../workspace/examples.js'
import { outputsOf } from '../workspace/judge.js'
import type { DemoResult } from './demo-node.js'

const facesShown = 6
const faceScale = 3

/** Everything the report of a demo says, measured on the three models. */
export async function demoReport(result: DemoResult, when: Date): Promise<ReportFacts> {
  const { scenario, request, models, verdict } = result
  const { plan, sets } = request
  const before = models.find((m) => m.name === 'original')!.judgement.answers
  const after = models.find((m) => m.name === 'forgotten')!.judgement.answers
  const edges = lossEdges()
  return {
    title: scenario.title,
    verdict: { state: verdict.state, sentence: verdict.sentence, limits: verdict.limits },
    when: `${when.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    software: `Lethe ${version}`,
    asked: {
      task: { class: 'a whole class', attribute: 'one person, a part of a class', records: 'single records' }[
        request.task
      ],
      selector: scenario.request,
      forgetCount: request.forgetIds.length,
      retainCount: scenario.train.size - request.forgetIds.length,
      testCount: scenario.test.size,
    },
    models: models.map(({ name, judgement: { facts, attacks }, seconds }) => {
      const attack = attacks.find((a) => a.attack === 'loss-threshold')
      return {
        name,
        forgetAccuracy: facts.forget.accuracy.value,
        retainAccuracy: facts.retain?.accuracy.value ?? null,
        testAccuracy: facts.test?.accuracy.value ?? null,
        attackAuc: attack?.score.value ?? null,
        attackTpr: attack?.facts.tprAtOnePercentFpr?.value ?? null,
        seconds,
      }
    }),
    strength: {
      estimator: result.store.importance.settings.estimator,
      alpha: plan.alpha,
      lambda: plan.strength.lambda,
      tau: plan.strength.share,
      ratio: plan.ratio,
      selected: plan.layers.reduce((n, l) => n + l.selected, 0),
      parameters: plan.layers.reduce((n, l) => n + l.count, 0),
    },
    tradeoff: plan.trials.map((t) => ({
      tau: t.strength.share,
      lambda: t.strength.lambda,
      forgetAccuracy: t.forget.accuracy,
      retainAccuracy: t.retain?.accuracy ?? 0,
      chosen: t === plan.chosen,
    })),
    groups: { kind: scenario.task === 'class' ? 'family' : 'person', accuracies: await groupAccuracies(result) },
    losses: { edges, before: lossCounts(edges, before), after: lossCounts(edges, after) },
    layers: plan.layers,
    faces: await faces(result, sets.judges.forget.id, before.forget, after.forget),
    digests: [...result.files].map(([name, file]) => ({ role: 'model', name: `${name}.onnx`, sha256: file.sha256 })),
    settings: [
      { name: 'importances', value: estimatorWords(result.store.importance.settings) },
      { name: 'target', value: plan.target },
      { name: 'floor', value: `${plan.floor} (at most ${plan.keep * 100} points)` },
    ],
  }
}

/** `grouped, 64 a group, by person`. */
function estimatorWords({ estimator, groupSize, groupBy }: EstimatorSettings): string {
  return [estimator, ...(groupSize ? [`${groupSize} a group`] : []), ...(groupBy ? [`by ${groupBy}`] : [])].join(', ')
}

function lossCounts(
  edges: readonly number[],
  answers: { forget: Outputs; retain?: Outputs; test?: Outputs; unseen?: Outputs },
): LossCounts {
  const count = (o: Outputs | undefined): number[] =>
    countInto(edges, o ? crossEntropyLosses(o.logits, o.labels, o.classes) : [])
  return {
    forgotten: count(answers.forget),
    retained: count(answers.retain),
    unseen: count(answers.test ?? answers.unseen),
  }
}

/** Test accuracy of every person (family) under the three models. */
async function groupAccuracies({ scenario, request, files }: DemoResult): Promise<GroupAccuracy[]> {
  const { test, task } = scenario
  const attribute = task === 'class' ? 'family' : 'person'
  const members = new Map<string, number[]>()
  for (let i = 0; i < test.size; i++) {
    const name = test.attribute(attribute, i)
    members.set(name, [...(members.get(name) ?? []), i])
  }
  const pool = createPool()
  try {
    const right = async (bytes: Uint8Array, changed?: ReadonlyMap<string, Float32Array>): Promise<Uint8Array> => {
      const network = await openNetwork(readModel(bytes).graph, engineOf(pool))
      const examples = examplesOf(test, network.inputs, {})
      const forward = await openForward(network, pool, { varying: new Set(changed?.keys()), runs: 'many' })
      if (changed) await forward.hold(changed)
      const outputs = await outputsOf(forward, examples)
      await forward.release()
      return correct(outputs)
    }
    const original = files.get('original')!.bytes
    const before = await right(original)
    const after = await right(original, request.plan.changed)
    const retrained = await right(files.get('retrained')!.bytes)
    const asked = new Set(
      scenario.selectors.flatMap((s) => (s.kind === 'attribute' || s.kind === 'class' ? s.values : [])),
    )
    const share = (answers: Uint8Array, rows: readonly number[]): number =>
      rows.reduce((n, r) => n + answers[r]!, 0) / rows.length
    return [...members].map(([name, rows]) => ({
      name,
      before: share(before, rows),
      after: share(after, rows),
      retrained: share(retrained, rows),
      forgotten: asked.has(name),
    }))
  } finally {
    await pool.close()
  }
}

function correct({ logits, labels, classes }: Outputs): Uint8Array {
  return Uint8Array.from(labels, (label, n) => (top(logits, n, classes) === label ? 1 : 0))
}

function top(logits: Float32Array | Float64Array, n: number, classes: number): number {
  let best = 0
  for (let k = 1; k < classes; k++) if (logits[n * classes + k]! > logits[n * classes + best]!) best = k
  return best
}

/** Some of the forgotten faces, each with the answer of the model before and after. */
async function faces(
  { scenario, request }: DemoResult,
  idOf: (row: number) => string,
  before: Outputs,
  after: Outputs,
): Promise<FaceAnswer[]> {
  const { train } = scenario
  const ids = new Set(request.forgetIds)
  const rowOf = new Map(
    Array.from({ length: train.size }, (_, i) => [train.id(i), i] as const).filter(([id]) => ids.has(id)),
  )
  const [p, q] = [softmaxRows(before.logits, before.classes), softmaxRows(after.logits, after.classes)]
  const answer = (probabilities: Float64Array, n: number, classes: number): FaceAnswer['before'] => {
    const k = top(probabilities, n, classes)
    return { class: train.classes?.[k] ?? String(k), probability: probabilities[n * classes + k]! }
  }
  const shown = Array.from({ length: Math.min(facesShown, before.labels.length) }, (_, n) => n)
  return Promise.all(
    shown.map(async (n) => {
      const row = rowOf.get(idOf(n))!
      const { pixels, width, height } = await facePixels(subset(train, [row]), 0)
      return {
        png: await pixelsToDataUri(pixels, width, height, faceScale),
        label: train.classes?.[train.label(row)] ?? String(train.label(row)),
        before: answer(p, n, before.classes),
        after: answer(q, n, after.classes),
      }
    }),
  )
}
