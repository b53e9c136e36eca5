import { uniforms } from '../data/random.js'
import type { Random } from './architectures/builder.js'

/** Randomness of one epoch: a stream of its own, so that a resumed training repeats it. */
export function epochRandom(seed: number, epoch: number): Random {
  return uniforms(seed * 100_003 + epoch)
}

/** Rows 0 to size − 1 in random order, every order equally likely (Fisher and Yates). */
export function shuffled(size: number, random: Random): number[] {
  const order = Array.from({ length: size }, (_, i) => i)
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
