import { describe, expect, it } from 'vitest'
import type { Importance } from '../../src/importance/importance.js'
import { sampledSettings, sampleRows, strataOf, wholeOf } from '../../src/importance/sample.js'
import { smallExamples } from '../small-examples.js'

const size = 400
const examples = smallExamples(size)
const rowsOf = (count: number): number[] => sampleRows(examples, count, true)

function importance(sum: readonly number[], count: number, population?: number): Importance {
  return {
    sums: new Map([['w', Float64Array.from(sum)]]),
    dims: new Map([['w', [sum.length]]]),
    count,
    units: count,
    classCounts: [count],
    settings: { estimator: 'exact' },
    lossSum: count,
    ...(population !== undefined && { population: { count: population, classCounts: [population] } }),
  }
}

describe('a sample', () => {
  it('has the same share of every label', () => {
    const counts = [0, 0, 0, 0]
    for (const row of rowsOf(160)) counts[examples.labels[row]!]!++
    expect(counts).toEqual([40, 40, 40, 40])
  })

  it('is part of every larger one', () => {
    const [small, large] = [rowsOf(64), new Set(rowsOf(200))]
    expect(small.length).toBe(64)
    expect(small.every((row) => large.has(row))).toBe(true)
  })

  it('is chosen by the ids alone: the order of the data plays no part', () => {
    const ids = (rows: readonly number[], of: typeof examples): string[] => rows.map((row) => of.id(row)).sort()
    const turned = {
      ...examples,
      id: (row: number) => examples.id(size - 1 - row),
      labels: examples.labels.toReversed(),
    }
    expect(ids(sampleRows(turned, 96, true), turned)).toEqual(ids(rowsOf(96), examples))
  })

  it('is all of the data where it is asked to be as large', () => {
    expect(rowsOf(size)).toEqual(Array.from({ length: size }, (_, i) => i))
    expect(strataOf(examples, false)).toHaveLength(1)
  })

  it('has one record at least of a label that is rare', () => {
    const rare = smallExamples(size, { label: (row) => (row < 3 ? 1 : 0) })
    const rows = sampleRows(rare, 40, true)
    expect(rows.filter((row) => row < 3)).toHaveLength(1)
    expect(rows).toHaveLength(41)
  })

  it('has groups as large as those of all data, or one a label, and none of batch-mean', () => {
    const grouped = { estimator: 'grouped' }
    const groupSize = (sample: number, all: number): number | undefined =>
      sampledSettings(grouped, { sample, all, labels: 10 }).groupSize
    expect([groupSize(5000, 50000), groupSize(1000, 50000), groupSize(20000, 60000)]).toEqual([500, 100, 500])
    const asked = sampledSettings({ ...grouped, groupSize: 32 }, { sample: 5000, all: 50000, labels: 10 })
    expect(asked.groupSize).toBe(32)
    expect(() => sampledSettings({ estimator: 'batch-mean' }, { sample: 1, all: 2, labels: 1 })).toThrow(
      expect.objectContaining({ code: 'usage' }),
    )
  })
})

describe('importances of all data from a sample', () => {
  it('are those of the forget set, and of the rest as the sample has it', () => {
    // 10 of 40 records, 2 of them among the 8 to forget: the other 8 stand for 32.
    const whole = wholeOf(importance([5, 1], 10, 40), importance([8, 4], 8), importance([1, 2], 2))
    expect([...whole.sums.get('w')!]).toEqual([8 + 4 * 4, 4])
    expect([whole.count, whole.units, whole.population]).toEqual([40, 40, undefined])
  })

  it('are the sums themselves where the sample is all of the data', () => {
    const whole = wholeOf(importance([5, 7], 10, 10), importance([2, 3], 4), importance([2, 3], 4))
    expect([...whole.sums.get('w')!]).toEqual([5, 7])
  })

  it('need something that stays', () => {
    expect(() => wholeOf(importance([5], 4, 40), importance([8], 8), importance([5], 4))).toThrow(
      expect.objectContaining({ code: 'forget-all' }),
    )
  })

  it('are those of a store of all data as they are', () => {
    const all = importance([5], 4)
    expect(wholeOf(all, importance([1], 1), undefined)).toBe(all)
  })
})
