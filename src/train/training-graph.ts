import { type GradientProgram, gradientProgram, trainable } from '../fisher/program.js'
import { int, type Node } from '../graph/graph.js'
import type { Network } from '../network/network.js'
import type { StaticValue } from '../trace/trace.js'

/** A gradient graph in training mode: weights and running statistics are inputs, updated statistics are outputs. */
export interface TrainingProgram {
  readonly program: GradientProgram
  /** Output with the updated value of each running statistic, by the statistic's name. */
  readonly statistics: ReadonlyMap<string, string>
  readonly parameters: readonly string[]
}

/**
 * Graph of the batch gradient Σ_n w_n ∂ℓ_n/∂θ with batch norm on batch statistics (ONNX BatchNormalization-15,
 * training_mode 1: running ← momentum·running + (1 − momentum)·batch). Needs opset 14 where there is batch norm.
 */
export async function trainingProgram(network: Network, batch: number): Promise<TrainingProgram> {
  const s = await network.at(batch)
  const statistics = new Map<string, string>()
  const values = new Map<string, StaticValue>(s.values)
  const nodes = s.graph.nodes.map((node): Node => {
    if (node.op !== 'BatchNormalization') return node
    const [mean = '', variance = ''] = node.inputs.slice(3)
    const outputs = [mean, variance].map((name) => `${name}/updated`)
    outputs.forEach((output, i) => {
      const name = [mean, variance][i]!
      statistics.set(name, output)
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
    keep: [...statistics.values()],
  })
  return { program, statistics, parameters: [...program.outputs.keys()] }
}
