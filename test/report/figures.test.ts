import { describe, expect, it } from 'vitest'
import { axis, shorten } from '../../src/report/figures/frame.js'
import { drawGroups } from '../../src/report/figures/groups.js'
import { drawLayers } from '../../src/report/figures/layers.js'
import { drawLosses } from '../../src/report/figures/losses.js'
import { drawTradeoff } from '../../src/report/figures/tradeoff.js'
import { sampleFacts } from './sample.js'

const facts = sampleFacts()
const nan = Number.NaN
const none = { forgotten: [], retained: [], unseen: [] }
const group = { name: 'p00', before: 1, after: 0.5, forgotten: true }
const point = { tau: 0.5, lambda: 1, forgetAccuracy: 0.2, retainAccuracy: 0.9, chosen: true }
const layer = { name: 'conv', count: 9, selected: 3, meanFactor: 0.5 }

const rows = [
  { name: 'groups: sample', svg: drawGroups('person', facts.groups.accuracies), axes: ['accuracy (%)'] },
  { name: 'groups: none', svg: drawGroups('person', []), empty: true },
  { name: 'groups: one', svg: drawGroups('person', [group]), axes: ['accuracy (%)'] },
  { name: 'groups: NaN only', svg: drawGroups('person', [{ ...group, after: nan }]), empty: true },
  { name: 'groups: NaN retrained', svg: drawGroups('person', [{ ...group, retrained: nan }]), axes: ['accuracy (%)'] },
  {
    name: 'groups: 300',
    svg: drawGroups(
      'class',
      Array.from({ length: 300 }, (_, k) => ({ ...group, name: `c${k}`, forgotten: k === 299 })),
    ),
    axes: ['252 that changed least are not shown'],
  },
  { name: 'losses: sample', svg: drawLosses(facts.losses), axes: ['loss (nats)', 'share of each set (%)'] },
  { name: 'losses: none', svg: drawLosses({ edges: [], before: none, after: none }), empty: true },
  { name: 'losses: no counts', svg: drawLosses({ edges: [0, 1, 2], before: none, after: none }), empty: true },
  {
    name: 'losses: one bin, one set',
    svg: drawLosses({ edges: [0, 1], before: { ...none, forgotten: [1] }, after: none }),
    axes: ['loss (nats)'],
  },
  {
    name: 'losses: NaN and negative counts',
    svg: drawLosses({ edges: [0, 1, 2], before: { ...none, unseen: [nan, 3] }, after: { ...none, retained: [-1, 2] } }),
    axes: ['loss (nats)'],
  },
  { name: 'layers: sample', svg: drawLayers(facts.layers), axes: ['dampened (% of the layer)'] },
  { name: 'layers: none', svg: drawLayers([]), empty: true },
  { name: 'layers: one', svg: drawLayers([layer]), axes: ['dampened (% of the layer)'] },
  {
    name: 'layers: nothing dampened',
    svg: drawLayers([{ ...layer, selected: 0, meanFactor: nan }]),
    axes: ['dampened'],
  },
  { name: 'layers: empty layer', svg: drawLayers([{ ...layer, count: 0, selected: 0 }]), empty: true },
  {
    name: 'layers: 99',
    svg: drawLayers(Array.from({ length: 99 }, () => ({ ...layer }))),
    axes: ['59 smaller ones not shown'],
  },
  {
    name: 'trade-off: sample',
    svg: drawTradeoff(facts.tradeoff),
    axes: ['accuracy on the rest (%)', 'forget set (%)'],
  },
  { name: 'trade-off: none', svg: drawTradeoff([]), empty: true },
  { name: 'trade-off: one', svg: drawTradeoff([point]), axes: ['τ = 0.5, λ = 1'] },
  { name: 'trade-off: NaN only', svg: drawTradeoff([{ ...point, forgetAccuracy: nan }]), empty: true },
  { name: 'trade-off: NaN strength', svg: drawTradeoff([{ ...point, tau: nan, lambda: nan }, point]), axes: ['λ = –'] },
]

describe('figures', () => {
  it.each(rows)('$name: one labelled image with axes named, no number that is none', ({ svg, axes, empty }) => {
    expect(svg).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 460 \d+(\.\d+)?" role="img" aria-label="[^"]+"/,
    )
    expect(svg.match(/<svg/g)).toHaveLength(1)
    expect(svg.endsWith('</svg>')).toBe(true)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    for (const words of axes ?? []) expect(svg).toContain(words)
    expect(/<(circle|path|rect|polygon)/.test(svg)).toBe(!empty)
  })

  it('put the forgotten group first and never leave it out', () => {
    const many = Array.from({ length: 100 }, (_, k) => ({
      name: `c${k}`,
      before: 1,
      after: k === 70 ? 1 : 0.5,
      forgotten: k === 70,
    }))
    const svg = drawGroups('class', many)
    expect(svg.indexOf('>c70<')).toBeGreaterThan(0)
    expect(svg.indexOf('>c70<')).toBeLessThan(svg.indexOf('>c0<'))
  })

  it('draw a bar as long as its share', () => {
    const svg = drawLayers([
      { ...layer, count: 100, selected: 50 },
      { ...layer, count: 100, selected: 25 },
    ])
    const widths = [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width))
    expect(widths[0]! / widths[1]!).toBeCloseTo(2, 2)
  })

  it('escape names', () => {
    const name = '<b>"&'
    const all = [drawGroups(name, [{ ...group, name }]), drawLayers([{ ...layer, name }]), drawGroups(name, [])]
    for (const svg of all) {
      expect(svg).not.toContain('<b>')
      expect(svg).toContain('&lt;b&gt;&quot;&amp;')
    }
  })
})

describe('axes', () => {
  it.each([
    { low: 0, high: 100, ticks: [0, 20, 40, 60, 80, 100] },
    { low: 96.9, high: 101, ticks: [97, 98, 99, 100, 101] },
    { low: 0, high: 0.03, ticks: [0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03] },
    { low: 5, high: 5, ticks: [5, 5.2, 5.4, 5.6, 5.8, 6] },
  ])('have round ticks between $low and $high', ({ low, high, ticks }) => {
    expect(axis(low, high, 0, 1, 5).ticks).toEqual(ticks)
  })

  it('map their ends to the ends of the plot', () => {
    const x = axis(2, 6, 100, 300, 4)
    expect([x.at(2), x.at(4), x.at(6)]).toEqual([100, 200, 300])
  })
})

it('names are cut in the middle, both ends kept', () => {
  expect(shorten('layer1.0.conv1.weight', 11)).toBe('layer…eight')
  expect(shorten('short', 11)).toBe('short')
})
