import { describe, expect, it } from 'vitest'
import { LetheError } from '../../src/errors.js'
import { hashIds, readStore, type Store, writeStore } from '../../src/importance/store.js'
import { readSafetensors, writeSafetensors } from '../../src/safetensors/safetensors.js'

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

describe('an importance store', () => {
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
