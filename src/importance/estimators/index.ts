import { LetheError } from '../../errors.js'
import { batchMean } from './batch-mean.js'
import type { Estimator } from './estimator.js'
import { exact } from './exact.js'
import { grouped } from './grouped.js'
import { sketch } from './sketch.js'

/** Every estimator. */
export const estimators = [exact, grouped, sketch, batchMean] as const satisfies readonly Estimator[]

/** Estimator of a name. Throws `usage` naming those that exist. */
export function findEstimator(name: string): Estimator {
  const found = estimators.find((e) => e.name === name)
  if (found) return found
  throw new LetheError(
    'usage',
    `No estimator is called "${name}"; there are ${estimators.map((e) => e.name).join(', ')}.`,
  )
}
