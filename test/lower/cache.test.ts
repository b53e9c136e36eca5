import { afterAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/engine/node/pool.js'
import { type Attributes, int, text } from '../../src/graph/graph.js'
import { data, param } from '../cases/op-case.js'
import { call, checkClassifier, forwardDifference, type LowerCase } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

/** A cache of 5 places, and 2 new ones linear in parameters, written from the place n mod `starts` on. */
const row = (starts: number, attributes: Attributes, isNamed = true): LowerCase => ({
  name: 'TensorScatter',
  opset: 24,
  inputs: [data(['N', 3, 5, 4]), data(['N', 3, 2, 4]), param([3, 2, 4]), data(['N']), param([3, 5, 4])],
  integers: { 3: { dims: [], dtype: 'int64', at: (n) => n % starts } },
  nodes: [
    call('Mul', ['i0', 'i4'], ['past']),
    call('Mul', ['i1', 'i2'], ['update']),
    call('TensorScatter', ['past', 'update', ...(isNamed ? ['i3'] : [])], ['o0'], attributes),
  ],
})

describe('TensorScatter', () => {
  it.each([
    ['at the places of each example', row(4, {})],
    ['beyond the end', row(5, { mode: text('circular'), axis: int(2) })],
    ['from the begin', row(1, {}, false)],
  ] as const)('%s: answers as the runtime does, with right gradients', async (_, r) => {
    expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
    const { check } = await checkClassifier(r, pool)
    expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
    expect(check.isOneByOne).toBe(false)
  })
})
