import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/data/random.js'
import { complement, hashOrder, idHash, sampleIndices, subset } from '../../src/data/split.js'
import { smallDataset } from './small-dataset.js'

/** The same hash in plain 64-bit arithmetic. */
function slowHash(id: string): bigint {
  const wrap = (x: bigint): bigint => x & 0xffffffffffffffffn
  let h = 0xcbf29ce484222325n
  for (const byte of Buffer.from(id, 'utf8')) h = wrap((h ^ BigInt(byte)) * 0x100000001b3n)
  h = wrap((h ^ (h >> 33n)) * 0xff51afd7ed558ccdn)
  h = wrap((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n)
  return h ^ (h >> 33n)
}

describe('idHash', () => {
  it('is FNV-1a with the finaliser, in 64-bit arithmetic', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (id) => idHash(id) === slowHash(id)))
  })

  it('keeps its values: stores and receipts hold them', () => {
    expect([idHash(''), idHash('data_batch_1/123')].map((h) => h.toString(16))).toMatchInlineSnapshot(`
      [
        "efd01f60ba992926",
        "af9ff90239254d6",
      ]
    `)
  })

  it('leaves no trace of the order of numbered ids', () => {
    const order = hashOrder(smallDataset(1000), Array(1000).keys(), 0)
    // Neighbours in a random order of n are n/3 apart in the mean, with a deviation of 7.5 here.
    const apart = order.slice(1).reduce((sum, row, i) => sum + Math.abs(row - order[i]!), 0) / 999
    expect(Math.abs(apart - 1000 / 3)).toBeLessThan(38)
  })
})

describe('sampleIndices', () => {
  const turned = Array.from({ length: 100 }, (_, i) => (i * 37 + 11) % 100)
  const ids = (
    order: number[] | undefined,
    ...rest: [number, number, Parameters<typeof sampleIndices>[3]?]
  ): string[] => {
    const data = smallDataset(100, order)
    return [...sampleIndices(data, ...rest)].map((i) => data.id(i)).sort()
  }

  it.each([undefined, { stratify: 'label' as const }, { stratify: { attribute: 'person' } }])(
    'takes the same records in any order of the data (%o)',
    (options) => {
      expect(ids(undefined, 20, 5, options)).toEqual(ids(turned, 20, 5, options))
      expect(ids(undefined, 20, 5, options)).toHaveLength(20)
      expect(ids(undefined, 20, 5, options)).not.toEqual(ids(undefined, 20, 6, options))
    },
  )

  it('is ascending, and a larger sample holds the smaller one', () => {
    const [small, large] = [10, 40].map((n) => [...sampleIndices(smallDataset(100), n, 1)])
    expect(large).toEqual([...large!].sort((a, b) => a - b))
    expect(small!.every((i) => large!.includes(i))).toBe(true)
  })

  it('keeps the shares of the labels to within one record', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 120 }), fc.integer(), (count, seed) => {
        const data = smallDataset(100)
        const chosen = sampleIndices(data, count, seed, { stratify: 'label' })
        const counts = [0, 1, 2].map((k) => chosen.filter((i) => data.label(i) === k).length)
        const taken = Math.min(count, 100)
        return chosen.length === taken && counts.every((n, k) => Math.abs(n - (taken * (k === 0 ? 34 : 33)) / 100) < 1)
      }),
    )
  })

  it('never takes excluded records, and gives all others where more are asked for', () => {
    const exclude = [0, 5, 99]
    expect([...sampleIndices(smallDataset(100), 1000, 0, { exclude })]).toEqual([...complement(100, exclude)])
  })
})

describe('subset', () => {
  it('gives the records in the given order', () => {
    const part = subset(smallDataset(10), [7, 2])
    expect([part.size, part.id(0), part.label(1), part.attribute('person', 1)]).toEqual([2, 'r7', 2, 'p2'])
    expect(() => part.id(2)).toThrow(/outside/)
  })
})

describe('randomStream', () => {
  it('keeps its numbers, and differs by seed, also past 32 bits', () => {
    const first = (seed: number): number[] => {
      const stream = randomStream(seed)
      return [stream.bits(), stream.bits(), stream.below(100)]
    }
    expect(first(0)).toMatchInlineSnapshot(`
      [
        2899526011,
        769844623,
        81,
      ]
    `)
    expect(new Set([0, 1, 2 ** 32, 2 ** 40].map((s) => first(s).join())).size).toBe(4)
  })
})
