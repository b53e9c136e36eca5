import { describe, expect, it } from 'vitest'
import { LetheError } from '../../src/errors.js'
import { hashIds, isSummed, readStore, type Store, unseenIds, writeStore } from '../../src/importance/store.js'
import { readSafetensors, writeSafetensors } from '../../src/safetensors/safetensors.js'
import type { Tensor } from '../../src/tensor/tensor.js'

const store: Store = {
  importance: {
    sums: new Map([['w', Float64Array.of(1, 2)]]),
    dims: new Map([['w', [2]]]),
    count: 3,
    units: 3,
    classCounts: [1, 2],
    settings: { estimator: 'sketch', seed: 1 },
    lossSum: 0.5,
    relativeError: 0.1,
  },
  facts: { model: 'm', loss: 'cross-entropy', output: 'logits', preprocessing: {}, software: {} },
  ids: hashIds(['a', 'b', 'c']),
}

/** A store of a sample of five records. */
const sampled: Store = {
  ...store,
  importance: {
    ...store.importance,
    population: {
      count: 5,
      classCounts: [2, 3],
      stages: [
        { count: 2, selection: 0.9 },
        { count: 3, selection: 1, answers: 0.99 },
      ],
    },
  },
  population: hashIds(['a', 'b', 'c', 'd', 'e']),
}

describe('an importance store', () => {
  it('of a sample is read as it was written, and knows the records that it did not look at', () => {
    const read = readStore(writeStore(sampled))
    expect(read).toEqual(sampled)
    expect(unseenIds(read, ['a', 'e', 'f'])).toEqual(['f'])
    expect(['a', 'e'].map(isSummed(read))).toEqual([true, false])
  })
  it.each([
    'null',
    '{"count":2,"classCounts":[]}',
    '{"count":"5","classCounts":[]}',
    '{"count":5}',
    '{"count":5,"classCounts":[1],"stages":[7]}',
    '{"count":5,"classCounts":[1],"stages":{}}',
    '{"count":5,"classCounts":[1],"stages":[{"count":1,"selection":1,"answers":"1"}]}',
    '{"count":9,"classCounts":[1]}',
    '{"count":1e999,"classCounts":[1]}',
  ])('of a sample of %s is refused', (population) => {
    const { tensors, metadata } = readSafetensors(writeStore(sampled))
    const bytes = writeSafetensors(tensors, { ...metadata, population })
    expect(() => readStore(bytes)).toThrow(expect.objectContaining({ code: 'store-format' }))
  })

  const uint64 = (...ids: string[]) => ({ dtype: 'uint64', dims: [ids.length], data: hashIds(ids) }) as const
  it.each([
    ['population without the ids of all data', { 'lethe:population': undefined }, {}],
    [
      'population whose ids are no hashes',
      { 'lethe:population': { dtype: 'int32', dims: [1], data: Int32Array.of(1) } },
      {},
    ],
    ['sample without its ids', { 'lethe:ids': undefined }, {}],
    ['sample that is no part of the population', { 'lethe:ids': uint64('a', 'b', 'x') }, {}],
    ['sample of fewer ids than were summed', { 'lethe:ids': uint64('a', 'b') }, {}],
    ['population without its numbers', {}, { population: undefined }],
  ] as const)('with a %s is refused', (_, tensors, more) => {
    const read = readSafetensors(writeStore(sampled))
    const kept = <T>(entries: Iterable<readonly [string, T | undefined]>): Map<string, T> =>
      new Map([...new Map(entries)].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])))
    const changed = kept<Tensor>([...read.tensors, ...Object.entries(tensors)])
    const metadata = Object.fromEntries(kept<string>([...Object.entries(read.metadata), ...Object.entries(more)]))
    const bytes = writeSafetensors(changed, metadata)
    expect(() => readStore(bytes)).toThrow(expect.objectContaining({ code: 'store-format' }))
  })

  it('is read as it was written', () => {
    expect(readStore(writeStore(store))).toEqual(store)
  })
  it.each([
    ['settings', 'null'],
    ['settings', '{"estimator":3}'],
    ['settings', '[]'],
    ['facts', 'null'],
    ['facts', '{"model":"m"}'],
    ['facts', '7'],
    ['classCounts', '{}'],
    ['classCounts', '["1"]'],
    ['count', 'many'],
    ['lossSum', 'NaN'],
    ['version', '2'],
  ])('with the metadata %s %s is refused', (key, value) => {
    const { tensors, metadata } = readSafetensors(writeStore(store))
    const bytes = writeSafetensors(tensors, { ...metadata, [key]: value })
    expect(() => readStore(bytes)).toThrow(LetheError)
    expect(() => readStore(bytes)).toThrow(expect.objectContaining({ code: 'store-format' }))
  })
})
