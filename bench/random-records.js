// @ts-check
// 100 random training records forgotten with the strength found by itself: test accuracy before and after on all 10,000 test
// images, and what the verdict says. Usage: npm run bench:random -- [model] [count]
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { environment, mustRun, onCifar, percent, points, writeResult } from './shared.js'

const name = process.argv[2] ?? 'resnet20-cifar10'
const count = Number(process.argv[3] ?? 100)
const folder = join('node_modules', '.cache', 'lethe', 'random')
mkdirSync(folder, { recursive: true })
const on = onCifar(name)

const rows = []
for (const estimator of ['exact', 'grouped']) {
  const store = join(folder, `${name}-${estimator}.safetensors`)
  const out = join(folder, `${name}-${estimator}.onnx`)
  // Made once: a store of an earlier run is as good, and refuses another model.
  const made = existsSync(store) ? undefined : mustRun(['importance', '--estimator', estimator, ...on, '-o', store])
  const forgotten = mustRun(['forget', ...on, '-i', store, '--forget', `random=${count}`, '--auto', '-o', out])
  const { before, after, verdict, plan } = forgotten.json
  const measured = mustRun(['evaluate', ...on, '-m', out]).json.models
  const accuracy = measured.map((/** @type {any} */ m) => m.overall.accuracy[0].value)
  rows.push({
    estimator,
    storeSeconds: made?.seconds,
    seconds: forgotten.seconds,
    accuracy,
    before,
    after,
    verdict,
    plan,
  })
}
const worst = Math.min(...rows.map((r) => r.accuracy[1] - r.accuracy[0]))
const text = [
  `# ${count} random training records of ${name}`,
  '',
  `Strength found by itself; accuracies on all 10,000 test images; the search has seen the training records and a quarter of the test images. Commit ${environment().commit}, ${environment().cpu}.`,
  '',
  '| importances | weights dampened | test accuracy | change, points | on the records | loss on the records | membership AUC | verdict |',
  '|---|---|---|---|---|---|---|---|',
  ...rows.map(
    ({ estimator, plan, accuracy, before, after, verdict }) =>
      `| ${estimator} | ${plan.chosen.selected} | ${percent(accuracy[0])} → ${percent(accuracy[1])} | ${points(accuracy[1] - accuracy[0])} | ${percent(before.forget.accuracy.value)} → ${percent(after.forget.accuracy.value)} | ${before.forget.loss.toFixed(3)} → ${after.forget.loss.toFixed(3)} | ${auc(before)} → ${auc(after)} | ${verdict.state} |`,
  ),
  '',
  `- test accuracy: worst change ${points(worst)} (at least −0.5: ${worst >= -0.005 ? 'met' : 'missed'})`,
  ...rows.map((r) => `- verdict with ${r.estimator}: ${r.verdict.sentence} ${r.verdict.advice.join(' ')}`),
  '',
].join('\n')
console.log(text)
writeResult(`random-records-${name}`, { model: name, count, rows, environment: environment() }, text)

/** @param {any} facts */
function auc(facts) {
  return facts.membership ? facts.membership.value.toFixed(3) : '–'
}
