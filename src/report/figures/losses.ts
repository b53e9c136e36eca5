import type { LossCounts, LossFacts } from '../facts.js'
import { axis, colours, emptyFigure, figure, figureWidth, fixed, legend, line, write } from './frame.js'

const series = [
  { key: 'retained', text: 'retained', colour: colours.retained, dash: '' },
  { key: 'unseen', text: 'unseen', colour: colours.unseen, dash: '6 3' },
  { key: 'forgotten', text: 'to be forgotten', colour: colours.forgotten, dash: '' },
] as const

const panelHeight = 118

/**
 * Losses of forgotten, retained and unseen records before and after, as shares of each set over common bins. Bins are
 * drawn equally wide whatever their edges; the edges are written below.
 */
export function drawLosses(losses: LossFacts): string {
  const title = 'Losses before and after'
  const bins = losses.edges.length - 1
  const panels = [
    { name: 'before', shares: sharesOf(losses.before, bins) },
    { name: 'after', shares: sharesOf(losses.after, bins) },
  ]
  const present = series.filter(({ key }) => panels.some((panel) => panel.shares[key] !== undefined))
  if (bins < 1 || present.length === 0) return emptyFigure(title, 'No losses were recorded.')

  const peak = Math.max(...panels.flatMap((p) => present.flatMap(({ key }) => p.shares[key] ?? [0])))
  const key = legend(
    40,
    present.map(({ text, colour, dash }) => ({ text, symbol: (x, y) => line(x - 8, y, x + 7, y, colour, 3, dash) })),
  )
  const left = 46
  const right = figureWidth - 8
  const x = (bin: number): number => left + (bin / bins) * (right - left)
  let body = key.svg
  let top = 44 + key.height
  for (const panel of panels) {
    const y = axis(0, Math.max(peak * 100, 1e-9), top + panelHeight, top, 3)
    for (const tick of y.ticks) {
      body += line(left, y.at(tick), right, y.at(tick), colours.grid)
      body += write(left - 6, y.at(tick) + 4, String(tick), { anchor: 'end', fill: colours.muted })
    }
    for (const { key, colour, dash } of present) {
      const shares = panel.shares[key]
      if (shares !== undefined)
        body += steps(shares, x, (share) => y.at(share * 100), colour, dash, key === 'forgotten')
    }
    body += write(right, top - 4, panel.name, { anchor: 'end', weight: 650 })
    top += panelHeight + 28
  }
  const bottom = top - 28
  const every = Math.max(1, Math.ceil(bins / 8))
  for (let k = 1; k < bins; k++) {
    body += line(x(k), bottom, x(k), bottom + 4, colours.muted)
    if ((k - 1) % every === 0) {
      body += write(x(k), bottom + 17, edgeText(losses.edges[k]!), { anchor: 'middle', fill: colours.muted })
    }
  }
  const middle = (44 + key.height + bottom) / 2
  body += write((left + right) / 2, bottom + 36, 'loss (nats)', { anchor: 'middle', fill: colours.muted })
  body += write(12, middle, 'share of each set (%)', { anchor: 'middle', upwards: true, fill: colours.muted })
  return figure(title, describe(losses, panels), bottom + 44, body)
}

type Shares = { readonly [K in (typeof series)[number]['key']]: number[] | undefined }

function sharesOf(counts: LossCounts, bins: number): Shares {
  const share = (values: readonly number[]): number[] | undefined => {
    const clean = Array.from({ length: Math.max(0, bins) }, (_, k) => {
      const value = values[k] ?? 0
      return Number.isFinite(value) && value > 0 ? value : 0
    })
    const total = clean.reduce((sum, value) => sum + value, 0)
    return total > 0 ? clean.map((value) => value / total) : undefined
  }
  return { forgotten: share(counts.forgotten), retained: share(counts.retained), unseen: share(counts.unseen) }
}

function steps(
  shares: readonly number[],
  x: (bin: number) => number,
  y: (share: number) => number,
  colour: string,
  dash: string,
  filled: boolean,
): string {
  let path = `M${fixed(x(0))} ${fixed(y(0))}`
  shares.forEach((share, k) => {
    path += `V${fixed(y(share))}H${fixed(x(k + 1))}`
  })
  path += `V${fixed(y(0))}`
  const dashed = dash === '' ? '' : ` stroke-dasharray="${dash}"`
  const fill = filled ? `fill:${colour};fill-opacity:0.16` : 'fill:none'
  return `<path d="${path}" stroke-width="2" stroke-linejoin="round"${dashed} style="${fill};stroke:${colour}"/>`
}

function edgeText(edge: number): string {
  if (!Number.isFinite(edge) || Math.abs(edge) > 1e6) return '∞'
  return edge !== 0 && Math.abs(edge) < 0.0001
    ? edge.toExponential(0).replace('-', '\u2212')
    : String(Number(edge.toPrecision(3)))
}

function describe(losses: LossFacts, panels: readonly { name: string; shares: Shares }[]): string {
  const said = panels.flatMap(({ name, shares }) =>
    series.flatMap(({ key, text }) => {
      const values = shares[key]
      if (values === undefined) return []
      let bin = 0
      for (let sum = values[0]!; sum < 0.5 && bin < values.length - 1; sum += values[bin]!) bin++
      return [`${text} ${name} ${edgeText(losses.edges[bin]!)} to ${edgeText(losses.edges[bin + 1]!)}`]
    }),
  )
  return `Median loss: ${said.join('; ')}.`
}
