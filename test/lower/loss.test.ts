import { afterAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/engine/node/pool.js'
import { type Attributes, int, text } from '../../src/graph/graph.js'
import { data, param } from '../cases/op-case.js'
import { call, checkClassifier, forwardDifference, type LowerCase } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

interface Options {
  readonly op: 'NegativeLogLikelihoodLoss' | 'SoftmaxCrossEntropyLoss'
  readonly opset?: number
  readonly dtype?: 'int32' | 'int64'
  readonly places?: readonly number[]
  readonly isWeighed?: true
  readonly reduction?: 'none' | 'sum' | 'mean'
  readonly ignored?: number
}

/** Scores of 5 classes are linear in x [N, 5, ·] with parameters; targets are 0 to 4, or the ignored number. */
function row({ op, opset = 17, dtype = 'int64', places = [], isWeighed, reduction, ignored }: Options): LowerCase {
  const attributes: Attributes = {
    ...(reduction && { reduction: text(reduction) }),
    ...(ignored !== undefined && { ignore_index: int(ignored) }),
  }
  const at = (n: number, i: number): number => ((n + i) % 3 === 1 ? (ignored ?? 2) : (2 * n + i) % 5)
  const weight = isWeighed ? ['i3'] : []
  return {
    name: op,
    opset,
    inputs: [data(['N', 5, ...places]), param([5, ...places]), data(['N', ...places]), param([5])],
    integers: { 2: { dims: places, dtype, at } },
    nodes: [call('Mul', ['i0', 'i1'], ['scores']), call(op, ['scores', 'i2', ...weight], ['o0'], attributes)],
  }
}

const ops = ['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'] as const

describe.each(ops)('%s', (op) => {
  const cases: readonly Omit<Options, 'op'>[] = [
    { places: [3] },
    { places: [3], isWeighed: true },
    { places: [2, 3], ignored: 1, dtype: 'int32' },
    { places: [3], isWeighed: true, ignored: -100, opset: 13 },
    { places: [4], isWeighed: true, ignored: 4, opset: 12 },
  ]
  it.each(cases)('of %o answers as the runtime does, with right gradients for every example', async (options) => {
    const r = row({ op, ...options, reduction: 'none' })
    expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
    expect((await checkClassifier(r, pool)).check.isRight).toBe(true)
  })
  it.each(
    cases.flatMap((options) => [
      { ...options, reduction: 'sum' as const },
      { ...options, reduction: undefined },
    ]),
  )('of %o sums or averages as the runtime does', async (options) => {
    expect(await forwardDifference(row({ op, ...options }), pool)).toBeLessThan(1e-5)
  })
  it('hands on the logarithms', async () => {
    if (op !== 'SoftmaxCrossEntropyLoss') return
    const r = row({ op, places: [2] })
    const nodes = [r.nodes[0]!, call(op, ['scores', 'i2'], ['o0', 'o1'])]
    expect(await forwardDifference({ ...r, nodes, outputs: ['o0', 'o1'] }, pool)).toBeLessThan(1e-5)
  })
})
