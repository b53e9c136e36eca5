import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, type Graph, int, ints, type Node } from '../../src/graph/graph.js'
import { openNetwork } from '../../src/network/network.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { numbers } from '../small-graphs.js'

const [V, T] = [6, 4]
const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

/** Scores of each token: its row of a table, mixed with what is seen of the others. */
function languageModel(seen: 'no other' | 'all' | 'earlier'): Graph {
  const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): Node => {
    return { op, domain: '', name: output, inputs, outputs: [output], attributes }
  }
  const rows: Readonly<Record<typeof seen, readonly Node[]>> = {
    'no other': [node('Tanh', ['x'], 'z')],
    all: [node('ReduceMean', ['x'], 'mean', { axes: ints([1]), keepdims: int(1) }), node('Add', ['x', 'mean'], 'z')],
    earlier: [node('CumSum', ['x', 'axis'], 'z')],
  }
  return {
    name: seen,
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'ids', dtype: 'int64', dims: ['N', T] }],
    outputs: [{ name: 'z', dtype: 'float32', dims: ['N', T, V] }],
    nodes: [node('Gather', ['table', 'ids'], 'x'), ...rows[seen]],
    initializers: new Map<string, Tensor>([
      ['table', tensor('float32', [V, V], numbers(V * V, 5))],
      ['axis', tensor('int64', [], BigInt64Array.of(1n))],
    ]),
  }
}

const sample = {
  ids: tensor(
    'int64',
    [3, T],
    BigInt64Array.from({ length: 3 * T }, (_, i) => BigInt((i * 5) % V)),
  ),
}

describe('scores over the vocabulary', () => {
  it.each(['no other', 'earlier'] as const)('that see %s token are of next tokens', async (seen) => {
    const network = await openNetwork(languageModel(seen), engineOf(pool), { sample })
    expect([network.loss.loss, network.tokens, network.classes]).toEqual(['next-token', T, V])
  })

  it('that see later tokens are not taken for next tokens, unless that is asked for', async () => {
    const open = (loss?: 'next-token') => openNetwork(languageModel('all'), engineOf(pool), { sample, loss })
    await expect(open()).rejects.toMatchObject({ code: 'loss-unsupported', message: expect.stringMatching(/masked/) })
    expect((await open('next-token')).loss.loss).toBe('next-token')
  })
})
