import type { Engine, Tensors } from '../engine/engine.js'
import { LetheError } from '../errors.js'
import type { LossPoint } from '../fisher/loss.js'
import { forwardProgram } from '../fisher/program.js'
import type { Graph } from '../graph/graph.js'
import { writeGraph } from '../onnx/model.js'
import { numberAt, type Tensor } from '../tensor/tensor.js'
import { type StaticGraph, takeExamples } from '../trace/trace.js'

/** Differences of scores below this share of the largest are rounding. */
const rounding = 1e-3

/**
 * Throws `loss-unsupported` where the scores of a token change with a later token: such a model (a masked language model) sees what
 * next-token prediction asks of it. Looked at on the sample: another second token must leave the scores of the first alone, another
 * last token those of all before it. What is told by padding alone goes unseen.
 */
export async function checkCausal(s: StaticGraph, engine: Engine, loss: LossPoint, sample: Tensors): Promise<void> {
  const ids = idsOf(s.graph, s.values.get(loss.logits)?.dims.at(-1))
  if (ids === undefined) return
  const rows = Array.from({ length: s.batch }, (_, i) => i)
  const session = await engine.createSession(writeGraph(forwardProgram(s, loss)), { handOver: true })
  const scores = async (feeds: Tensors): Promise<Tensor> => (await session.run(feeds))[loss.logits]!
  try {
    const plain = await scores(takeExamples(sample, rows))
    const [, T = 0, K = 0] = plain.dims
    for (const at of T < 2 ? [] : [1, T - 1]) {
      const feeds = takeExamples(sample, rows)
      const other = await scores({ ...feeds, [ids]: withOther(feeds[ids]!, at, T) })
      if (!isSame(plain, other, at, T, K)) throw seesAhead(loss)
    }
  } finally {
    await session.release()
  }
}

function seesAhead({ output }: LossPoint): LetheError {
  return new LetheError(
    'loss-unsupported',
    `The scores "${output}" of a token change with the tokens after it, so this is no model of next tokens. For a masked language model give the data labels (−100 for tokens that are not masked) and --loss token-classification; where it is meant, say --loss next-token.`,
  )
}

/** The input of ids: what rows of a table of K rows are looked up by. */
function idsOf({ nodes, inputs, initializers }: Graph, K: number | undefined): string | undefined {
  const lookup = nodes.find((n) => n.op === 'Gather' && initializers.get(n.inputs[0] ?? '')?.dims[0] === K)
  return inputs.find(({ name }) => name === lookup?.inputs[1])?.name
}

/** Ids [N, T] with another id at one position. */
function withOther(ids: Tensor, at: number, T: number): Tensor {
  const data = ids.data.slice()
  for (let i = at; i < data.length; i += T) {
    const id = numberAt(ids, i) === 0 ? 1 : 0
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(id)
    else data[i] = id
  }
  return { ...ids, data } as Tensor
}

/** True where scores [N, T, K] agree at the positions before `end`. */
function isSame(a: Tensor, b: Tensor, end: number, T: number, K: number): boolean {
  let [worst, scale] = [0, 0]
  for (let i = 0; i < a.data.length; i++) {
    if (Math.floor(i / K) % T >= end) continue
    worst = Math.max(worst, Math.abs(numberAt(a, i) - numberAt(b, i)))
    scale = Math.max(scale, Math.abs(numberAt(a, i)))
  }
  return !(worst > rounding * scale)
}
