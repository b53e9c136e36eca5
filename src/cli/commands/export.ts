import { resolve } from 'node:path'
import { LetheError } from '../../errors.js'
import { checkWritable } from '../../files/writable-node.js'
import { type Exported, exportWeights } from '../../weights/export-node.js'
import { describePlace } from '../../weights/place.js'
import { loadModel } from '../../workspace/model-node.js'
import type { Verb } from '../command.js'
import { required } from '../options.js'
import { count, table } from '../terminal.js'

/** `lethe export weights`: the weights of a forgotten model as the state dict that it was exported from. */
export const exportVerb: Verb = {
  name: 'export',
  summary: 'take the weights of a forgotten model back to a PyTorch state dict (safetensors)',
  configure: (program) =>
    program
      .argument('<what>', 'weights')
      .argument('<model>', 'forgotten ONNX model')
      .option('--like <file>', 'state dict that the model was exported from, as safetensors')
      .option('-o, --out <file>', 'state dict to write')
      .option('--original <file>', 'ONNX model before forgetting: matches exactly, whatever was forgotten'),
  async run(options, args, terminal) {
    const [what, path] = args
    if (what !== 'weights') throw new LetheError('usage', `"${what}" cannot be exported; write lethe export weights.`)
    const like = required(options, 'like', '--like')
    const out = required(options, 'out', '-o')
    const original = typeof options.original === 'string' ? options.original : undefined
    for (const input of [like, path!, original]) {
      if (input && resolve(input) === resolve(out)) {
        throw new LetheError('usage', `-o would replace "${input}", which is read; choose another name.`)
      }
    }
    await checkWritable(out)
    const forgotten = await loadModel(path!)
    const before = original === undefined ? undefined : await loadModel(original)
    const { tensors, sha256 } = await exportWeights(forgotten.model.graph, like, out, {
      original: before?.model.graph,
      onProgress: terminal.progress('writing', 'tensors'),
    })
    return {
      json: { model: path, like, original, output: out, sha256, tensors: tensors.map(jsonOf) },
      text: describe(tensors, out),
    }
  },
}

function jsonOf({ name, dtype, dims, changed, matches }: Exported) {
  return {
    name,
    dtype,
    dims,
    changed,
    from: matches.map(({ source, by, place: { target, height, width, ...place } }) => ({
      initializer: source.name,
      by,
      isTransposed: place.isTransposed,
      block: { row: target.row, column: target.column, height, width },
      at: { row: place.source.row, column: place.source.column },
    })),
  }
}

function describe(tensors: readonly Exported[], out: string): string {
  const changed = tensors.filter((t) => t.changed > 0)
  const copied = tensors.filter((t) => t.matches.length === 0)
  const rows = tensors.flatMap((t): string[][] => {
    const cells = [count(t.changed), `of ${count(t.dims.reduce((n, d) => n * d, 1))}`]
    if (t.matches.length === 0) return [[t.name, '–', 'copied', ...cells]]
    return t.matches.map(({ source, by, place }, i) => {
      const how = [by, describePlace(place)].filter(Boolean).join(', ')
      return i === 0 ? [t.name, source.name, how, ...cells] : ['', source.name, how]
    })
  })
  const elements = changed.reduce((n, t) => n + t.changed, 0)
  return [
    table(['tensor', 'from', 'matched by', 'changed', ''], rows),
    '',
    `${out}: ${count(elements)} elements changed in ${changed.length} of ${tensors.length} tensors; ${copied.length} copied that no initializer holds`,
  ].join('\n')
}
