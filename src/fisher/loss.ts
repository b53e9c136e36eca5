import { LetheError } from '../errors.js'
import { type Graph, intAttribute, type Node, producers, standardOpset } from '../graph/graph.js'

/**
 * Losses by name. `cross-entropy`: one label an example, on scores [N, K]. `token-classification` and `next-token`: a label at
 * every position, on scores [N, T, K]; ℓ_n is the mean over the labelled positions of example n.
 */
export const lossNames = ['cross-entropy', 'token-classification', 'next-token'] as const
/** Name of a loss. */
export type LossName = (typeof lossNames)[number]
/** Losses that are means over the tokens of an example. */
export type TokenLoss = Exclude<LossName, 'cross-entropy'>

/** True for losses that are means over the tokens of an example. */
export function isTokenLoss(loss: LossName): loss is TokenLoss {
  return loss !== 'cross-entropy'
}

/** The value of a model that a loss is taken on: its scores before any softmax. */
export interface ScorePoint {
  /** The model's output that is read as class scores. */
  readonly output: string
  /** The value that the loss is taken on: the output, or what goes into the softmax that makes it. */
  readonly logits: string
  readonly via: 'logits' | 'softmax' | 'log-softmax'
}

/** Where the loss attaches, and which one it is. */
export interface LossPoint extends ScorePoint {
  readonly loss: LossName
}

/**
 * Finds the value that the loss attaches to. A model that ends in Softmax or LogSoftmax over the last axis is taken
 * before it: cross-entropy on those scores is the negative log-likelihood of its probabilities, and exact in float32.
 * Read as a classifier's; `chooseLoss` tells what the loss is once the shape of the scores is known.
 *
 * Throws `output-ambiguous` (several outputs, none chosen), `output-unknown`.
 */
export function findLoss(graph: Graph, chosen?: string): LossPoint {
  return { loss: 'cross-entropy', ...scorePoint(graph, chosen) }
}

function scorePoint(graph: Graph, chosen: string | undefined): ScorePoint {
  const names = graph.outputs.map((o) => o.name)
  if (chosen === undefined && names.length > 1) {
    throw new LetheError(
      'output-ambiguous',
      `The model has ${names.length} outputs (${names.join(', ')}); choose the class scores with --output.`,
      {
        outputs: names,
      },
    )
  }
  const output = chosen ?? names[0]
  if (output === undefined || !names.includes(output)) {
    throw new LetheError('output-unknown', `The model has no output "${output}"; it has ${names.join(', ')}.`, {
      outputs: names,
    })
  }
  const made = producers(graph)
  const rank = graph.outputs.find((o) => o.name === output)?.dims.length ?? 0
  const node = skipIdentities(made.get(output), made)
  if (node?.op === 'Softmax' && isOverLast(node, graph, rank))
    return { output, logits: node.inputs[0]!, via: 'softmax' }
  if (node?.op === 'LogSoftmax' && isOverLast(node, graph, rank))
    return { output, logits: node.inputs[0]!, via: 'log-softmax' }
  return { output, logits: output, via: 'logits' }
}

function skipIdentities(node: Node | undefined, made: ReadonlyMap<string, Node>): Node | undefined {
  let at = node
  while (at?.op === 'Identity') at = made.get(at.inputs[0] ?? '')
  return at
}

/** True for the last axis: −1, or its number, [N, K] where the rank is not declared (the default before opset 13 was 1, since then −1). */
function isOverLast(node: Node, graph: Graph, rank: number): boolean {
  const axis = intAttribute(node, 'axis', standardOpset(graph) < 13 ? 1 : -1)
  return axis === -1 || axis === (rank === 3 ? 2 : 1)
}

/** What is known of the labels of some data. */
export interface LabelFacts {
  /** True where examples have a list `labels`, one for every token. */
  readonly hasTokenLabels: boolean
}

/**
 * The loss of scores [N, …, K] of a model, where it is clear: scores [N, K] are a classifier's; scores [N, T, K] with labels of
 * tokens are a token classifier's; scores over the whole vocabulary, without such labels, are predictions of the next token.
 * A vocabulary is known by the table of embeddings, which has K rows. Without data the vocabulary alone decides.
 *
 * Throws `loss-unsupported` where the asked loss does not fit the scores, or where nothing or too much fits.
 */
export function chooseLoss(
  point: ScorePoint,
  dims: readonly number[],
  options: { asked?: LossName; graph: Graph; labels?: LabelFacts },
): LossPoint {
  const { asked, graph, labels } = options
  const [rank, K] = [dims.length, dims.at(-1) ?? 0]
  const wanted = `output "${point.output}" has [${['N', ...dims.slice(1)]}]`
  if (rank !== 3 || asked === 'cross-entropy') {
    // Of other ranks: told by `scores`, which knows the batch.
    const loss = asked ?? 'cross-entropy'
    if (isTokenLoss(loss)) throw unfit(`${loss} needs scores [examples, tokens, classes]`, wanted)
    if (rank === 3) throw unfit('cross-entropy needs class scores [examples, classes]', wanted)
    return { ...point, loss }
  }
  if (asked) return { ...point, loss: asked }
  const isVocabulary = vocabularies(graph).has(K)
  if (labels?.hasTokenLabels && isVocabulary) {
    throw new LetheError(
      'loss-unsupported',
      `Output "${point.output}" has scores over the whole vocabulary, and the data has labels of tokens: choose --loss next-token (labels are those of the next token), or --loss token-classification (labels stand at their tokens, as for masked language models).`,
    )
  }
  if (labels?.hasTokenLabels || (!labels && !isVocabulary)) return { ...point, loss: 'token-classification' }
  if (isVocabulary) return { ...point, loss: 'next-token' }
  throw new LetheError(
    'loss-unsupported',
    `Output "${point.output}" has scores of ${K} classes for every token, but the data has no labels of tokens: give them as a list "labels" (−100 for none), or choose --loss.`,
  )
}

function unfit(needs: string, got: string): LetheError {
  return new LetheError('loss-unsupported', `${needs}; ${got}. Choose another output with --output, or another --loss.`)
}

/** Rows of every table that embeddings are looked up in. */
function vocabularies(graph: Graph): Set<number> {
  const tables = graph.nodes.flatMap((n) => (n.op === 'Gather' ? [graph.initializers.get(n.inputs[0] ?? '')] : []))
  return new Set(tables.flatMap((t) => (t?.dims.length === 2 ? [t.dims[0]!] : [])))
}
