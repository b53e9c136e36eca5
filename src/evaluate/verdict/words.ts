import type { Estimate } from '../estimate.js'

/** A share in per cent with one digit: 0.9173 → "91.7 %". */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** A share with its interval: "0.4 % (95 % interval 0.2 % to 1.0 %)". */
export function percentWithin({ value, low, high }: Estimate): string {
  return `${percent(value)} (95 % interval ${percent(low)} to ${percent(high)})`
}

/** A difference of shares in points, signed: "−0.3 points". */
export function points(difference: number): string {
  const size = Math.abs(difference * 100).toFixed(1)
  if (size === '0.0') return '0.0 points'
  return `${difference < 0 ? '−' : '+'}${size} points`
}

/** An area under a ROC curve with its interval: "0.52 (95 % interval 0.47 to 0.57)". */
export function areaWithin({ value, low, high }: Estimate): string {
  return `${value.toFixed(2)} (95 % interval ${low.toFixed(2)} to ${high.toFixed(2)})`
}

/** First letter in upper case. */
export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
