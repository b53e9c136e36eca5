import { expect, it } from 'vitest'
import { type BackwardOptions, backward, type ValueFacts } from '../../src/autodiff/backward.js'
import { Emitter } from '../../src/graph/emitter.js'
import { type Graph, ints } from '../../src/graph/graph.js'
import { f32, node } from '../small-graphs.js'

const [N, T, K, O] = [3, 5, 4, 6]

/** Shapes of what is transposed on the way to the gradient of w [O, K], which x [N, T, K] meets as [K, O]. */
function transposed(form: BackwardOptions['form']): (readonly number[] | undefined)[] {
  const graph: Graph = {
    name: 'turned',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: [N, T, K] }],
    outputs: [],
    initializers: new Map([['w', f32([O, K])]]),
    nodes: [node('Transpose', ['w'], 'turned', { perm: ints([1, 0]) }), node('MatMul', ['x', 'turned'], 'y')],
  }
  const facts = (name: string, dims: number[], kind: ValueFacts['kind']): [string, ValueFacts] => [
    name,
    { name, dtype: 'float32', dims, kind, batchAxis: kind === 'data' ? 0 : undefined },
  ]
  const dy = { name: 'dy', dtype: 'float32', dims: [N, T, O] } as const
  const values = new Map([
    facts('x', [N, T, K], 'data'),
    facts('w', [O, K], 'shared'),
    facts('turned', [K, O], 'shared'),
    facts('y', [N, T, O], 'data'),
  ])
  const e = new Emitter(17)
  const seeds = new Map([['y', dy]])
  const found = backward({ graph, batch: N, values, emitter: e, seeds, wanted: new Set(['w']), form })
  const full = e.finish({ ...graph, nodes: [] }, [...found.values()], [...graph.inputs, dy])
  const shapes: Record<string, readonly number[]> = { x: [N, T, K], dy: [N, T, O] }
  return full.nodes.filter((n) => n.op === 'Transpose').map((n) => shapes[n.inputs[0]!])
}

it.each(['sum', 'each', 'squares'] as const)(
  'the gradient of a weight that is turned first is made in the order of the weight (%s)',
  (form) => {
    // The cotangent, which the product takes turned; neither the result nor a stack of gradients. In the sum positions are one axis.
    expect(transposed(form)).toEqual([form === 'sum' ? undefined : [N, T, O]])
  },
)
