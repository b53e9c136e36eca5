import { describe, expect, it } from 'vitest'
import type { TensorExample } from '../../src/data/dataset.js'
import { hasTokenLabels, tokenLabels } from '../../src/data/token-labels.js'
import { tensor } from '../../src/tensor/tensor.js'

const record = (lists: Readonly<Record<string, readonly number[]>>): TensorExample => ({
  kind: 'tensors',
  tensors: Object.fromEntries(
    Object.entries(lists).map(([name, list]) => [
      name,
      tensor('int64', [list.length], BigInt64Array.from(list, BigInt)),
    ]),
  ),
})

describe('labels of tokens', () => {
  it.each([
    ['the next id, none at the end', { input_ids: [7, 8, 9] }, [8, 9, -100]],
    ['none at padding on the right', { input_ids: [7, 8, 0, 0], attention_mask: [1, 1, 0, 0] }, [8, -100, -100, -100]],
    [
      'none at padding on the left, nor of it',
      { input_ids: [0, 0, 7, 8], attention_mask: [0, 0, 1, 1] },
      [-100, -100, 8, -100],
    ],
    [
      'labels in the place of ids, shifted as they are',
      { input_ids: [7, 8, 9, 5], labels: [-100, -100, 9, 5] },
      [-100, 9, 5, -100],
    ],
    ['ids under any name, of a model with one input', { x: [4, 5] }, [5, -100]],
  ])('to predict are %s', (_, lists, expected) => {
    expect([...tokenLabels(record(lists), 'next', 'r')]).toEqual(expected)
  })

  it('of their own stand where they are', () => {
    const example = record({ input_ids: [7, 8, 9], labels: [-100, 2, 0] })
    expect([hasTokenLabels(example), hasTokenLabels(record({ input_ids: [1] }))]).toEqual([true, false])
    expect([...tokenLabels(example, 'own', 'r')]).toEqual([-100, 2, 0])
  })

  it('that are not there are asked for, naming the record', () => {
    const fault = expect.objectContaining({ code: 'data-format', data: { id: 'r5' } })
    expect(() => tokenLabels(record({ input_ids: [1] }), 'own', 'r5')).toThrow(fault)
    expect(() => tokenLabels(record({ scores: [1] }), 'next', 'r5')).toThrow(fault)
  })
})
