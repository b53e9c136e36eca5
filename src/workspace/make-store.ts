import type { Dataset } from '../data/dataset.js'
import { type EstimateOptions, estimateImportance } from '../importance/estimate.js'
import { hashIds, type Store } from '../importance/store.js'
import { version } from '../version.js'
import type { Workspace } from './open.js'

/** Importances of all records of a data set, with the facts that later requests are checked against. Throws what `estimateImportance` throws. */
export async function makeStore(workspace: Workspace, data: Dataset, options: EstimateOptions = {}): Promise<Store> {
  const { network, pool, file, preprocessing } = workspace
  const examples = workspace.examples(data, options.settings?.groupBy)
  return {
    importance: await estimateImportance(network, pool, examples, options),
    facts: {
      model: file.digest,
      loss: network.loss.loss,
      output: network.loss.output,
      preprocessing,
      software: { lethe: version, [pool.engine.name]: pool.engine.version },
    },
    ids: hashIds(Array.from({ length: data.size }, (_, i) => data.id(i))),
  }
}
