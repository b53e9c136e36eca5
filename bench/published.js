// @ts-check
// The published settings on a public model: importances over batches of 64 with the data in class order, α = 5 and λ = 1; and
// α = 10, which is R here and selects nothing. Usage: npm run bench:published -- [model]
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { environment, lethe, mustRun, onCifar, percent, writeResult } from './shared.js'

const name = process.argv[2] ?? 'resnet20-cifar10'
const folder = join('node_modules', '.cache', 'lethe', 'published')
mkdirSync(folder, { recursive: true })
const store = join(folder, `${name}.safetensors`)
const out = join(folder, `${name}-forgotten.onnx`)
const on = onCifar(name)
const request = [...on, '-i', store, '--forget', 'class=airplane']

// Made once: a store of an earlier run is as good, and refuses another model.
if (!existsSync(store)) {
  mustRun([...'importance --estimator batch-mean --batch-size 64 --order label'.split(' '), ...on, '-o', store])
}
const forgotten = mustRun(['forget', ...request, '--alpha', '5', '--lambda', '1', '-o', out])
const refused = lethe(['forget', ...request, '--alpha', '10', '--lambda', '1', '-o', `${out}.none`])
const reason = refused.stderr.trim().split('\n').at(-1) ?? ''
if (refused.status !== 1 || !reason.includes('strength-void')) throw new Error(`α = 10 was not refused: ${reason}`)

const { before, after, plan } = forgotten.json
const rows = [
  ['forgotten class, test images', before.unseen.accuracy.value, after.unseen.accuracy.value],
  ['other nine classes, test images', before.test.accuracy.value, after.test.accuracy.value],
  ['forgotten class, training images', before.forget.accuracy.value, after.forget.accuracy.value],
]
const text = [
  `# Published settings on ${name}`,
  '',
  `Importances: \`batch-mean\`, batches of 64, data in class order. Class airplane, α = 5, λ = 1: ${plan.chosen.selected} weights dampened. Commit ${environment().commit}, ${environment().cpu}.`,
  '',
  '| accuracy | before | after |',
  '|---|---|---|',
  ...rows.map(([of, a, b]) => `| ${of} | ${percent(Number(a))} | ${percent(Number(b))} |`),
  '',
  'PyTorch gives the same with the published code (`bench/peer_published.py`, its output beside this page): the same number of weights, the same accuracies.',
  '',
  'With α = 10 (the published value for this task) the command stops before any work. (The published code goes on and selects what the uneven last batch of the forget set lets through: accuracy on the class rises.)',
  '',
  '```',
  reason,
  '```',
  '',
].join('\n')
console.log(text)
writeResult(`published-${name}`, { model: name, before, after, refused: reason, environment: environment() }, text)
