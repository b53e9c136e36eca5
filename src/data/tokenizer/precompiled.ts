import { LetheError } from '../../errors.js'

/** Longest grapheme, in bytes, that is looked up as a whole. */
const graphemeBytes = 5

/**
 * Normalisation by the table that SentencePiece compiles into a model (`precompiled_charsmap`, base64): each grapheme of up to five
 * bytes, else each of its characters, is replaced by what the table has for its shortest prefix, and stays where there is nothing.
 *
 * The table is the size of a double-array trie in bytes (uint32), its units, and the replacements, each ended by a zero byte.
 * Throws `data-format` for a table that is none.
 * Source: Hugging Face's `spm_precompiled`; Yata's darts-clone (units of the trie).
 */
export function precompiledNormaliser(charsmap: string): (text: string) => string {
  const bytes = Uint8Array.from(decode(charsmap), (c) => c.charCodeAt(0))
  const view = new DataView(bytes.buffer)
  const trieBytes = bytes.length >= 4 ? view.getUint32(0, true) : 0
  if (trieBytes === 0 || trieBytes % 4 !== 0 || trieBytes + 4 > bytes.length) {
    throw new LetheError('data-format', 'Its precompiled_charsmap is damaged.')
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
  const replacements = bytes.subarray(4 + trieBytes)
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  const found = (chunk: Uint8Array): string | undefined => {
    const start = shortestPrefix(units, chunk)
    if (start === undefined) return undefined
    const end = replacements.indexOf(0, start)
    return decoder.decode(replacements.subarray(start, end < 0 ? replacements.length : end))
  }
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
  const known = new Map<string, string>()
  const normalise = (grapheme: string): string => {
    const chunk = encoder.encode(grapheme)
    const whole = chunk.length <= graphemeBytes ? found(chunk) : undefined
    return whole ?? Array.from(grapheme, (c) => found(encoder.encode(c)) ?? c).join('')
  }
  return (text) => {
    let out = ''
    for (const { segment } of segmenter.segment(text)) {
      let next = known.get(segment)
      if (next === undefined) {
        next = normalise(segment)
        if (known.size < knownLimit) known.set(segment, next)
      }
      out += next
    }
    return out
  }
}

/** Graphemes whose normal form is remembered. */
const knownLimit = 10_000

function decode(base64: string): string {
  try {
    return atob(base64)
  } catch (cause) {
    throw new LetheError('data-format', 'Its precompiled_charsmap is no base64.', {}, { cause })
  }
}

/** Value of the shortest key of a trie that a text begins with. */
function shortestPrefix(units: Uint32Array, key: Uint8Array): number | undefined {
  let at = offsetOf(units[0]!)
  for (const byte of key) {
    if (byte === 0) return undefined
    at ^= byte
    const unit = units[at]
    // The label with the mark of a leaf, which no byte has.
    if (unit === undefined || (unit & 0x8000_00ff) >>> 0 !== byte) return undefined
    at ^= offsetOf(unit)
    if (((unit >>> 8) & 1) === 1) {
      const leaf = units[at]
      return leaf === undefined ? undefined : leaf & 0x7fff_ffff
    }
  }
  return undefined
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6)
}
