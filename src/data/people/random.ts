/** Draws of one deterministic stream. Integers and square roots only, so every machine draws the same numbers. */
export interface Random {
  /** Uniform in [0, 1). */
  unit(): number
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  /** Bell-shaped around 0 with standard deviation 1, within ±3.5 (sum of four uniforms). */
  bell(): number
  /** True with the given probability. */
  chance(probability: number): boolean
  /** Integer in [0, count). */
  below(count: number): number
  /** One of the choices, which must not be empty. */
  pick<T>(choices: readonly T[]): T
  /** The choices in a random order (Fisher–Yates). */
  shuffle<T>(choices: readonly T[]): T[]
}

/** Stream of random numbers that depends only on its key (FNV-1a of the text seeds the mulberry32 generator). */
export function randomOf(key: string): Random {
  let state = 0x811c9dc5
  for (let i = 0; i < key.length; i++) state = Math.imul(state ^ key.charCodeAt(i), 0x01000193)
  // The last characters of a key barely reach the high bits in FNV-1a: mix once more.
  state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
  state ^= state >>> 13

  const unit = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (count: number): number => Math.floor(unit() * count)
  return {
    unit,
    below,
    between: (low, high) => low + (high - low) * unit(),
    bell: () => (unit() + unit() + unit() + unit() - 2) * Math.sqrt(3),
    chance: (probability) => unit() < probability,
    pick: (choices) => choices[below(choices.length)]!,
    shuffle(choices) {
      const out = choices.slice()
      for (let i = out.length - 1; i > 0; i--) {
        const j = below(i + 1)
        const held = out[i]!
        out[i] = out[j]!
        out[j] = held
      }
      return out
    },
  }
}
