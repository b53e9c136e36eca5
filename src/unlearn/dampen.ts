import type { Shares } from './shares.js'

/** How strongly to dampen: a threshold τ on the forget share, and λ. α = τ·R. */
export interface Strength {
  readonly share: number
  readonly lambda: number
}

/** What was selected in one parameter tensor. */
export interface LayerChange {
  readonly name: string
  readonly count: number
  readonly selected: number
  /** Mean factor over the selected weights; 1 where none was. */
  readonly meanFactor: number
}

/**
 * Factor of each weight under Selective Synaptic Dampening: select where I_Df > α·I_D (strict), factor
 * min(λ·I_D / I_Df, 1) there and 1 elsewhere. In shares: I_D / I_Df = 1 / (s·R).
 *
 * Source: Foster, Schoepf, Brintrup, AAAI 2024 (arXiv 2308.07707), equation of the dampening step.
 */
export function dampeningFactor(share: number, ratio: number, { share: threshold, lambda }: Strength): number {
  return share > threshold ? Math.min(lambda / (share * ratio), 1) : 1
}

/** New values of the parameters that change, by name, and what was selected in each. */
export function dampen(
  weights: ReadonlyMap<string, Float32Array>,
  shares: Shares,
  strength: Strength,
): { changed: Map<string, Float32Array>; layers: LayerChange[] } {
  const changed = new Map<string, Float32Array>()
  const layers: LayerChange[] = []
  for (const [name, s] of shares.values) {
    const old = weights.get(name)
    if (!old) continue
    let next: Float32Array | undefined
    let selected = 0
    let factors = 0
    for (let i = 0; i < s.length; i++) {
      if (!(s[i]! > strength.share)) continue
      next ??= old.slice()
      const factor = dampeningFactor(s[i]!, shares.ratio, strength)
      next[i] = old[i]! * factor
      factors += factor
      selected++
    }
    if (next) changed.set(name, next)
    layers.push({ name, count: s.length, selected, meanFactor: selected > 0 ? factors / selected : 1 })
  }
  return { changed, layers }
}
