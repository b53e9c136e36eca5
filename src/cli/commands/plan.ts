import { planRequest } from '../../workspace/request.js'
import type { Verb } from '../command.js'
import { dataOptions, forgetOptions, modelOptions, strengthOptions } from '../options.js'
import { describePlan, planJson } from '../plan-text.js'
import { openData, openModel, openStore, preprocessingOf, selectorsOf, settingsOf, strengthOf } from '../session.js'

/** `lethe plan`: shares of each layer and the trade-off curve; writes nothing. */
export const plan: Verb = {
  name: 'plan',
  summary: 'show what forgetting would select and cost, and write nothing',
  configure: (program) => strengthOptions(forgetOptions(dataOptions(modelOptions(program)))),
  async run(options, _, terminal) {
    const settings = await settingsOf(options)
    const strength = strengthOf(options, terminal)
    const { selectors } = await selectorsOf(options)
    const { store } = await openStore(options)
    const { data, test, probe } = await openData(settings)
    const workspace = await openModel(settings, data, preprocessingOf(settings, store))
    try {
      const bars = new Map<string, ReturnType<typeof terminal.progress>>()
      const request = await planRequest(workspace, {
        store,
        data,
        selectors,
        seed: Number(options.seed ?? 0),
        test,
        probe,
        strength,
        signal: terminal.signal,
        onProgress(phase, at) {
          const bar = bars.get(phase) ?? terminal.progress(phase, phase === 'strengths' ? 'strengths' : 'examples')
          bars.set(phase, bar)
          bar(at)
        },
      })
      return { json: planJson(request), text: describePlan(request) }
    } finally {
      await workspace.close()
    }
  },
}
