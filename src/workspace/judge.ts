import type { Pool } from '../engine/engine.js'
import type { WorkOptions } from '../engine/in-order.js'
import type { AttackResult } from '../evaluate/attacks/attack.js'
import { type Answers, type ModelFacts, measureModel } from '../evaluate/facts.js'
import { makeOutputs, makeTokenOutputs, type Outputs } from '../evaluate/outputs.js'
import type { Examples } from '../network/examples.js'
import { type Forward, openForward } from '../network/forward.js'
import type { Network } from '../network/network.js'
import type { RequestSets } from './sets.js'

/** Numbers of one model on the sets it is judged by, and its answers for figures. */
export interface Judgement {
  readonly facts: ModelFacts
  readonly attacks: readonly AttackResult[]
  readonly answers: Answers
}

/** Scores of a model on examples, as the metrics take them. */
export async function outputsOf(forward: Forward, examples: Examples, options?: WorkOptions): Promise<Outputs> {
  const { logits, classes, tokens } = await forward.run(examples, options)
  return tokens ? makeTokenOutputs(tokens, examples.labels, classes) : makeOutputs(logits, examples.labels, classes)
}

/** Judges a model, or the model with changed weights, on the judging sets of a request. Progress counts over all of them. */
export async function judge(
  network: Network,
  pool: Pool,
  sets: RequestSets['judges'],
  changed: ReadonlyMap<string, Float32Array> = new Map(),
  options: WorkOptions = {},
): Promise<Judgement> {
  const forward = await openForward(network, pool, { varying: new Set(changed.keys()), runs: 'many' })
  try {
    await forward.hold(changed)
    const isApart = sets.anyUnseen !== undefined && sets.anyUnseen !== sets.test
    const all = [sets.forget, sets.unseen, sets.retain, sets.test, isApart ? sets.anyUnseen : undefined]
    const total = all.reduce((n, examples) => n + (examples?.size ?? 0), 0)
    let before = 0
    const measured = async (examples: Examples): Promise<Outputs> => {
      const outputs = await outputsOf(forward, examples, {
        signal: options.signal,
        onProgress: ({ done }) => options.onProgress?.({ done: before + done, total }),
      })
      before += examples.size
      return outputs
    }
    const run = async (examples: Examples | undefined): Promise<Outputs | undefined> => examples && measured(examples)
    const forget = await measured(sets.forget)
    const [unseen, retain, test] = [await run(sets.unseen), await run(sets.retain), await run(sets.test)]
    const anyUnseen = isApart ? await run(sets.anyUnseen) : test
    const answers: Answers = {
      forget,
      ...(unseen && { unseen }),
      ...(retain && { retain }),
      ...(test && { test }),
      ...(anyUnseen && { anyUnseen }),
    }
    return { ...measureModel(answers), answers }
  } finally {
    await forward.release()
  }
}
