import { type Attributes, type Graph, int, ints, type Node, tensorAttribute, text } from '../../src/graph/graph.js'
import { tensor } from '../../src/tensor/tensor.js'
import type { Dim, Ingredient, Value } from './graph-builder.js'
import { isBatchFirst, shapeOf } from './graph-fitting.js'

const body = (nodes: Node[], parts: Pick<Graph, 'inputs' | 'outputs'>): Graph => ({
  name: 'body',
  opsets: new Map(),
  initializers: new Map(),
  nodes,
  ...parts,
})
const inner = (op: string, inputs: string[], output: string, attributes: Attributes = {}): Node => ({
  op,
  domain: '',
  name: `in_${output}`,
  inputs,
  outputs: [output],
  attributes,
})
const untyped = (name: string, dtype?: 'float32' | 'int64' | 'bool', dims?: number[]) => ({
  name,
  dtype,
  dims: dims ?? [],
  ...(dims ? {} : { isUnranked: true as const }),
})

/** Operators of several parts: bodies, functions, layers. */
export const layers: readonly Ingredient[] = [
  {
    name: 'a parameter that is computed first',
    apply(b, x) {
      const last = x.dims.at(-1)
      if (typeof last !== 'number') return undefined
      const p = b.param([last, 2])
      const turned = b.op('Tanh', [b.transpose(p, [1, 0])], [2, last])
      const mean = b.withAxes('ReduceMean', turned, [0], {
        since: 18,
        dims: [1, last],
        attributes: { keepdims: int(1) },
      })
      return b.op('Mul', [x, mean], x.dims)
    },
  },
  {
    name: 'If',
    since: 11,
    apply(b, x) {
      const condition = b.constant(tensor('bool', [], Uint8Array.of(b.below(2))))
      const [p, q, yes, no] = [b.param([1]), b.param([1]), b.fresh('yes'), b.fresh('no')]
      const attributes: Attributes = {
        then_branch: {
          kind: 'graph',
          value: body([inner('Mul', [x.name, p.name], yes)], { inputs: [], outputs: [untyped(yes, 'float32')] }),
        },
        else_branch: {
          kind: 'graph',
          value: body([inner('Add', [x.name, q.name], no)], { inputs: [], outputs: [untyped(no, 'float32')] }),
        },
      }
      return b.op('If', [condition], x.dims, attributes)
    },
  },
  {
    name: 'Loop',
    since: 11,
    apply(b, x) {
      const p = b.param([1])
      const [i, go, state, on, out] = ['i', 'go', 'state', 'on', 'out'].map((n) => b.fresh(n)) as [
        string,
        string,
        string,
        string,
        string,
      ]
      const made = b.fresh('made')
      const value = body(
        [inner('Identity', [go], on), inner('Mul', [state, p.name], made), inner('Tanh', [made], out)],
        {
          inputs: [untyped(i, 'int64', []), untyped(go, 'bool', []), untyped(state, 'float32')],
          outputs: [untyped(on, 'bool', []), untyped(out, 'float32')],
        },
      )
      const rounds = b.ints([1 + b.below(3)], [])
      return b.op('Loop', [rounds, b.constant(tensor('bool', [], Uint8Array.of(1))), x], x.dims, {
        body: { kind: 'graph', value },
      })
    },
  },
  {
    name: 'Scan',
    since: 11,
    apply(b, x) {
      if (!isBatchFirst(x, 3)) return undefined
      const [S, C] = shapeOf(x) as [number, number]
      const [p, row, made, out] = [b.param([C]), b.fresh('row'), b.fresh('made'), b.fresh('out')]
      const value = body([inner('Mul', [row, p.name], made), inner('Tanh', [made], out)], {
        inputs: [untyped(row, 'float32')],
        outputs: [untyped(out, 'float32')],
      })
      return b.op('Scan', [x], [x.dims[0]!, S, C], {
        body: { kind: 'graph', value },
        num_scan_inputs: int(1),
        scan_input_axes: ints([1]),
        scan_output_axes: ints([1]),
        scan_input_directions: ints([b.below(2)]),
      })
    },
  },
  {
    name: 'local function',
    apply: (b, x) =>
      b.call('scaled', [x, b.param([1])], x.dims, () => ({
        inputs: ['in', 'by'],
        outputs: ['result'],
        nodes: [inner('Mul', ['in', 'by'], 'product'), inner('Tanh', ['product'], 'result')],
      })),
  },
  {
    name: 'Attention',
    since: 23,
    apply(b, x) {
      if (!isBatchFirst(x, 3)) return undefined
      const [N, S, C] = x.dims as [Dim, number, number]
      const parts = [0, 1, 2].map(() => b.op('MatMul', [x, b.param([C, 4])], [N, S, 4]))
      const heads = { q_num_heads: int(2), kv_num_heads: int(2), is_causal: int(b.below(2)) }
      return b.op('Attention', parts, [N, S, 4], heads)
    },
  },
  {
    name: 'recurrent layer',
    apply(b, x) {
      if (!isBatchFirst(x, 3)) return undefined
      const [T, I] = shapeOf(x) as [number, number]
      const [op, gates] = b.oneOf([
        ['LSTM', 4],
        ['GRU', 3],
        ['RNN', 1],
      ] as const)
      const direction = b.oneOf(['forward', 'reverse', 'bidirectional'])
      const D = direction === 'bidirectional' ? 2 : 1
      const H = 1 + b.below(2)
      const parts = [b.param([D, gates * H, I]), b.param([D, gates * H, H]), b.param([D, 2 * gates * H])]
      const attributes: Attributes = {
        hidden_size: int(H),
        direction: text(direction),
        ...(op === 'GRU' && { linear_before_reset: int(b.below(2)) }),
      }
      const y = b.op(op, [b.transpose(x, [1, 0, 2]), ...parts], [T, D, x.dims[0]!, H], attributes)
      return b.transpose(y, [2, 0, 1, 3])
    },
  },
  {
    name: 'attention of several heads',
    apply(b, x) {
      if (!isBatchFirst(x, 3)) return undefined
      const [N, S, C] = x.dims as [Dim, number, number]
      const heads = 2
      const project = (): Value => b.op('MatMul', [x, b.param([C, 4])], [N, S, 4])
      const split = (v: Value, perm: number[]): Value => b.transpose(b.reshape(v, [N, S, heads, 2]), perm)
      const [q, k, v] = [split(project(), [0, 2, 1, 3]), split(project(), [0, 2, 3, 1]), split(project(), [0, 2, 1, 3])]
      const scores = b.op('Mul', [b.op('MatMul', [q, k], [N, heads, S, S]), b.scalar(0.7)], [N, heads, S, S])
      const p = b.op('Softmax', [scores], scores.dims, { axis: int(3) })
      const mixed = b.transpose(b.op('MatMul', [p, v], [N, heads, S, 2]), [0, 2, 1, 3])
      return b.reshape(mixed, [N, S, 4])
    },
  },
  {
    name: 'a parameter under two names',
    apply(b, x) {
      const last = x.dims.at(-1)
      if (typeof last !== 'number') return undefined
      const p = b.param([last])
      const copy = b.op('Identity', [p], p.dims)
      return b.op('Add', [b.op('Mul', [x, p], x.dims), copy], x.dims)
    },
  },
  {
    name: 'Constant that is added',
    apply(b, x) {
      const value = tensorAttribute(tensor('float32', [1], Float32Array.of(b.next())))
      return b.op('Add', [x, b.many('Constant', [], 1, { value })[0]!], x.dims)
    },
  },
]
