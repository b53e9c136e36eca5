import { describe, expect, it } from 'vitest'
import { chooseLoss, findLoss, type LossName } from '../../src/fisher/loss.js'
import { type Graph, int, type Node } from '../../src/graph/graph.js'
import { tensor } from '../../src/tensor/tensor.js'

/** Ids looked up in a table of 6 rows, then softmax over an axis. */
function graphOf(axis: number): Graph {
  const node = (op: string, inputs: string[], output: string): Node => {
    return {
      op,
      domain: '',
      name: output,
      inputs,
      outputs: [output],
      attributes: op === 'Softmax' ? { axis: int(axis) } : {},
    }
  }
  return {
    name: 'g',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'ids', dtype: 'int64', dims: ['N', 4] }],
    outputs: [{ name: 'p', dtype: 'float32', dims: ['N', 4, 6] }],
    nodes: [node('Gather', ['table', 'ids'], 'z'), node('Softmax', ['z'], 'p')],
    initializers: new Map([['table', tensor('float32', [6, 6], new Float32Array(36))]]),
  }
}

const labelled = { hasTokenLabels: true }
const bare = { hasTokenLabels: false }

describe('the loss', () => {
  const point = findLoss(graphOf(-1))
  const graph = graphOf(-1)

  it.each([
    ['a classifier', [2, 5], undefined, labelled, 'cross-entropy'],
    ['classes of tokens that the data has labels for', [2, 4, 5], undefined, labelled, 'token-classification'],
    ['scores over the vocabulary without labels', [2, 4, 6], undefined, bare, 'next-token'],
    ['scores over the vocabulary without data', [2, 4, 6], undefined, undefined, 'next-token'],
    ['scores of tokens without data', [2, 4, 5], undefined, undefined, 'token-classification'],
    ['a masked language model, as asked', [2, 4, 6], 'token-classification', labelled, 'token-classification'],
    ['labels as next tokens, as asked', [2, 4, 6], 'next-token', labelled, 'next-token'],
  ] as const)('of %s is found', (_, dims, asked: LossName | undefined, labels, loss) => {
    expect(chooseLoss(point, dims, { asked, graph, labels })).toEqual({ ...point, loss })
  })

  it.each([
    [
      'labels at scores over the vocabulary: the token or the next one',
      [2, 4, 6],
      undefined,
      labelled,
      /choose --loss next-token/,
    ],
    ['scores of tokens without labels', [2, 4, 5], undefined, bare, /no labels of tokens/],
    [
      'cross-entropy of tokens',
      [2, 4, 5],
      'cross-entropy',
      labelled,
      /cross-entropy needs class scores \[examples, classes\]/,
    ],
    [
      'next tokens of a classifier',
      [2, 5],
      'next-token',
      bare,
      /next-token needs scores \[examples, tokens, classes\]/,
    ],
  ] as const)('is not guessed: %s', (_, dims, asked: LossName | undefined, labels, message) => {
    const choose = () => chooseLoss(point, dims, { asked, graph, labels })
    expect(choose).toThrow(
      expect.objectContaining({ code: 'loss-unsupported', message: expect.stringMatching(message) }),
    )
  })

  it.each([
    [-1, 'z', 'softmax'],
    [2, 'z', 'softmax'],
    [1, 'p', 'logits'],
  ])('of scores [N, T, K] attaches before a softmax over classes, not over tokens: axis %i', (axis, logits, via) => {
    expect(findLoss(graphOf(axis))).toMatchObject({ logits, via })
  })
})
