import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { type Attributes, float, int, ints } from '../../src/graph/graph.js'
import { inspect } from '../../src/network/inspect.js'
import { kindsOf } from '../../src/network/kinds.js'
import { openNetwork } from '../../src/network/network.js'
import { readModel } from '../../src/onnx/model.js'
import { data, int64s, omitted, param } from '../cases/op-case.js'
import { call, checkClassifier, forwardDifference, type LowerCase } from './row.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

const [T, I, H] = [4, 3, 2]
const text = (value: string) => ({ kind: 'string', value }) as const
const strings = (...value: string[]) => ({ kind: 'strings', value }) as const
const floats = (...value: number[]) => ({ kind: 'floats', value }) as const

/** A column of ones, one an example: initial states are the same for all. */
const ones = [
  call('Reshape', ['i4', 'i8'], ['lens_column']),
  call('Equal', ['lens_column', 'lens_column'], ['true']),
  call('Cast', ['true'], ['ones'], { to: int(1) }),
]

interface Options {
  readonly name: string
  readonly op: 'LSTM' | 'GRU' | 'RNN'
  readonly attributes?: Attributes
  /** Which optional inputs there are: b bias, l lengths, h and c initial states, p peepholes. */
  readonly with?: string
  readonly opset?: number
  /** Which output the classifier reads: Y [T, D, N, H] or Y_h [D, N, H]. */
  readonly read?: 'Y' | 'Y_h' | 'Y_c'
}

/** x [N, T, I] turned to [T, N, I], the layer, and its outputs as they are. */
function row({ name, op, attributes = {}, with: extra = 'b', opset, read = 'Y' }: Options): LowerCase {
  const G = { LSTM: 4, GRU: 3, RNN: 1 }[op]
  const D = attributes.direction?.value === 'bidirectional' ? 2 : 1
  const has = (letter: string): boolean => extra.includes(letter)
  const inputs = [
    data(['N', T, I]),
    param([D, G * H, I]),
    param([D, G * H, H]),
    has('b') ? param([D, 2 * G * H]) : omitted,
    data(['N']),
    has('h') ? param([D, 1, H]) : omitted,
    has('c') ? param([D, 1, H]) : omitted,
    has('p') ? param([D, 3 * H]) : omitted,
    int64s([-1, 1]),
  ]
  const outputs = ['y', 'y_h', ...(op === 'LSTM' ? ['y_c'] : [])]
  const layer = [
    'x',
    'i1',
    'i2',
    has('b') ? 'i3' : '',
    has('l') ? 'i4' : '',
    has('h') ? 'h0' : '',
    has('c') ? 'c0' : '',
    has('p') ? 'i7' : '',
  ]
  const expanded = (from: string, to: string) => call('Mul', [from, 'ones'], [to])
  return {
    name: `${op} ${name}`,
    opset: opset ?? 17,
    inputs,
    integers: { 4: { dims: [], dtype: 'int32', at: (n) => [4, 2, 3, 1][n]! } },
    nodes: [
      call('Transpose', ['i0'], ['x'], { perm: ints([1, 0, 2]) }),
      ...(has('h') || has('c') ? ones : []),
      ...(has('h') ? [expanded('i5', 'h0')] : []),
      ...(has('c') ? [expanded('i6', 'c0')] : []),
      call(op, op === 'LSTM' ? layer : layer.slice(0, 6), outputs, { hidden_size: int(H), ...attributes }),
      call('Identity', [{ Y: 'y', Y_h: 'y_h', Y_c: 'y_c' }[read]], ['o0']),
    ],
    outputs: ['o0', ...outputs],
    batchAxis: read === 'Y' ? 2 : 1,
  }
}

const direction = (value: string): Attributes => ({ direction: text(value) })

