import { afterAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/engine/node/pool.js'
import { int } from '../../src/graph/graph.js'
import { data, int64s, omitted, param } from '../cases/op-case.js'
import { call, checkClassifier, forwardDifference, type LowerCase } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

const step = int64s([3], [])
const signal = call('Mul', ['i0', 'i1'], ['signal'])

const rows: readonly LowerCase[] = [
  {
    name: 'with a window that is trained',
    inputs: [data(['N', 14, 1]), param([14, 1]), step, param([6])],
    nodes: [signal, call('STFT', ['signal', 'i2', 'i3'], ['o0'])],
  },
  {
    name: 'without a window, both sides',
    inputs: [data(['N', 14, 1]), param([14, 1]), step, int64s([5], [])],
    nodes: [signal, call('STFT', ['signal', 'i2', '', 'i3'], ['o0'], { onesided: int(0) })],
  },
  {
    name: 'of complex numbers',
    inputs: [data(['N', 12, 2]), param([12, 2]), step, omitted, int64s([4], [])],
    nodes: [signal, call('STFT', ['signal', 'i2', '', 'i4'], ['o0'], { onesided: int(0) })],
  },
]

describe('STFT', () => {
  it.each(rows.map((r) => [r.name, r] as const))(
    '%s: answers as the runtime does, with right gradients',
    async (_, r) => {
      expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
      const { check } = await checkClassifier(r, pool)
      expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
      expect(check.isOneByOne).toBe(false)
    },
  )
})
