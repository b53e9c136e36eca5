// @ts-check
// The page "does it take my model?", made of what the comparison found, and of inspect.md beside this file.
import { readFileSync } from 'node:fs'

/** @typedef {{ model: string, form: string, why: string }} Failed an export that PyTorch itself could not do */

/** @type {Readonly<Record<string, string>>} */
const forms = {
  torchscript: '`torch.onnx.export(..., dynamo=False)`, with `training=PRESERVE, do_constant_folding=False`',
  'torchscript-default': '`torch.onnx.export(..., dynamo=False)` as it is',
  dynamo: '`torch.onnx.export(..., dynamo=True)` as it is',
  'dynamo-kept': '`torch.onnx.export(..., dynamo=True, optimize=False)`, which keeps batch norm',
  skl2onnx: '`skl2onnx.to_onnx(..., options={"zipmap": False})`',
  keras: '`model.export(..., format="onnx")` of Keras 3 on PyTorch',
}

const columns = ['torchscript', 'torchscript-default', 'dynamo', 'dynamo-kept']

/**
 * @param {{ versions: Record<string, string>, models: import('./compare.js').Row[], failed: Failed[] }} index
 * @param {import('./compare.js').Verdict[]} verdicts
 */
export function page(index, verdicts) {
  const byFile = new Map(verdicts.map((v) => [v.file, v]))
  const names = [...new Set(index.models.map((r) => r.model))]
  const count = (/** @type {string} */ state) => verdicts.filter((v) => v.state === state).length
  const used = Object.keys(forms).filter((f) => index.models.some((r) => r.form === f))
  const rows = names.map((name) => {
    const of = index.models.filter((r) => r.model === name)
    const cells = columns.map((form) => {
      const row = of.find((r) => r.form === form)
      return row ? cell(byFile.get(row.file)) : index.failed.some((f) => f.model === name && f.form === form) ? '¹' : ''
    })
    const other = of.find((r) => r.form === 'skl2onnx' || r.form === 'keras')
    if (other) cells[0] = `${cell(byFile.get(other.file))} (${other.form})`
    return `| ${name} | ${of[0]?.source} | ${cells.join(' | ')} |`
  })
  const refused = verdicts.filter((v) => v.state !== 'matches')
  return [
    '# Does it take my model?',
    '',
    '<!-- Written by scripts/zoo/run.js; run it again instead of editing. -->',
    '',
    `${names.length} classifiers with random weights, exported as their makers do, ${verdicts.length} files. For each, Lethe's importance of every`,
    'parameter is compared with the one that PyTorch computes in float64, one example at a time. A model *matches* when no',
    "entry of any parameter is further away than 10⁻⁴ of that parameter's largest entry; the cell is the worst found. Lethe works",
    'in float32, whose rounding is what the cells show. The losses must agree as well.',
    '',
    `**${count('matches')} match, ${count('refused')} refused with a reason, ${count('WRONG')} wrong.**`,
    '',
    '| column | export |',
    '|---|---|',
    ...used.map((f) => `| ${f} | ${forms[f]} |`),
    '',
    `| model | made by | ${columns.join(' | ')} |`,
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    '*one*: examples cannot be kept apart within a batch of this model, so they run one at a time: exact, but slower.',
    ...(index.failed.length ? ['¹ The exporter of this version of PyTorch fails on this model.'] : []),
    'An empty cell: the form makes no difference. Where an exporter folds batch norm into a convolution, the weights of the',
    'model are those of the two together, and the reference follows by the chain rule.',
    '',
    ...(refused.length
      ? ['## Refused', '', ...refused.map((v) => `- \`${v.file}\`: ${v.code ?? v.state}: ${v.why ?? v.parameter}`), '']
      : []),
    readFileSync(new URL('inspect.md', import.meta.url), 'utf8'),
    'Which operators have a gradient: [ops.md](ops.md).',
    '',
    `Versions: ${Object.entries(index.versions)
      .map(([k, v]) => `${k} ${v}`)
      .join(', ')}.`,
    '',
  ].join('\n')
}

/** @param {import('./compare.js').Verdict | undefined} v */
function cell(v) {
  if (!v) return ''
  if (v.state === 'refused') return `refused: \`${v.code}\``
  if (v.state === 'WRONG') return '**wrong**'
  const [digits, power] = (v.worst ?? 0).toExponential(0).split('e')
  const exponent = [...String(Number(power))].map((c) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]).join('')
  return `${digits}·10${exponent}${v.exact === 'one' ? ', *one*' : ''}`
}
