/**
 * Text made safe for HTML and SVG, in content and in quoted attributes: markup characters as entities; control
 * characters and those that reorder text (a name could hide behind them) as the replacement character.
 */
export function escapeText(text: string): string {
  let out = ''
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (isHiding(code)) out += '\ufffd'
    else out += entities[character] ?? character
  }
  return out
}

const entities: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
})

function isHiding(code: number): boolean {
  if (code < 0x20) return code !== 0x09 && code !== 0x0a
  if (code >= 0x7f && code < 0xa0) return true
  if (code >= 0xd800 && code <= 0xdfff) return true
  if (code >= 0x202a && code <= 0x202e) return true
  if (code >= 0x2066 && code <= 0x2069) return true
  return code === 0xfffe || code === 0xffff
}

/** Share as per cent with the given decimals, `–` where it is not measured: 0.9173 is `91.7 %`. */
export function percent(share: number | null | undefined, decimals = 1): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–'
  return `${minus((share * 100).toFixed(decimals))}\u202f%`
}

/** Number with up to the given significant digits, thousands apart; `–` where it is not measured. */
export function decimal(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e15)) return minus(value.toExponential(Math.max(0, digits - 1)))
  const text = size >= 10 ** digits ? Math.round(value).toString() : String(Number(value.toPrecision(digits)))
  const [whole = '', part] = text.split('.')
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, '\u202f')
  return minus(part === undefined ? spaced : `${spaced}.${part}`)
}

/** Duration: `0.42 s`, `12.3 s`, `3 min 20 s`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–'
  if (seconds < 60) return `${decimal(seconds, seconds < 1 ? 2 : 3)}\u202fs`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)}\u202fmin ${whole % 60}\u202fs`
}

function minus(text: string): string {
  return text.replace('-', '\u2212')
}
