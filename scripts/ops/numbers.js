// @ts-check

/** Small seeded generator (mulberry32) of numbers in [0, 1). @param {number} seed */
export function random(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Random signs: every number moves by the step. @param {number} size @param {() => number} next */
export function direction(size, next) {
  return Float64Array.from({ length: size }, () => (next() < 0.5 ? -1 : 1))
}

/** @param {import('../../src/tensor/tensor.js').Tensor} t */
export function numbers(t) {
  const data = Float64Array.from({ length: t.data.length }, (_, i) => Number(t.data[i]))
  if (t.dtype === 'bfloat16') return data.map((b) => new Float32Array(Uint32Array.of(b << 16).buffer)[0] ?? 0)
  if (t.dtype === 'float16') return data.map(fromHalf)
  return data
}

/** @param {number} bits */
function fromHalf(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024))
}
