import { LetheError } from '../errors.js'
import { type GradientProgram, gradientProgram, trainable } from '../fisher/program.js'
import { floatAttribute, int, type Node, nodeLabel, standardOpset } from '../graph/graph.js'
import type { Network } from '../network/network.js'
import { sizeOf } from '../tensor/tensor.js'
import type { StaticValue } from '../trace/trace.js'

/** How a running statistic r moves: r ← μ·r + (1 − μ)·correction·b, with b the statistic of the batch. */
export interface RunningStatistic {
  /** Output of the graph with μ·r + (1 − μ)·b. */
  readonly output: string
  /** μ, the share that stays: ONNX's momentum, one minus PyTorch's. */
  readonly momentum: number
  /** 1 for a mean; m / (m − 1) for a variance over m numbers, which the graph divides by m and PyTorch by m − 1. */
  readonly correction: number
}

/** A gradient graph in training mode: weights and running statistics are inputs, updated statistics are outputs. */
export interface TrainingProgram {
  readonly program: GradientProgram
  /** By the statistic's name. */
  readonly statistics: ReadonlyMap<string, RunningStatistic>
  readonly parameters: readonly string[]
}

/**
 * Graph of the batch gradient Σ_n w_n ∂ℓ_n/∂θ with batch norm on batch statistics (ONNX BatchNormalization-15,
 * training_mode 1: running ← momentum·running + (1 − momentum)·batch).
 *
 * Throws `model-unsupported` for batch norm before opset 14, which has no training mode, and for running statistics that
 * two nodes share.
 */
export async function trainingProgram(network: Network, batch: number): Promise<TrainingProgram> {
  const s = await network.at(batch)
  const statistics = new Map<string, RunningStatistic>()
  const values = new Map<string, StaticValue>(s.values)
  const nodes = s.graph.nodes.map((node): Node => {
    if (node.op !== 'BatchNormalization') return node
    const [mean = '', variance = ''] = node.inputs.slice(3)
    refuseUntrainable(node, standardOpset(s.graph), statistics)
    const outputs = [mean, variance].map((name) => `${name}/updated`)
    const count = numbersAChannel(s.values.get(node.inputs[0]!)!.dims)
    const momentum = floatAttribute(node, 'momentum', 0.9)
    outputs.forEach((output, i) => {
      const name = [mean, variance][i]!
      statistics.set(name, { output, momentum, correction: i === 0 ? 1 : count / Math.max(1, count - 1) })
      values.set(output, { ...values.get(name)!, name: output, kind: 'data', batchAxis: undefined })
    })
    return {
      ...node,
      outputs: [node.outputs[0]!, ...outputs],
      attributes: { ...node.attributes, training_mode: int(1) },
    }
  })
  const all = trainable(s.graph)
  const wanted = new Set([...all].filter((name) => !statistics.has(name)))
  const program = gradientProgram({ ...s, values, graph: { ...s.graph, nodes } }, network.loss, 'sum', wanted, {
    asInputs: all,
    keep: [...statistics.values()].map(({ output }) => output),
  })
  return { program, statistics, parameters: [...program.outputs.keys()] }
}

/** Numbers that one channel's statistics are taken over, of [N, C, *S]. */
function numbersAChannel(dims: readonly number[]): number {
  return sizeOf(dims) / dims[1]!
}

function refuseUntrainable(node: Node, opset: number, known: ReadonlyMap<string, RunningStatistic>): void {
  if (opset < 14) {
    throw new LetheError(
      'model-unsupported',
      `Batch norm "${nodeLabel(node)}" is of opset ${opset}, which has no training mode; export with opset 14 or later.`,
    )
  }
  if (node.inputs.slice(3).some((name) => known.has(name))) {
    throw new LetheError(
      'model-unsupported',
      `Batch norm "${nodeLabel(node)}" shares its running statistics with another node; export them apart to train.`,
    )
  }
}
