import type { TradeoffPoint } from '../facts.js'
import { decimal, percent } from '../html.js'
import {
  axis,
  colours,
  emptyFigure,
  figure,
  figureWidth,
  fixed,
  legend,
  line,
  type MarkKind,
  mark,
  write,
} from './frame.js'

const looks: readonly { readonly kind: MarkKind; readonly colour: string }[] = [
  { kind: 'dot', colour: colours.retained },
  { kind: 'square', colour: colours.unseen },
  { kind: 'diamond', colour: 'var(--third, #8a4fa3)' },
  { kind: 'triangle', colour: 'var(--fourth, #8a6d00)' },
]

/**
 * Every strength tried: accuracy on the rest (right is better) against accuracy on the forget set (lower is more
 * forgotten). One line per λ in the order of τ; the chosen strength is ringed.
 */
export function drawTradeoff(points: readonly TradeoffPoint[]): string {
  const title = 'Strengths tried'
  const usable = points.filter((p) => Number.isFinite(p.forgetAccuracy) && Number.isFinite(p.retainAccuracy))
  if (usable.length === 0) return emptyFigure(title, 'No strength was tried: it was given.')
  const lambdas = [...new Set(usable.map((p) => p.lambda))].toSorted((a, b) => b - a)
  const chosen = usable.find((p) => p.chosen)
  const key = legend(40, [
    ...lambdas.map((lambda, k) => ({
      text: `λ = ${decimal(lambda)}`,
      symbol: (x: number, y: number) => mark(lookOf(k).kind, x, y, lookOf(k).colour),
    })),
    ...(chosen ? [{ text: 'chosen', symbol: (x: number, y: number) => ring(x, y, 7) }] : []),
  ])

  const left = 50
  const right = figureWidth - 16
  const top = 38 + key.height
  const bottom = top + 210
  const [lowX, highX] = widen(usable.map((p) => p.retainAccuracy * 100))
  const [lowY, highY] = widen(usable.map((p) => p.forgetAccuracy * 100))
  const x = axis(lowX, highX, left, right, 5)
  const y = axis(lowY, highY, bottom, top, 5)

  let body = key.svg
  for (const tick of x.ticks) {
    body += line(x.at(tick), top, x.at(tick), bottom, colours.grid)
    body += write(x.at(tick), bottom + 16, String(tick), { anchor: 'middle', fill: colours.muted })
  }
  for (const tick of y.ticks) {
    body += line(left, y.at(tick), right, y.at(tick), colours.grid)
    body += write(left - 6, y.at(tick) + 4, String(tick), { anchor: 'end', fill: colours.muted })
  }
  lambdas.forEach((lambda, k) => {
    const { kind, colour } = lookOf(k)
    const path = usable
      .filter((p) => p.lambda === lambda || (Number.isNaN(p.lambda) && Number.isNaN(lambda)))
      .toSorted((a, b) => b.tau - a.tau)
      .map((p) => ({ x: x.at(p.retainAccuracy * 100), y: y.at(p.forgetAccuracy * 100) }))
    const d = path.map((p, i) => `${i === 0 ? 'M' : 'L'}${fixed(p.x)} ${fixed(p.y)}`).join('')
    body += `<path d="${d}" stroke-width="1.4" stroke-opacity="0.5" style="fill:none;stroke:${colour}"/>`
    for (const p of path) body += mark(kind, p.x, p.y, colour)
  })
  if (chosen)
    body += pointOut(chosen, x.at(chosen.retainAccuracy * 100), y.at(chosen.forgetAccuracy * 100), left, right)
  const middle = (top + bottom) / 2
  body += write((left + right) / 2, bottom + 35, 'accuracy on the rest (%)', { anchor: 'middle', fill: colours.muted })
  body += write(12, middle, 'accuracy on the forget set (%)', { anchor: 'middle', upwards: true, fill: colours.muted })
  return figure(title, describe(usable.length, chosen), bottom + 44, body)
}

function lookOf(k: number): (typeof looks)[number] {
  return looks[k % looks.length]!
}

function ring(x: number, y: number, radius: number): string {
  return `<circle cx="${fixed(x)}" cy="${fixed(y)}" r="${radius}" stroke-width="2.2" style="fill:none;stroke:${colours.forgotten}"/>`
}

function pointOut(point: TradeoffPoint, x: number, y: number, left: number, right: number): string {
  const text = `τ = ${decimal(point.tau)}, λ = ${decimal(point.lambda)}`
  const beside =
    x > (left + right) / 2 ? { at: x - 13, anchor: 'end' as const } : { at: x + 13, anchor: 'start' as const }
  return (
    ring(x, y, 8.5) +
    write(beside.at, y - 12, text, { anchor: beside.anchor, weight: 650, halo: true, fill: colours.forgotten })
  )
}

/** Range of the values with room around it, at least two points wide. */
function widen(values: readonly number[]): [number, number] {
  const low = Math.min(...values)
  const high = Math.max(...values)
  const room = Math.max((high - low) * 0.08, 1)
  return [low - room, high + room]
}

function describe(count: number, chosen: TradeoffPoint | undefined): string {
  const tried = `${count} strength${count === 1 ? '' : 's'} tried.`
  if (chosen === undefined) return tried
  const rest = percent(chosen.retainAccuracy)
  return `${tried} Chosen: forget accuracy ${percent(chosen.forgetAccuracy)}, accuracy on the rest ${rest}.`
}
