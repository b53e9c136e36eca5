import { afterAll, describe, expect, it } from 'vitest'
import { backward, type ValueFacts } from '../../src/autodiff/backward.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { Emitter } from '../../src/graph/emitter.js'
import { type Attributes, float, type Graph, ints } from '../../src/graph/graph.js'
import { writeGraph } from '../../src/onnx/model.js'
import { type Tensor, tensor, toNumbers } from '../../src/tensor/tensor.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

interface Convention {
  readonly law: string
  readonly op: string
  readonly opset?: number
  readonly attributes?: Attributes
  readonly inputs: readonly (number[] | number[][])[]
  /** Shape of the output, where it is not that of the first input. */
  readonly outDims?: readonly number[]
  /** Gradient of the sum of the output by input; undefined: none flows, the gradient is zero. */
  readonly expected: readonly (number[] | undefined)[]
}

/** What the gradient is where the derivative is not defined. All numbers from torch.autograd (PyTorch 2.13), float32. */
const conventions: readonly Convention[] = [
  {
    law: 'inputs that tie for the maximum share evenly',
    op: 'Max', // torch.maximum
    inputs: [
      [1, 2, 3],
      [2, 2, 2],
    ],
    expected: [
      [0, 0.5, 1],
      [1, 0.5, 0],
    ],
  },
  {
    law: 'inputs that tie for the minimum share evenly',
    op: 'Min', // torch.minimum
    inputs: [
      [1, 2, 3],
      [2, 2, 2],
    ],
    expected: [
      [1, 0.5, 0],
      [0, 0.5, 1],
    ],
  },
  {
    // PyTorch has no maximum of three tensors; this is torch.stack(…).amax(0).
    law: 'three inputs that tie share in thirds',
    op: 'Max',
    inputs: [
      [2, 2],
      [2, 1],
      [2, 2],
    ],
    expected: [
      [1 / 3, 0.5],
      [1 / 3, 0],
      [1 / 3, 0.5],
    ],
  },
  {
    law: 'elements that tie for the maximum share evenly',
    op: 'ReduceMax', // torch.amax
    attributes: { axes: ints([1]) },
    inputs: [[[1, 3, 3, 0]]],
    outDims: [1, 1],
    expected: [[0, 0.5, 0.5, 0]],
  },
  {
    law: 'elements that tie for the minimum share evenly',
    op: 'ReduceMin', // torch.amin
    attributes: { axes: ints([1]) },
    inputs: [[[1, 0, 3, 0]]],
    outDims: [1, 1],
    expected: [[0, 0.5, 0, 0.5]],
  },
  {
    law: 'factors with zeros among them have exact gradients',
    op: 'ReduceProd', // torch.prod
    opset: 9,
    attributes: { axes: ints([1]) },
    inputs: [
      [
        [2, 3, 4],
        [2, 0, 4],
        [0, 0, 4],
      ],
    ],
    outDims: [3, 1],
    expected: [[12, 8, 6, 0, 8, 0, 0, 0, 0]],
  },
  {
    law: 'a zero among all factors has the product of the others',
    op: 'ReduceProd',
    opset: 18,
    inputs: [[[2, 0, 4]]],
    outDims: [1, 1],
    expected: [[0, 8, 0]],
  },
  {
    law: 'the norm of zeros has the gradient 0',
    op: 'ReduceL2', // torch.norm
    attributes: { axes: ints([1]) },
    inputs: [
      [
        [0, 0],
        [3, 4],
      ],
    ],
    outDims: [2, 1],
    expected: [[0, 0, 0.6, 0.8]],
  },
  {
    law: 'the sum of magnitudes has the gradient 0 at 0',
    op: 'ReduceL1', // torch.norm(p=1)
    attributes: { axes: ints([1]) },
    inputs: [[[0, -2, 3]]],
    outDims: [1, 1],
    expected: [[0, -1, 1]],
  },
  { law: 'the gradient of |x| at 0 is 0', op: 'Abs', inputs: [[-1, 0, 1]], expected: [[-1, 0, 1]] },
  {
    law: 'the gradient at 0 is 0, and 1 however little above',
    op: 'Relu',
    inputs: [[-1e9, -1, 0, 1e-29, 1, 1e9]],
    expected: [[0, 0, 0, 1, 1, 1]],
  },
  {
    law: 'the gradient at 0 is the slope on the left',
    op: 'LeakyRelu',
    attributes: { alpha: float(0.1) },
    inputs: [[-1, 0, 1]],
    expected: [[0.1, 0.1, 1]],
  },
  {
    law: 'the gradient at 0 is the trained slope',
    op: 'PRelu',
    inputs: [
      [-1, 0, 1],
      [0.25, 0.25, 0.25],
    ],
    expected: [
      [0.25, 0.25, 1],
      [-1, 0, 0],
    ],
  },
  {
    law: 'the gradient at the threshold is 0',
    op: 'ThresholdedRelu', // torch.nn.functional.threshold
    inputs: [[0, 1, 2]],
    expected: [[0, 0, 1]],
  },
  {
    law: 'the gradient at 0 is alpha',
    op: 'Elu',
    attributes: { alpha: float(2) },
    inputs: [[-1, 0, 1]],
    expected: [[0.735758900642395, 2, 1]],
  },
  {
    law: 'the gradient at 0 is gamma·alpha',
    op: 'Selu',
    inputs: [[-1, 0, 1]],
    expected: [[0.6467686295509338, 1.7580993175506592, 1.0507010221481323]],
  },
  {
    law: 'the gradient at 0 is 1',
    op: 'Celu',
    attributes: { alpha: float(2) },
    inputs: [[-1, 0, 1]],
    expected: [[0.6065306663513184, 1, 1]],
  },
  {
    law: 'the gradient on the bounds is 0',
    op: 'HardSigmoid',
    attributes: { alpha: float(1 / 6), beta: float(0.5) },
    inputs: [[-3, 0, 3]],
    expected: [[0, 0.1666666716337204, 0]],
  },
  {
    law: 'the gradient at −3 is 0 and at 3 is 1',
    op: 'HardSwish',
    inputs: [[-4, -3, 0, 3, 4]],
    expected: [[0, 0, 0.5, 1, 1]],
  },
  {
    law: 'the gradient on the bounds is 1',
    op: 'Clip', // torch.clamp
    opset: 9,
    attributes: { min: float(-1), max: float(1) },
    inputs: [[-2, -1, 0, 1, 2]],
    expected: [[0, 1, 1, 1, 0]],
  },
  {
    law: 'the gradient on the bounds 0 and 6 is 0',
    op: 'Clip', // torch.nn.functional.relu6
    opset: 9,
    attributes: { min: float(0), max: float(6) },
    inputs: [[-1, 0, 3, 6, 7]],
    expected: [[0, 0, 1, 0, 0]],
  },
  ...[
    { low: -1, high: 1, dx: [0, 1, 1, 1, 0], dlow: [1], dhigh: [1] },
    // Bounds that cross: everything is the upper one.
    { low: 1, high: -1, dx: [0, 0, 0, 0, 0], dlow: [0], dhigh: [5] },
  ].map(
    ({ low, high, dx, dlow, dhigh }): Convention => ({
      law: `the gradient on the bounds ${low} and ${high} goes to the input`,
      op: 'Clip', // torch.clamp with tensors
      inputs: [[-2, -1, 0, 1, 2], [low], [high]],
      expected: [dx, dlow, dhigh],
    }),
  ),
  {
    law: '0 to the power p has the gradients of torch.pow',
    op: 'Pow',
    inputs: [
      [0, 0, 0, 2, 0, 0],
      [0, 1, 2, 0, 0.5, -1],
    ],
    expected: [
      [0, 1, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [0, 0, 0, 0.6931471824645996, 0, Number.NEGATIVE_INFINITY],
    ],
  },
  {
    law: 'a negative base has a gradient, its exponent has none',
    op: 'Pow',
    opset: 9,
    inputs: [
      [-2, -2],
      [2, 3],
    ],
    expected: [
      [-4, 12],
      [Number.NaN, Number.NaN],
    ],
  },
  { law: 'steps are flat', op: 'Floor', inputs: [[0.3, -1.7]], expected: [undefined] },
]

/** A scalar bound is fed as a value without axes. */
function tensorOf(op: string, i: number, values: number[] | number[][]): Tensor {
  const rows = values.filter((v) => typeof v !== 'number')
  const dims = rows.length > 0 ? [rows.length, rows[0]!.length] : op === 'Clip' && i > 0 ? [] : [values.length]
  return tensor('float32', dims, Float32Array.from(values.flat()))
}

async function gradientsOf(row: Convention): Promise<(number[] | undefined)[]> {
  const feeds = row.inputs.map((v, i) => tensorOf(row.op, i, v))
  const names = feeds.map((_, i) => `i${i}`)
  const outDims = row.outDims ?? feeds[0]!.dims
  const opset = row.opset ?? 17
  const graph: Graph = {
    name: row.op,
    opsets: new Map([['', opset]]),
    inputs: feeds.map((t, i) => ({ name: `i${i}`, dtype: t.dtype, dims: t.dims })),
    outputs: [],
    initializers: new Map(),
    nodes: [{ op: row.op, domain: '', name: 'node', inputs: names, outputs: ['y'], attributes: row.attributes ?? {} }],
  }
  const facts = (name: string, dims: readonly number[]): [string, ValueFacts] => [
    name,
    { name, dims, dtype: 'float32', kind: 'data', batchAxis: 0 },
  ]
  const emitter = new Emitter(opset)
  const ones = emitter.expand(emitter.scalar(1), outDims)
  const found = backward({
    graph,
    batch: 1,
    values: new Map([...feeds.map((t, i) => facts(`i${i}`, t.dims)), facts('y', outDims)]),
    emitter,
    seeds: new Map([['y', ones]]),
    wanted: new Set(names),
    form: 'sum',
  })
  if (found.size === 0) return names.map(() => undefined)
  const full = emitter.finish(
    graph,
    [...found.values()].map((v) => ({ name: v.name, dtype: v.dtype, dims: v.dims })),
  )
  const session = await engine.createSession(writeGraph(full))
  try {
    const out = await session.run(Object.fromEntries(feeds.map((t, i) => [`i${i}`, t])))
    return names.map((name) => {
      const v = found.get(name)
      return v && toNumbers(out[v.name]!)
    })
  } finally {
    await session.release()
  }
}

describe('where a derivative is not defined, the gradient is that of PyTorch', () => {
  it.each(conventions.map((row) => [`${row.op} (opset ${row.opset ?? 17})`, row.law, row] as const))(
    '%s: %s',
    async (_, __, row) => {
      const found = await gradientsOf(row)
      row.expected.forEach((expected, i) => {
        if (!expected) expect(found[i]).toBeUndefined()
        // Float32, a few roundings.
        else expected.forEach((v, j) => void expectClose(found[i]?.[j], v))
      })
    },
  )
})

function expectClose(found: number | undefined, expected: number): void {
  if (Number.isFinite(expected)) expect(found).toBeCloseTo(expected, 6)
  else expect(found).toBe(expected)
}

describe('what has no gradient is refused by name', () => {
  const row = (op: string, inputs: Convention['inputs'], attributes: Attributes = {}): Convention => ({
    law: '',
    op,
    attributes,
    inputs,
    expected: [],
  })
  it.each([
    ['Hardmax', row('Hardmax', [[5]]), /Hardmax \(opset 17\), which has no rule/],
    [
      'Det of many rows',
      row('Det', [Array.from({ length: 17 }, (_, i) => Array.from({ length: 17 }, (_, j) => Number(i === j)))]),
      /matrices of 17 rows \(more than 16\)/,
    ],
    [
      'an unknown Gelu',
      { ...row('Gelu', [[1]], { approximate: { kind: 'string', value: 'sigmoid' } }), opset: 20 },
      /approximate "sigmoid"/,
    ],
  ] as const)('%s', async (_, bad, message) => {
    await expect(gradientsOf(bad)).rejects.toMatchObject({
      code: 'rule-missing',
      message: expect.stringMatching(message),
    })
  })

  it('Dropout in training mode', () => {
    const graph: Graph = {
      name: 'dropout',
      opsets: new Map([['', 17]]),
      inputs: [{ name: 'x', dtype: 'float32', dims: [2] }],
      outputs: [],
      initializers: new Map([['on', tensor('bool', [], Uint8Array.of(1))]]),
      nodes: [{ op: 'Dropout', domain: '', name: 'drop', inputs: ['x', '', 'on'], outputs: ['y'], attributes: {} }],
    }
    const value = (name: string, kind: ValueFacts['kind']): [string, ValueFacts] => [
      name,
      { name, dtype: 'float32', dims: [2], kind, batchAxis: 0 },
    ]
    const emitter = new Emitter(17)
    expect(() =>
      backward({
        graph,
        batch: 2,
        values: new Map([value('x', 'data'), value('y', 'data'), value('on', 'constant')]),
        emitter,
        seeds: new Map([['y', emitter.expand(emitter.scalar(1), [2])]]),
        wanted: new Set(['x']),
        form: 'sum',
      }),
    ).toThrow(
      'Node "drop" (Dropout, opset 17): the gradient with training_mode has no rule; export the model without it.',
    )
  })
})
