import type { LayerShare } from '../facts.js'
import { decimal } from '../html.js'
import { axis, bar, colours, emptyFigure, figure, figureWidth, line, shorten, write } from './frame.js'

const rowHeight = 19
const most = 40

/**
 * Share of each layer's parameters that were dampened, in the order of the model; beside each bar the number of
 * dampened parameters and the mean factor they were multiplied by. Of more than 40 layers those with the largest
 * shares are shown.
 */
export function drawLayers(layers: readonly LayerShare[]): string {
  const title = 'Share of each layer dampened'
  const usable = layers.filter((l) => l.count > 0 && Number.isFinite(l.selected / l.count))
  if (usable.length === 0) return emptyFigure(title, 'No layer was looked at.')
  const share = (l: LayerShare): number => l.selected / l.count
  const kept = new Set(usable.length <= most ? usable : usable.toSorted((a, b) => share(b) - share(a)).slice(0, most))
  const rows = usable.filter((l) => kept.has(l))

  const peak = Math.max(...rows.map(share)) * 100
  const high = peak > 0 ? peak * 1.02 : 1
  const left = Math.min(168, 16 + 6.7 * Math.max(...rows.map((row) => shorten(row.name, 22).length)))
  const right = figureWidth - 104
  const top = 46
  const bottom = top + rows.length * rowHeight
  const x = axis(0, high, left, right, 4)

  let body = write(figureWidth, 40, 'dampened × factor', { anchor: 'end', fill: colours.muted })
  for (const tick of x.ticks) {
    body += line(x.at(tick), top, x.at(tick), bottom, colours.grid)
    body += write(x.at(tick), bottom + 16, String(tick), { anchor: 'middle', fill: colours.muted })
  }
  rows.forEach((row, k) => {
    const y = top + k * rowHeight
    body += write(left - 8, y + 14, shorten(row.name, 22), { anchor: 'end' })
    body += bar(left, y + 3, x.at(share(row) * 100) - left, rowHeight - 6, colours.retained, 0.9)
    const factor = row.selected > 0 && Number.isFinite(row.meanFactor) ? ` × ${decimal(row.meanFactor, 2)}` : ''
    body += write(figureWidth, y + 14, `${decimal(row.selected, 6)}${factor}`, { anchor: 'end', fill: colours.muted })
  })
  const leftOut = usable.length - rows.length
  const note =
    leftOut > 0 ? `dampened (% of the layer); ${leftOut} smaller ones not shown` : 'dampened (% of the layer)'
  body += write((left + right) / 2, bottom + 34, note, { anchor: 'middle', fill: colours.muted })
  const first = rows.toSorted((a, b) => share(b) - share(a))[0]!
  const label = `Largest share: ${first.name} with ${decimal(share(first) * 100, 3)} % of ${first.count} parameters.`
  return figure(title, label, bottom + 42, body)
}
