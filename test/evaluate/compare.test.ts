import { describe, expect, it } from 'vitest'
import { lossHistogram } from '../../src/evaluate/compare.js'

const a = { name: 'forgotten', losses: new Float64Array([0, 1e-9, 0.5, 2, 8]) }
const b = { name: 'unseen', losses: new Float64Array([0.1, 4]) }

describe.each(['log', 'linear'] as const)('%s histogram', (scale) => {
  it('counts every loss once, over bins that all groups share', () => {
    const { edges, groups } = lossHistogram([a, b], { bins: 8, scale })
    expect(edges).toHaveLength(9)
    expect(edges.toSorted((x, y) => x - y)).toEqual(edges)
    expect(groups.map((g) => g.counts.reduce((x, y) => x + y))).toEqual([5, 2])
    for (const g of groups) expect(g.shares.reduce((x, y) => x + y)).toBeCloseTo(1, 12)
    // The largest loss is in the last bin.
    expect(groups[0]?.counts.at(-1)).toBeGreaterThan(0)
  })
})

it('linear bins hold their lower border', () => {
  const { groups } = lossHistogram([{ name: 'x', losses: new Float64Array([0, 1, 2, 3, 4]) }], {
    bins: 4,
    scale: 'linear',
  })
  expect(groups[0]?.counts).toEqual([1, 1, 1, 2])
})

it('losses that are all zero, or no losses at all, still have bins', () => {
  for (const scale of ['log', 'linear'] as const) {
    const { edges, groups } = lossHistogram(
      [
        { name: 'zero', losses: new Float64Array(3) },
        { name: 'none', losses: new Float64Array(0) },
      ],
      { bins: 2, scale },
    )
    expect(edges.every(Number.isFinite)).toBe(true)
    expect(groups.map((g) => g.counts)).toEqual([
      [3, 0],
      [0, 0],
    ])
    expect(groups[1]?.shares).toEqual([0, 0])
  }
})

it('a loss that is not finite is refused, with its group', () => {
  expect(() => lossHistogram([{ name: 'unseen', losses: new Float64Array([Number.NaN]) }])).toThrow(
    expect.objectContaining({ code: 'value-not-finite', message: 'A loss of group "unseen" is NaN.' }),
  )
})
