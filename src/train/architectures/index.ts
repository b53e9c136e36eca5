import { LetheError } from '../../errors.js'
import type { Architecture, NetworkShape } from './architecture.js'
import { cnn } from './cnn.js'
import { mlp } from './mlp.js'
import { resnet18, resnet20 } from './resnet.js'
import { vitTiny } from './vit-tiny.js'

/** Every architecture. */
export const architectures = [mlp, cnn, resnet20, resnet18, vitTiny] as const satisfies readonly Architecture[]

/** Architecture of a name. Throws `usage` naming those that exist. */
export function findArchitecture(name: string): Architecture {
  const found = architectures.find((a) => a.name === name)
  if (found) return found
  throw new LetheError(
    'usage',
    `No architecture is called "${name}"; there are ${architectures.map((a) => a.name).join(', ')}.`,
  )
}

export type { Architecture, NetworkShape }
