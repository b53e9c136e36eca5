/** Stream of random numbers that depends on its seed only; the same on every machine. */
export interface RandomStream {
  /** Next 32 bits, an integer in [0, 2³²). */
  bits(): number
  /** Integer in [0, count), every one equally likely; count at most 2³². */
  below(count: number): number
}

/**
 * Stream of a seed: sfc32 (Chris Doty-Humphrey's PractRand), its state filled by splitmix32 from the seed's low and high
 * 32 bits, and its first 12 numbers dropped. The seed is an integer of up to 53 bits.
 */
export function randomStream(seed: number): RandomStream {
  let low = seed >>> 0
  const high = Math.floor(seed / 2 ** 32) >>> 0
  const fill = (): number => {
    low = (low + 0x9e3779b9) | 0
    let t = low ^ (low >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    return t ^ (t >>> 15)
  }
  let [a, b, c, counter] = [fill(), fill() ^ high, fill(), 1]
  const bits = (): number => {
    const out = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + out
    return out >>> 0
  }
  for (let i = 0; i < 12; i++) bits()
  return {
    bits,
    below(count) {
      // Numbers past the last whole multiple of `count` would favour the small remainders.
      const limit = 2 ** 32 - (2 ** 32 % count)
      let x = bits()
      while (x >= limit) x = bits()
      return x % count
    },
  }
}

/** Uniform numbers in [0, 1) with 32 bits, of a seed. */
export function uniforms(seed: number): () => number {
  const stream = randomStream(seed)
  return () => stream.bits() / 2 ** 32
}
