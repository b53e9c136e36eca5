import { planRequest } from '../../workspace/request.js'
import type { Verb } from '../command.js'
import { dataOptions, forgetOptions, modelOptions, strengthOptions } from '../options.js'
import { describePlan, planJson } from '../plan-text.js'
import { openRequest } from '../session.js'

/** `lethe plan`: shares of each layer and the trade-off curve; writes nothing. */
export const plan: Verb = {
  name: 'plan',
  summary: 'show what forgetting would select and cost, and write nothing',
  configure: (program) => strengthOptions(forgetOptions(dataOptions(modelOptions(program)))),
  async run(options, _, terminal) {
    const { workspace, request } = await openRequest(options, terminal)
    try {
      const planned = await planRequest(workspace, request)
      return { json: planJson(planned), text: describePlan(planned) }
    } finally {
      await workspace.close()
    }
  },
}
