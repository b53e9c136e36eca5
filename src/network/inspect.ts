import { activeValues } from '../autodiff/backward.js'
import { findRule } from '../autodiff/rules/index.js'
import type { Engine, Tensors } from '../engine/engine.js'
import { type ErrorCode, isLetheError, type LetheError } from '../errors.js'
import { findLoss, type LossName, type LossPoint, type ScorePoint } from '../fisher/loss.js'
import { gradientProgram, trainable } from '../fisher/program.js'
import { type Graph, nodeLabel, standardOpset, usesOf, type ValueInfo } from '../graph/graph.js'
import { findLowering } from '../lower/expansions/index.js'
import { isFloat, sizeOf } from '../tensor/tensor.js'
import { partFor } from '../trace/trace.js'
import { type Network, openNetwork, type Parameter } from './network.js'
import { prepare } from './prepare.js'
import type { Tied } from './tie.js'

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
  /** In one word what `ready`, `notes` and `problems` say together. */
  readonly state: 'ready' | 'ready with notes' | 'not ready'
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly opset: number
  /** Where the loss attaches; which one it is only where the model could be run. */
  readonly loss: (ScorePoint & Partial<LossPoint>) | undefined
  readonly classes: number | undefined
  readonly parameters: readonly Parameter[]
  readonly parameterCount: number
  readonly buffers: readonly string[]
  /** Names that mean the same tensor: an initializer handed on through Identity. */
  readonly aliases: readonly { readonly name: string; readonly of: string }[]
  /** Parameters that the exporter had merged by value and that are kept apart. */
  readonly untied: readonly { readonly name: string; readonly from: string }[]
  /** Copies of one parameter that the exporter had written twice and that are taken together. */
  readonly tied: readonly Tied[]
  /** Numbers that look like parameters and are settings of the export (see docs/models.md). */
  readonly settings: readonly string[]
  readonly ops: readonly OpReport[]
  /** Nodes that a gradient would have to pass and that have no rule, all of them. */
  readonly refused: readonly { readonly node: string; readonly op: string }[]
  /** `batch`: exact importances in batches; `one`: one example a run, exact and slower. */
  readonly exact: 'batch' | 'one' | undefined
  /** Why examples run one at a time; undefined where they do not. */
  readonly exactReason: string | undefined
  /** What is good to know: it works, and what to change in the export to have it otherwise. */
  readonly notes: readonly string[]
  readonly problems: readonly Problem[]
}

/** Why a model cannot be worked with, and the line to change in its export where one is known. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
  readonly change?: string
}

/** Looks at a graph, runs it on a sample where it can, and says what works and what to change in the export. */
export async function inspect(
  source: Graph,
  engine: Engine,
  options: { output?: string; sample?: Tensors; loss?: LossName } = {},
): Promise<Inspection> {
  const { graph, untied, tied } = prepare(source)
  const problems: Problem[] = []
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      if (!isLetheError(error) || error.code === 'internal') throw error
      if (!problems.some((p) => p.message === error.message)) problems.push(problemOf(error, source))
      return undefined
    }
  }
  const point = await attempt(() => findLoss(graph, options.output))
  const network = point && (await attempt(() => openNetwork(source, engine, options)))
  const parameters = network?.parameters ?? []
  const lost = network && (await lostAxis(network))
  const settings = [...source.initializers.keys()].filter(
    (name) =>
      !graph.initializers.has(name) &&
      !tied.some((t) => t.name === name) &&
      graph.nodes.some((n) => n.outputs.includes(name)),
  )
  const notes = notesOf({ graph, network, untied, settings, lost })
  const { ops, refused } = opsOf(graph, network, point)
  return {
    ready: problems.length === 0,
    state: problems.length > 0 ? 'not ready' : notes.length > 0 ? 'ready with notes' : 'ready',
    inputs: graph.inputs,
    outputs: graph.outputs,
    opset: standardOpset(graph),
    loss: network?.loss ?? (point && { output: point.output, logits: point.logits, via: point.via }),
    classes: network?.classes,
    parameters,
    parameterCount: parameters.reduce((n, p) => n + sizeOf(p.dims), 0),
    buffers: network?.buffers ?? [],
    aliases: aliasesOf(graph),
    untied,
    tied,
    settings,
    ops,
    refused,
    exact: network && (lost === undefined ? 'batch' : 'one'),
    exactReason: lost,
    notes,
    problems,
  }
}

/** The line of an export that mends a problem, by what is known of it. */
function problemOf({ code, message, data }: LetheError, graph: Graph): Problem {
  const change = changeFor(code, message, data.op, graph)
  return { code, message, ...(change && { change }) }
}

const evalMode = 'model.eval()  # before torch.onnx.export'

function changeFor(code: ErrorCode, message: string, op: unknown, graph: Graph): string | undefined {
  const ops = new Set(graph.nodes.map((n) => n.op))
  if (code === 'output-ambiguous') {
    const scores = graph.outputs.find((o) => o.dtype !== undefined && isFloat(o.dtype))
    return scores && `--output ${scores.name}  # if these are the scores`
  }
  if (code === 'mixes-examples' || / is random; /.test(message)) return evalMode
  // Sequences of tensors: chunk and split as the unoptimised export writes them.
  if (code === 'engine-failed' && (ops.has('SplitToSequence') || ops.has('SequenceConstruct'))) {
    return 'torch.onnx.export(..., dynamo=True, optimize=True)  # takes sequences of tensors apart'
  }
  if (code === 'rule-missing' && /^com\.(microsoft|ms)\b/.test(String(op))) {
    return 'optimum-cli export onnx --model NAME FOLDER  # without --optimize: no runtime fusion'
  }
  if (code === 'rule-missing' && ['If', 'Loop', 'Scan'].includes(String(op))) {
    return 'torch.onnx.export(model, (example,), ..., dynamo=True)  # traces the choice away, for inputs of this form'
  }
  if (code === 'op-unsupported') return 'torch.onnx.export(..., opset_version=20)  # operators that the runtime has'
  if (ops.has('LinearClassifier') || ops.has('LinearRegressor')) {
    return 'write the linear model as MatMul and Add with its coef_ and intercept_ as initializers'
  }
  return undefined
}

