import { afterAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/engine/node/pool.js'
import { type Attributes, int, ints } from '../../src/graph/graph.js'
import { data, param } from '../cases/op-case.js'
import { call, checkClassifier, forwardDifference, type LowerCase } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

interface Options {
  readonly name: string
  readonly opset?: number
  readonly attributes?: Attributes
  /** Groups of channels, groups of offsets, and the size of the result; 4 channels of 5 × 6, kernels of 2 × 3. */
  readonly groups?: number
  readonly offsetGroups?: number
  readonly size: readonly [number, number]
  readonly hasBias?: true
  readonly hasMask?: true
}

/** Offsets and masks are scaled by parameters; offsets stay within ±0.8, wherever the places lie. */
function row(options: Options): LowerCase {
  const { name, opset = 19, attributes = {}, groups = 1, offsetGroups = 1, size, hasBias, hasMask } = options
  const offsets = [offsetGroups * 12, ...size]
  const masks = [offsetGroups * 6, ...size]
  const rest = [...(hasBias ? ['i4'] : hasMask ? [''] : []), ...(hasMask ? ['mask'] : [])]
  return {
    name,
    opset,
    inputs: [
      data(['N', 4, 5, 6]),
      param([6, 4 / groups, 2, 3]),
      data(['N', ...offsets]),
      param(offsets),
      param([6]),
      data(['N', ...masks]),
      param(masks),
    ],
    nodes: [
      call('Mul', ['i2', 'i3'], ['offset']),
      call('Mul', ['i5', 'i6'], ['mask']),
      call('DeformConv', ['i0', 'i1', 'offset', ...rest], ['o0'], {
        ...attributes,
        group: int(groups),
        offset_group: int(offsetGroups),
      }),
    ],
  }
}

const rows: readonly Options[] = [
  { name: 'plain', size: [4, 4] },
  { name: 'with bias and mask', size: [4, 4], hasBias: true, hasMask: true, opset: 22 },
  {
    name: 'with pads, strides and dilations',
    attributes: { pads: ints([1, 0, 2, 1]), strides: ints([2, 1]), dilations: ints([2, 2]) },
    size: [3, 3],
    hasMask: true,
  },
  { name: 'with groups of channels', groups: 2, size: [4, 4], hasBias: true },
  { name: 'with groups of offsets', offsetGroups: 2, groups: 2, size: [4, 4], hasMask: true },
]

describe('DeformConv', () => {
  it.each(rows.map((options) => [options.name, row(options)] as const))(
    '%s: answers as the runtime does, with right gradients',
    async (_, r) => {
      expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
      const { check } = await checkClassifier(r, pool)
      expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
      expect(check.isOneByOne).toBe(false)
    },
  )
})
