import { activeValues } from '../autodiff/backward.js'
import { findRule } from '../autodiff/rules/index.js'
import type { Engine, Tensors } from '../engine/engine.js'
import { type ErrorCode, isLetheError } from '../errors.js'
import { findLoss, type LossPoint } from '../fisher/loss.js'
import { gradientProgram, trainable } from '../fisher/program.js'
import { inFloat32 } from '../graph/float32.js'
import { type Graph, standardOpset, usesOf, type ValueInfo } from '../graph/graph.js'
import { untie } from '../graph/untie.js'
import { findLowering } from '../lower/expansions/index.js'
import { rewrite } from '../lower/rewrite.js'
import { sizeOf } from '../tensor/tensor.js'
import { type Network, openNetwork, type Parameter } from './network.js'

/**
 * State of an operator in a model. `differentiable`: has a rule, or is written in operators that have, and gradients flow through it. `not needed`: no gradient
 * passes (shape computations, what lies before the first parameter). `refused`: a gradient is needed and there is no rule.
 */
export type OpState = 'differentiable' | 'not needed' | 'refused'

export interface OpReport {
  readonly op: string
  readonly count: number
  readonly state: OpState
}

/** What Lethe sees in a model before any work. */
export interface Inspection {
  readonly ready: boolean
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly opset: number
  readonly loss: LossPoint | undefined
  readonly classes: number | undefined
  readonly parameters: readonly Parameter[]
  readonly parameterCount: number
  readonly buffers: readonly string[]
  /** Names that mean the same tensor: an initializer handed on through Identity. */
  readonly aliases: readonly { readonly name: string; readonly of: string }[]
  /** Parameters that the exporter had merged by value and that are kept apart. */
  readonly untied: readonly { readonly name: string; readonly from: string }[]
  readonly ops: readonly OpReport[]
  /** `batch`: exact importances in batches; `one`: one example a run, exact and slower. */
  readonly exact: 'batch' | 'one' | undefined
  readonly notes: readonly string[]
  readonly problems: readonly { readonly code: ErrorCode; readonly message: string }[]
}

/** Looks at a graph, runs it on a sample where it can, and says what works and what to change in the export. */
export async function inspect(
  source: Graph,
  engine: Engine,
  options: { output?: string; sample?: Tensors } = {},
): Promise<Inspection> {
  const { graph, untied } = untie(inFloat32(rewrite(source)))
  const problems: { code: ErrorCode; message: string }[] = []
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      if (!isLetheError(error) || error.code === 'internal') throw error
      if (!problems.some((p) => p.message === error.message))
        problems.push({ code: error.code, message: error.message })
      return undefined
    }
  }
  const loss = await attempt(() => findLoss(graph, options.output))
  const network = loss && (await attempt(() => openNetwork(source, engine, options)))
  const parameters = network?.parameters ?? []
  return {
    ready: problems.length === 0,
    inputs: graph.inputs,
    outputs: graph.outputs,
    opset: standardOpset(graph),
    loss,
    classes: network?.classes,
    parameters,
    parameterCount: parameters.reduce((n, p) => n + sizeOf(p.dims), 0),
    buffers: network?.buffers ?? [],
    aliases: aliasesOf(graph),
    untied,
    ops: opsOf(graph, network),
    exact: network && (await exactForm(network)),
    notes: notesOf(graph, network),
    problems,
  }
}

function aliasesOf(graph: Graph): { name: string; of: string }[] {
  return graph.nodes
    .filter((n) => n.op === 'Identity' && graph.initializers.has(n.inputs[0] ?? ''))
    .map((n) => ({ name: n.outputs[0]!, of: n.inputs[0]! }))
}

function opsOf(graph: Graph, network: Network | undefined): OpReport[] {
  const opset = standardOpset(graph)
  const active = activeValues(graph, network ? new Set(network.parameters.map((p) => p.name)) : trainable(graph))
  const constant = (name: string): boolean => network?.trace.values.get(name)?.kind === 'constant'
  const found = new Map<string, OpReport>()
  for (const node of graph.nodes) {
    const isNeeded = usesOf(node).some((n) => active.has(n)) && !node.outputs.every((n) => !n || constant(n))
    const state: OpState = !isNeeded
      ? 'not needed'
      : (findRule(node.domain, node.op, opset) ?? findLowering(node.domain, node.op, opset))
        ? 'differentiable'
        : 'refused'
    const op = node.domain ? `${node.domain}.${node.op}` : node.op
    const key = `${op}:${state}`
    found.set(key, { op, state, count: (found.get(key)?.count ?? 0) + 1 })
  }
  return [...found.values()].sort((a, b) => a.op.localeCompare(b.op) || a.state.localeCompare(b.state))
}

async function exactForm(network: Network): Promise<'batch' | 'one'> {
  try {
    const wanted = new Set(network.parameters.map((p) => p.name))
    gradientProgram(await network.at(network.trace.fixedBatch ?? 2), network.loss, 'squares', wanted)
    return 'batch'
  } catch (error) {
    if (isLetheError(error) && error.code === 'batch-axis-lost') return 'one'
    throw error
  }
}

function notesOf(graph: Graph, network: Network | undefined): string[] {
  const notes: string[] = []
  const ops = new Set(graph.nodes.map((n) => n.op))
  const names = [...graph.initializers.keys()]
  if (
    ops.has('Conv') &&
    !ops.has('BatchNormalization') &&
    names.some(
      (n) => /^onnx::Conv_|\.bn\d*\.|batchnorm/i.test(n) || n.startsWith('onnx::') || n.endsWith('.weight_bias'),
    )
  ) {
    notes.push(
      'Batch norm seems folded into the convolutions and weights renamed. It works; to keep names and batch norm, export with optimize=False (dynamo=True), or with training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False (dynamo=False).',
    )
  }
  if (network?.trace.fixedBatch !== undefined) {
    notes.push(
      `The batch size is fixed to ${network.trace.fixedBatch}; export with a dynamic first axis (dynamic_axes or dynamic_shapes) to be faster.`,
    )
  }
  return notes
}
