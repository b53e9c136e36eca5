import { createPool, engineOf } from '../../engine/node/pool.js'
import { lossNames } from '../../fisher/loss.js'
import { type Inspection, inspect as look } from '../../network/inspect.js'
import { loadModel } from '../../workspace/model-node.js'
import type { Verb } from '../command.js'
import { lossHelp, oneOf } from '../options.js'
import { count, table } from '../terminal.js'

/** `lethe inspect`: what Lethe sees in a model, and what to change in the export where something is missing. */
export const inspect: Verb = {
  name: 'inspect',
  summary: 'show inputs, parameters, loss and the gradient state of every operator',
  configure: (program) =>
    program
      .argument('<model>', 'ONNX file')
      .option('--output <name>', 'output that holds the class scores, where there are several')
      .option('--loss <name>', lossHelp, oneOf(...lossNames)),
  async run(options, args) {
    const file = await loadModel(args[0]!)
    const pool = createPool({ workers: 1 })
    try {
      const report = await look(file.model.graph, engineOf(pool), {
        output: options.output as string | undefined,
        loss: lossNames.find((name) => name === options.loss),
      })
      return {
        json: { model: file.path, sha256: file.sha256, producer: file.model.producer, ...report },
        text: describe(file.path, report),
      }
    } finally {
      await pool.close()
    }
  },
}

function describe(path: string, r: Inspection): string {
  const dims = (d: readonly unknown[]): string => `[${d.map((x) => x ?? '?').join(', ')}]`
  const lines = [
    `${path}  opset ${r.opset}  ${stateOf(r)}`,
    '',
    ...r.inputs.map((v) => `input   ${v.name} ${dims(v.dims)} ${v.dtype}`),
    ...r.outputs.map((v) => `output  ${v.name} ${dims(v.dims)} ${v.dtype}`),
  ]
  if (r.loss) {
    const where =
      r.loss.via === 'logits'
        ? `on "${r.loss.logits}"`
        : `on "${r.loss.logits}", before the ${r.loss.via} that makes "${r.loss.output}"`
    const kinds = r.loss.loss === 'next-token' ? 'tokens of the vocabulary' : 'classes'
    lines.push(`loss    ${[r.loss.loss, where].filter(Boolean).join(' ')}${r.classes ? `, ${r.classes} ${kinds}` : ''}`)
  }
  if (r.exact)
    lines.push(
      `exact   ${r.exact === 'batch' ? 'per-example gradients in batches' : 'one example a run (the batch axis cannot be followed): exact, only slower'}`,
    )
  lines.push(
    '',
    `${r.parameters.length} parameter tensors, ${count(r.parameterCount)} weights; ${r.buffers.length} buffers (never dampened)`,
    '',
  )
  if (r.parameters.length > 0) {
    lines.push(
      table(
        ['parameter', 'shape', 'weights'],
        r.parameters.map((p) => [p.name, dims(p.dims), count(p.dims.reduce((a, b) => a * b, 1))]),
      ),
      '',
    )
  }
  lines.push(
    table(
      ['operator', 'nodes', 'gradient'],
      r.ops.map((o) => [o.op, String(o.count), o.state]),
    ),
  )
  for (const a of r.aliases) lines.push(`alias   ${a.name} is ${a.of}`)
  for (const u of r.untied) lines.push(`untied  ${u.name} had been merged with ${u.from} and is kept apart`)
  for (const t of r.tied)
    lines.push(`tied    ${t.name} is a ${t.isTransposed ? 'transposed ' : ''}copy of ${t.of}: one parameter`)
  for (const note of r.notes) lines.push('', `note: ${note}`)
  for (const problem of r.problems) {
    lines.push('', `problem: ${problem.code}: ${problem.message}`)
    if (problem.change) lines.push(`change:  ${problem.change}`)
  }
  if (r.refused.length > 1) {
    lines.push('', `Nodes without a gradient rule (${r.refused.length}):`)
    lines.push(...r.refused.slice(0, shown).map(({ node, op }) => `  ${op}  "${node}"`))
    if (r.refused.length > shown) lines.push(`  and ${r.refused.length - shown} more (--json lists all)`)
  }
  return lines.join('\n')
}

/** Most nodes that are listed by name. */
const shown = 20

function stateOf(r: Inspection): string {
  if (r.state !== 'ready with notes') return r.state
  return r.notes.length === 1 ? 'ready, with a note' : `ready, with ${r.notes.length} notes`
}
