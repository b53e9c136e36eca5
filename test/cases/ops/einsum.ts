import { text } from '../../../src/graph/graph.js'
import { type CaseInput, data, float32s, node, type OpCase, param } from '../op-case.js'

const row = (equation: string, inputs: readonly CaseInput[], more: Partial<OpCase> = {}): OpCase => ({
  name: `Einsum ${equation}${more.name ?? ''}`,
  op: 'Einsum',
  inputs,
  attributes: { equation: text(equation) },
  ...more,
  ...(more.name && { name: `Einsum ${equation}, ${more.name}` }),
})

export const einsum: readonly OpCase[] = [
  row('bi,oi->bo', [data(['N', 5]), param([4, 5])]),
  row('bti,io->bto', [data(['N', 3, 5]), param([5, 4])], { opset: 12 }),
  row('bhid,bhjd->bhij', [data(['N', 2, 3, 4]), data(['N', 2, 5, 4])]),
  row('bhij,bjhd->bihd', [data(['N', 2, 3, 5]), data(['N', 5, 2, 4])]),
  row('tbi,hio->bhto', [data(['N', 3, 5]), param([2, 5, 4])], {
    name: 'the batch on axis 1',
    nodes: [
      { ...node('Transpose', ['i0'], 't'), attributes: { perm: { kind: 'ints', value: [1, 0, 2] } } },
      node('Einsum', ['t', 'i1'], 'o0', { equation: text('tbi,hio->bhto') }),
    ],
  }),
  row('bqd,bkd,d->bqk', [data(['N', 2, 3]), data(['N', 4, 3]), param([3])]),
  row('bi,bj,ijo->bo', [data(['N', 3]), data(['N', 2]), param([3, 2, 4])], { name: 'a bilinear layer' }),
  row('bi,i->b', [data(['N', 4]), param([4])]),
  row('bi,jk->b', [data(['N', 4]), param([2, 3])], { name: 'a label of one factor alone' }),
  row('bij->bji', [data(['N', 3, 4])]),
  row('bij->b', [data(['N', 3, 4])]),
  row('bii->bi', [data(['N', 3, 3])], { name: 'a diagonal' }),
  row('bi,ii->bi', [data(['N', 3]), param([3, 3])], { name: 'a diagonal of a parameter' }),
  row('bi,ijj->bj', [data(['N', 3]), param([3, 2, 2])], { name: 'a diagonal that is kept' }),
  row('bj,ba', [data(['N', 3]), data(['N', 2])], { name: 'its output left out' }),
  row('...i,io->...o', [data(['N', 2, 3]), param([3, 4])]),
  row('b...i,...i', [data(['N', 2, 3]), param([2, 3])], { name: 'its output left out' }),
  row('i...,...->i...', [data(['N', 2, 1, 3]), param([2, 4, 3])], { name: 'an axis stretched' }),
  row(' b i , i o -> b o ', [data(['N', 3]), param([3, 2])], { name: 'with blanks' }),
  row('ij,bj->ib', [param([4, 5]), data(['N', 5])], { name: 'the batch at the end' }),
  row('bi,ij,jk->bk', [data(['N', 3]), param([3, 2]), param([2, 4])], { name: 'two parameters' }),
  row('bi,ij,ij->bj', [data(['N', 3]), param([3, 2])], {
    name: 'one parameter twice',
    nodes: [node('Einsum', ['i0', 'i1', 'i1'], 'o0', { equation: text('bi,ij,ij->bj') })],
  }),
  row('ij,jk->ik', [data(['N', 4]), param([4, 3]), param([3, 5])], {
    name: 'of parameters',
    nodes: [node('Einsum', ['i1', 'i2'], 'w', { equation: text('ij,jk->ik') }), node('MatMul', ['i0', 'w'], 'o0')],
  }),
  row('bti,io->bto', [data(['N', 3, 5]), float32s([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [5, 2])], { name: 'a constant' }),
]
