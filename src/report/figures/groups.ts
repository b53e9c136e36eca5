import type { GroupAccuracy } from '../facts.js'
import { axis, bar, colours, emptyFigure, figure, figureWidth, legend, line, mark, shorten, write } from './frame.js'

const rowHeight = 17
const most = 48

/**
 * Accuracy of each group before and after, and of the retrained model where known: one row a group, forgotten groups
 * first, then as given. Of more than 48 groups the rows that changed most are shown, and the axis says so.
 */
export function drawGroups(kind: string, groups: readonly GroupAccuracy[]): string {
  const title = `Accuracy per ${kind}, before and after`
  const usable = groups.filter((g) => Number.isFinite(g.before) && Number.isFinite(g.after))
  if (usable.length === 0) return emptyFigure(title, `No ${kind} was measured.`)
  const rows = choose(usable)
  const withTruth = rows.some((row) => row.retrained !== undefined && Number.isFinite(row.retrained))

  const key = legend(40, [
    { symbol: (x, y) => mark('ring', x, y, colours.muted), text: 'before' },
    { symbol: (x, y) => mark('dot', x, y, colours.retained), text: 'after' },
    { symbol: (x, y) => mark('dot', x, y, colours.forgotten), text: 'after, forgotten' },
    ...(withTruth
      ? [{ symbol: (x: number, y: number) => mark('diamond', x, y, colours.unseen), text: 'retrained' }]
      : []),
  ])
  const top = 34 + key.height
  const left = Math.min(150, 20 + 6.8 * Math.max(...rows.map((row) => shorten(row.name, 18).length)))
  const bottom = top + rows.length * rowHeight
  const x = axis(0, 100, left, figureWidth - 12, 5)

  let body = key.svg
  for (const tick of x.ticks) {
    body += line(x.at(tick), top, x.at(tick), bottom, colours.grid)
    body += write(x.at(tick), bottom + 16, String(tick), { anchor: 'middle', fill: colours.muted })
  }
  rows.forEach((row, k) => {
    const y = top + (k + 0.5) * rowHeight
    const colour = row.forgotten ? colours.forgotten : colours.retained
    if (row.forgotten) body += bar(0, y - rowHeight / 2, figureWidth, rowHeight, colours.forgotten, 0.1)
    body += write(left - 10, y + 4, shorten(row.name, 18), {
      anchor: 'end',
      ...(row.forgotten && { weight: 700, fill: colours.forgotten }),
    })
    body += line(x.at(row.before * 100), y, x.at(row.after * 100), y, colour, 2)
    if (row.retrained !== undefined && Number.isFinite(row.retrained)) {
      body += mark('diamond', x.at(row.retrained * 100), y, colours.unseen, 4)
    }
    body += mark('ring', x.at(row.before * 100), y, colours.muted)
    body += mark('dot', x.at(row.after * 100), y, colour)
  })
  const left_out = usable.length - rows.length
  const note = left_out > 0 ? `accuracy (%); ${left_out} that changed least are not shown` : 'accuracy (%)'
  body += write((left + figureWidth) / 2, bottom + 34, note, { anchor: 'middle', fill: colours.muted })
  return figure(title, describe(kind, usable), bottom + 42, body)
}

function choose(groups: readonly GroupAccuracy[]): GroupAccuracy[] {
  const change = (g: GroupAccuracy): number => Math.abs(g.after - g.before)
  const kept =
    groups.length <= most
      ? new Set(groups)
      : new Set(
          groups.toSorted((a, b) => Number(b.forgotten) - Number(a.forgotten) || change(b) - change(a)).slice(0, most),
        )
  return groups.filter((g) => kept.has(g)).toSorted((a, b) => Number(b.forgotten) - Number(a.forgotten))
}

function describe(kind: string, groups: readonly GroupAccuracy[]): string {
  const gone = groups
    .filter((g) => g.forgotten)
    .slice(0, 5)
    .map((g) => `${g.name} from ${Math.round(g.before * 100)} to ${Math.round(g.after * 100)} %`)
  const others = groups.filter((g) => !g.forgotten)
  const mean = others.reduce((sum, g) => sum + g.after - g.before, 0) / Math.max(1, others.length)
  const rest =
    others.length === 0 ? '' : ` Every other ${kind} changed by ${(mean * 100).toFixed(1)} points on average.`
  return `Forgotten: ${gone.length === 0 ? 'none' : gone.join(', ')}.${rest}`
}
