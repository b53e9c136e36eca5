import { escapeText } from '../html.js'

/** Width of every figure in its own units; heights differ. Text stays readable when a phone shrinks it to 340 pixels. */
export const figureWidth = 460

/** Space between the edge of a figure and its plot. */
export interface Margins {
  readonly top: number
  readonly right: number
  readonly bottom: number
  readonly left: number
}

/** Linear map from data to figure units, with the ticks of its axis. */
export interface Axis {
  readonly ticks: readonly number[]
  at(value: number): number
}

/**
 * Colours that stay apart for every kind of colour vision (after Okabe and Ito). A page may set the custom properties,
 * for instance in dark mode; the figures carry the light values as fall-back.
 */
export const colours = {
  forgotten: 'var(--forgotten, #c2410c)',
  retained: 'var(--retained, #0069a8)',
  unseen: 'var(--unseen, #00805f)',
  muted: 'var(--muted, #6b7280)',
  grid: 'var(--grid, #d9dde3)',
  paper: 'var(--paper, #ffffff)',
  text: 'var(--text, #1c2430)',
} as const

/** Whole SVG element with a title, read out as one image. The body must be escaped already. */
export function figure(title: string, label: string, height: number, body: string): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${figureWidth} ${fixed(height)}" role="img"`,
    ` aria-label="${escapeText(`${title}. ${label}`)}" font-family="system-ui, sans-serif" font-size="12.5">`,
    `<text x="0" y="16" font-size="15" font-weight="650" style="fill:${colours.text}">${escapeText(title)}</text>`,
    body,
    '</svg>',
  ].join('')
}

/** Figure that says why there is nothing to draw. */
export function emptyFigure(title: string, reason: string): string {
  return figure(title, reason, 64, write(0, 46, reason, { fill: colours.muted }))
}

/** Axis from `low` to `high` mapped to figure units `from`…`to`, with about `count` round ticks inside. */
export function axis(low: number, high: number, from: number, to: number, count: number): Axis {
  const span = high - low
  const safe = Number.isFinite(span) && span > 0 ? span : 1
  return {
    ticks: ticksBetween(low, low + safe, count),
    at: (value) => from + ((value - low) / safe) * (to - from),
  }
}

function ticksBetween(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((m) => m * power >= rough * 0.75) ?? 10)
  const ticks: number[] = []
  const first = Math.ceil(low / step - 1e-9)
  for (let k = first; k * step <= high + step * 1e-9; k++) ticks.push(Number((k * step).toPrecision(12)))
  return ticks
}

export interface TextStyle {
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly fill?: string
  readonly weight?: number
  readonly size?: number
  /** Edged with the colour of the paper, to stay readable on lines. */
  readonly halo?: boolean
  /** Turned by a quarter, reading upwards. */
  readonly upwards?: boolean
}

/** Text at a place, escaped. */
export function write(x: number, y: number, text: string, style: TextStyle = {}): string {
  const { anchor = 'start', fill = colours.text, weight, size, upwards, halo } = style
  return [
    `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}"`,
    weight === undefined ? '' : ` font-weight="${weight}"`,
    size === undefined ? '' : ` font-size="${size}"`,
    upwards ? ` transform="rotate(-90 ${fixed(x)} ${fixed(y)})"` : '',
    ` style="fill:${fill}${halo ? `;stroke:${colours.paper};stroke-width:4px;paint-order:stroke` : ''}">${escapeText(text)}</text>`,
  ].join('')
}

/** Straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, stroke: string, width = 1, dash = ''): string {
  const dashed = dash === '' ? '' : ` stroke-dasharray="${dash}"`
  return `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" stroke-width="${width}"${dashed} style="stroke:${stroke}"/>`
}

/** Rectangle. */
export function bar(x: number, y: number, width: number, height: number, fill: string, opacity = 1): string {
  const w = fixed(Math.max(0, width))
  return `<rect x="${fixed(x)}" y="${fixed(y)}" width="${w}" height="${fixed(height)}" rx="1.5" fill-opacity="${opacity}" style="fill:${fill}"/>`
}

/** Mark of a point: filled or hollow circle, square, diamond or triangle. */
export function mark(kind: MarkKind, x: number, y: number, colour: string, size = 4.5): string {
  const paint = kind === 'ring' ? `fill:${colours.paper};stroke:${colour}` : `fill:${colour};stroke:${colours.paper}`
  const width = kind === 'ring' ? 1.8 : 1
  const style = `stroke-width="${width}" style="${paint}"`
  const points = polygons[kind]
  if (points === undefined) return `<circle cx="${fixed(x)}" cy="${fixed(y)}" r="${size}" ${style}/>`
  const path = points.map(([dx, dy]) => `${fixed(x + dx * size)},${fixed(y + dy * size)}`).join(' ')
  return `<polygon points="${path}" ${style}/>`
}

export type MarkKind = 'dot' | 'ring' | 'square' | 'diamond' | 'triangle'

const polygons: Readonly<Partial<Record<MarkKind, readonly (readonly [number, number])[]>>> = {
  square: [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  diamond: [
    [0, -1.25],
    [1.25, 0],
    [0, 1.25],
    [-1.25, 0],
  ],
  triangle: [
    [0, -1.25],
    [1.15, 0.85],
    [-1.15, 0.85],
  ],
}

/** One entry of a legend: its mark as SVG around (0, 0), and its words. */
export interface LegendEntry {
  readonly symbol: (x: number, y: number) => string
  readonly text: string
}

/** Legend in rows from the left edge, wrapped at the figure's width; says how high it became. */
export function legend(top: number, entries: readonly LegendEntry[]): { svg: string; height: number } {
  let x = 0
  let y = top
  let svg = ''
  for (const { symbol, text } of entries) {
    const width = 26 + text.length * 6.6
    if (x > 0 && x + width > figureWidth) {
      x = 0
      y += 19
    }
    svg += symbol(x + 7, y - 4) + write(x + 18, y, text)
    x += width + 6
  }
  return { svg, height: entries.length === 0 ? 0 : y - top + 19 }
}

/** Text cut to a number of characters, with an ellipsis in the middle: both ends of a layer's name matter. */
export function shorten(text: string, length: number): string {
  const characters = [...text]
  if (characters.length <= length) return text
  const tail = Math.floor((length - 1) / 2)
  return `${characters.slice(0, length - 1 - tail).join('')}…${characters.slice(characters.length - tail).join('')}`
}

/** Coordinate with at most two decimals. */
export function fixed(value: number): string {
  return String(Math.round(value * 100) / 100)
}
