import { LetheError } from '../../errors.js'
import { adam } from './adam.js'
import type { Optimiser } from './optimiser.js'
import { sgd } from './sgd.js'

/** Every optimiser. */
export const optimisers = [sgd, adam] as const satisfies readonly Optimiser[]

/** Optimiser of a name. Throws `usage` naming those that exist. */
export function findOptimiser(name: string): Optimiser {
  const found = optimisers.find((o) => o.name === name)
  if (found) return found
  throw new LetheError(
    'usage',
    `No optimiser is called "${name}"; there are ${optimisers.map((o) => o.name).join(', ')}.`,
  )
}
