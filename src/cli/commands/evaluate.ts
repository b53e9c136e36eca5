import { select } from '../../data/select.js'
import { LetheError } from '../../errors.js'
import { metrics } from '../../evaluate/metrics/index.js'
import { openForward } from '../../network/forward.js'
import { type Judgement, judge, outputsOf } from '../../workspace/judge.js'
import { taskOf } from '../../workspace/request.js'
import { requestSets } from '../../workspace/sets.js'
import type { Verb } from '../command.js'
import { factRows } from '../facts-text.js'
import { collect, dataOptions, forgetOptions, modelOptions } from '../options.js'
import { openData, openModel, selectorsOf, settingsOf } from '../session.js'
import { percent, table } from '../terminal.js'

/** `lethe evaluate`: accuracies and membership attacks of one or more models on the same data. */
export const evaluate: Verb = {
  name: 'evaluate',
  summary: 'measure models on forget, retained and unseen data, with two membership attacks',
  configure: (program) =>
    forgetOptions(dataOptions(modelOptions(program))).option(
      '--also <file>',
      'another model to measure beside --model; repeat for more',
      collect,
      [],
    ),
  async run(options, _, terminal) {
    const settings = await settingsOf(options)
    const { data, test } = await openData(settings)
    const hasForget = Array.isArray(options.forget) && options.forget.length > 0
    const selectors = hasForget ? (await selectorsOf(options)).selectors : undefined
    const seed = Number(options.seed ?? 0)
    const results: { name: string; judgement: Judgement | undefined; classes: string[][]; overall: unknown }[] = []
    for (const model of [settings.model, ...(options.also as string[])]) {
      if (!model) throw new LetheError('usage', '--model is missing; add it to the command or to lethe.json.')
      const workspace = await openModel({ ...settings, model }, data)
      try {
        const { network, pool } = workspace
        const examples = workspace.examples(data)
        const unseen = test && workspace.examples(test)
        const forward = await openForward(network, pool)
        const measured = unseen ?? examples
        const outputs = await outputsOf(forward, measured, {
          signal: terminal.signal,
          onProgress: terminal.progress(model),
        })
        await forward.release()
        const overall = Object.fromEntries(metrics.map((m) => [m.name, m.measure(outputs)]))
        const named = data.classes
        const classes = (overall['class-accuracy'] ?? []).map((r) => [
          typeof r.of === 'number' ? (named?.[r.of] ?? String(r.of)) : 'all',
          percent(r.value),
          String(r.n),
        ])
        classes.push(...(overall.accuracy ?? []).map((r) => ['all', percent(r.value, 2), String(r.n)]))
        const sets =
          selectors &&
          requestSets({
            task: taskOf(selectors),
            data: examples,
            forgetRows: select(data, selectors, { seed }),
            ...(unseen &&
              test && {
                test: unseen,
                ...(taskOf(selectors) !== 'records' && {
                  testForgetRows: select(test, selectors, { seed, allowAll: true }),
                }),
              }),
          })
        const judgement = sets && (await judge(network, pool, sets.judges, new Map(), { signal: terminal.signal }))
        results.push({ name: model, judgement, classes, overall })
      } finally {
        await workspace.close()
      }
    }
    const of = test ? 'test data' : 'data'
    const first = results[0]!
    const perClass = table(
      [`accuracy on ${of}`, ...results.map((r) => r.name), 'records'],
      first.classes.map((row, i) => [row[0]!, ...results.map((r) => r.classes[i]?.[1] ?? '–'), row[2]!]),
    )
    const judged = results.flatMap((r) => (r.judgement ? [[r.name, r.judgement] as const] : []))
    return {
      json: {
        data: of,
        models: results.map(({ name, overall, judgement }) => ({
          name,
          overall,
          facts: judgement?.facts,
          attacks: judgement?.attacks,
        })),
      },
      text: judged.length > 0 ? `${perClass}\n\n${factRows(judged)}` : perClass,
    }
  },
}