/** Why per-example gradients of a batch cannot be kept apart; undefined where they can. */
async function lostAxis(network: Network): Promise<string | undefined> {
  try {
    const wanted = new Set(network.parameters.map((p) => p.name))
    gradientProgram(await network.at(network.trace.fixedBatch ?? 2), network.loss, 'squares', wanted)
    return undefined
  } catch (error) {
    if (isLetheError(error) && error.code === 'batch-axis-lost') return error.message
    throw error
  }
}

function aliasesOf(graph: Graph): { name: string; of: string }[] {
  return graph.nodes
    .filter((n) => n.op === 'Identity' && graph.initializers.has(n.inputs[0] ?? ''))
    .map((n) => ({ name: n.outputs[0]!, of: n.inputs[0]! }))
}

function opsOf(
  graph: Graph,
  network: Network | undefined,
  loss: ScorePoint | undefined,
): Pick<Inspection, 'ops' | 'refused'> {
  const opset = standardOpset(graph)
  // Where no output is chosen yet, every one may be.
  const onTheWay = new Set(partFor(graph, loss ? [loss.logits] : graph.outputs.map((o) => o.name)).nodes)
  const active = activeValues(graph, network ? new Set(network.parameters.map((p) => p.name)) : trainable(graph))
  const constant = (name: string): boolean => network?.trace.values.get(name)?.kind === 'constant'
  const found = new Map<string, OpReport>()
  const refused: { node: string; op: string }[] = []
  for (const node of graph.nodes) {
    const isNeeded =
      onTheWay.has(node) && usesOf(node).some((n) => active.has(n)) && !node.outputs.every((n) => !n || constant(n))
    const state: OpState = !isNeeded
      ? 'not needed'
      : (findRule(node.domain, node.op, opset) ?? findLowering(node.domain, node.op, opset))
        ? 'differentiable'
        : 'refused'
    const op = node.domain ? `${node.domain}.${node.op}` : node.op
    const key = `${op}:${state}`
    found.set(key, { op, state, count: (found.get(key)?.count ?? 0) + 1 })
    if (state === 'refused') refused.push({ node: nodeLabel(node), op })
  }
  const ops = [...found.values()].sort((a, b) => a.op.localeCompare(b.op) || a.state.localeCompare(b.state))
  return { ops, refused }
}

interface Seen {
  readonly graph: Graph
  readonly network: Network | undefined
  readonly untied: Inspection['untied']
  readonly settings: readonly string[]
  readonly lost: string | undefined
}

const keptNorm =
  'to keep names and batch norm, export with optimize=False (dynamo=True), or with training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False (dynamo=False).'

function notesOf({ graph, network, untied, settings, lost }: Seen): string[] {
  const notes: string[] = []
  if (isFolded(graph)) {
    notes.push(`Batch norm seems folded into the convolutions and weights renamed. It works; ${keptNorm}`)
  }
  const renamed = network?.parameters.map((p) => p.name).filter((name) => /^onnx::(?!Conv_)|^val_\d+$/.test(name)) ?? []
  if (renamed.length > 0) {
    notes.push(
      `The exporter has renamed weights (${some(renamed)}). It works; to keep the names of the model, export with do_constant_folding=False (dynamo=False) or optimize=False (dynamo=True).`,
    )
  }
  if (untied.length > 0) {
    const names = untied.map((u) => u.name)
    notes.push(
      `The exporter has merged initializers that were equal; ${some(names)} ${names.length > 1 ? 'are tensors of their own' : 'is a tensor of its own'} again. Nothing to change.`,
    )
  }
  if (settings.length > 0) {
    notes.push(
      `Numbers that the exporter wrote among the weights (${some(settings)}: a scale of attention or the like) are taken as constants. Nothing to change.`,
    )
  }
  const fixed = network?.trace.fixedBatch
  if (fixed !== undefined) {
    notes.push(
      `The batch size is fixed to ${fixed}; export with a dynamic first axis (dynamic_axes or dynamic_shapes) to be faster.`,
    )
  }
  if (lost !== undefined && fixed === undefined) {
    notes.push(
      `Importances run one example at a time, exact and only slower: ${lost} Nothing to change, unless the model can keep the examples on an axis of their own there.`,
    )
  }
  return notes
}

/** Traces that a folding of batch norm leaves: convolutions without batch norm, under names that the exporter has made up. */
function isFolded(graph: Graph): boolean {
  const ops = new Set(graph.nodes.map((n) => n.op))
  return (
    ops.has('Conv') &&
    !ops.has('BatchNormalization') &&
    [...graph.initializers.keys()].some(
      (n) => /^onnx::Conv_|\.bn\d*\.|batchnorm/i.test(n) || n.endsWith('.weight_bias'),
    )
  )
}

/** The first few of a list, and how many more. */
function some(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return (
    names
      .slice(0, 3)
      .map((name) => `"${name}"`)
      .join(', ') + more
  )
}