const rows: readonly Options[] = [
  { name: 'forward', op: 'LSTM' },
  { name: 'without bias, last state', op: 'LSTM', with: '', read: 'Y_h' },
  { name: 'reverse', op: 'LSTM', attributes: direction('reverse'), read: 'Y_h' },
  { name: 'in both directions, with states', op: 'LSTM', attributes: direction('bidirectional'), with: 'bhc' },
  { name: 'with peepholes', op: 'LSTM', with: 'bhcp' },
  { name: 'with peepholes and no state', op: 'LSTM', with: 'bp', read: 'Y_c' },
  { name: 'with coupled gates', op: 'LSTM', attributes: { input_forget: int(1) }, with: 'bhc' },
  { name: 'of sequences of several lengths', op: 'LSTM', with: 'bl' },
  { name: 'of lengths, last state', op: 'LSTM', with: 'blhc', read: 'Y_h' },
  { name: 'of lengths, both directions', op: 'LSTM', attributes: direction('bidirectional'), with: 'bl', read: 'Y_c' },
  { name: 'in opset 9', op: 'LSTM', opset: 9, attributes: direction('bidirectional') },
  { name: 'in opset 11', op: 'LSTM', opset: 11, attributes: direction('bidirectional'), with: 'bl' },
  {
    name: 'with other activations',
    op: 'LSTM',
    attributes: {
      activations: strings('HardSigmoid', 'ScaledTanh', 'Softsign'),
      activation_alpha: floats(0.3, 1.2),
      activation_beta: floats(0.4, 0.8),
    },
  },
  { name: 'forward', op: 'GRU' },
  { name: 'with states', op: 'GRU', with: 'bh', read: 'Y_h' },
  { name: 'with linear_before_reset', op: 'GRU', attributes: { linear_before_reset: int(1) } },
  { name: 'with linear_before_reset, no bias', op: 'GRU', attributes: { linear_before_reset: int(1) }, with: 'h' },
  {
    name: 'in both directions with lengths',
    op: 'GRU',
    attributes: { ...direction('bidirectional'), linear_before_reset: int(1) },
    with: 'bhl',
  },
  { name: 'without bias, reverse', op: 'GRU', attributes: direction('reverse'), with: '' },
  {
    name: 'with other activations',
    op: 'GRU',
    attributes: { activations: strings('Sigmoid', 'Elu'), activation_alpha: floats(0.7) },
  },
  { name: 'forward', op: 'RNN' },
  { name: 'in both directions', op: 'RNN', attributes: direction('bidirectional'), with: 'bh', read: 'Y_h' },
  ...['Relu', 'LeakyRelu', 'ThresholdedRelu', 'Affine', 'Softplus'].map(
    (name): Options => ({
      name: `with ${name}`,
      op: 'RNN',
      attributes: {
        activations: strings(name),
        activation_alpha: floats(name === 'ThresholdedRelu' ? 0.05 : 0.6),
        activation_beta: floats(0.1),
      },
    }),
  ),
]

describe('a network with a recurrent layer', () => {
  const model = (file: string) => readModel(readFileSync(join(import.meta.dirname, '../fixtures/models', file))).graph

  it('is ready, its layer differentiable and its examples kept apart in a batch', async () => {
    const seen = await inspect(model('text-lstm.dynamo-optimized.onnx'), engineOf(pool))
    expect(seen.problems).toEqual([])
    expect(seen.ready).toBe(true)
    expect(seen.ops.filter((o) => o.op === 'LSTM')).toEqual([{ op: 'LSTM', state: 'differentiable', count: 2 }])
    expect(seen.exact).toBe('batch')
  })

  it('knows its biases', async () => {
    const network = await openNetwork(model('series-gru.dynamo-optimized.onnx'), engineOf(pool))
    const kinds = [...kindsOf(network)].map(([name, kind]) => `${network.graph.initializers.get(name)!.dims} ${kind}`)
    expect(kinds.sort()).toEqual(['1,21,3 weight', '1,21,7 weight', '1,42 bias', '5 bias', '5,7 weight'])
  })

  it('is refused by name where its cells are clipped', async () => {
    const graph = model('series-gru.dynamo-optimized.onnx')
    const nodes = graph.nodes.map((n) =>
      n.op === 'GRU' ? { ...n, attributes: { ...n.attributes, clip: float(3) } } : n,
    )
    await expect(openNetwork({ ...graph, nodes }, engineOf(pool))).rejects.toMatchObject({
      code: 'rule-missing',
      message: expect.stringMatching(
        /^Node ".+" \(GRU, opset 20\) has clipped cells, for which there is no gradient; /,
      ),
    })
  })
})

describe('a recurrent layer written out', () => {
  it.each(rows.map((options) => [row(options).name, row(options)] as const))(
    '%s answers as the runtime does, with right gradients',
    async (_, r) => {
      expect(await forwardDifference(r, pool)).toBeLessThan(1e-5)
      const { check } = await checkClassifier({ ...r, outputs: ['o0'] }, pool)
      expect(check.parameters.filter((p) => !p.isRight)).toEqual([])
      expect(check.isOneByOne).toBe(false)
      expect(check.parameters.length).toBe([...r.inputs.filter((i) => i.kind === 'param')].length + 1)
    },
  )
})
