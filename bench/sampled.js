// @ts-check
// What importances of a sample cost, and what they change: each class of CIFAR-10 forgotten with a store of a tenth of the training images, beside the results
// of bench/forget-classes.js with all of them; and how many examples `--examples auto` takes. Usage: npm run bench:sampled -- [classes]
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDataset } from '../dist/data/open-node.js'
import { select } from '../dist/data/select.js'
import { complement } from '../dist/data/split.js'
import { pick } from '../dist/network/examples.js'
import { openForward } from '../dist/network/forward.js'
import { scoreOf } from '../dist/unlearn/forget.js'
import { makeStore } from '../dist/workspace/make-store.js'
import { planRequest } from '../dist/workspace/request.js'
import { openWorkspace } from '../dist/workspace/workspace-node.js'
import {
  cifar10Folder,
  environment,
  median,
  percent,
  points,
  preprocessing,
  sharedModel,
  writeResult,
} from './shared.js'

const name = 'resnet20-cifar10'
const only = process.argv[2]?.split(',')
const tenth = 5000
const all = JSON.parse(readFileSync(join(import.meta.dirname, 'results', `forget-classes-${name}.json`), 'utf8'))
const data = await openDataset(cifar10Folder(), { split: 'train' })
const test = await openDataset(cifar10Folder(), { split: 'test' })
const workspace = await openWorkspace({ model: sharedModel(name), data, preprocessing })
const { network, pool } = workspace
const forward = await openForward(network, pool, { varying: new Set(network.parameters.map((p) => p.name)) })
const original = new Map(
  network.parameters.map((p) => [p.name, /** @type {Float32Array} */ (network.graph.initializers.get(p.name)?.data)]),
)
const unseen = workspace.examples(test)

/** @type {import('../dist/importance/importance.js').Stage[]} */
const stages = []
/** @param {import('../dist/workspace/make-store.js').ExampleCount | undefined} examples */
async function timed(examples) {
  const begin = performance.now()
  const settings = { estimator: 'grouped' }
  const store = await makeStore(
    workspace,
    data,
    examples === undefined ? { settings } : { settings, examples, onStage: (stage) => void stages.push(stage) },
  )
  return { store, seconds: (performance.now() - begin) / 1000 }
}
// Alternating, so that their ratio means something.
const times = { few: /** @type {number[]} */ ([]), whole: /** @type {number[]} */ ([]) }
let few = await timed(tenth)
for (let i = 0; i < 2; i++) {
  few = await timed(tenth)
  times.few.push(few.seconds)
  times.whole.push((await timed(undefined)).seconds)
}
const auto = await timed('auto')
/** @type {{ label: string, forget: number, rest: number, before: number, targetMet: boolean }[]} */
const classes = []
for (const label of only ?? data.classes ?? []) {
  const selectors = [/** @type {const} */ ({ kind: 'class', minus: false, values: [label] })]
  const { plan } = await planRequest(workspace, { store: few.store, data, selectors })
  const of = select(test, selectors, { allowAll: true })
  const rest = complement(test.size, of)
  const before = await accuracy(original, rest)
  const row = {
    label,
    before,
    forget: await accuracy(plan.changed, of),
    rest: await accuracy(plan.changed, rest),
    targetMet: plan.targetMet,
  }
  console.error(`${label}: ${percent(row.forget)}, ${percent(row.rest)} (${points(row.rest - before)})`)
  classes.push(row)
}
await forward.release()
await workspace.close()
report()

/** @param {ReadonlyMap<string, Float32Array>} changed @param {ArrayLike<number>} rows */
async function accuracy(changed, rows) {
  await forward.hold(new Map([...original, ...changed]))
  const set = pick(unseen, rows)
  return scoreOf(await forward.run(set), set).score.accuracy
}

function report() {
  const env = environment()
  const count = few.store.importance.count
  const rows = classes.map((row) => ({ ...row, all: all.rows.find((/** @type {any} */ r) => r.class === row.label) }))
  const worst = Math.max(...rows.map((r) => r.forget - r.all.forget[1]))
  const lost = Math.min(...rows.map((r) => r.rest - r.all.rest[1]))
  const mean = rows.reduce((sum, r) => sum + r.rest - r.all.rest[1], 0) / rows.length
  const ratio = median(times.few.map((t, i) => t / (times.whole[i] ?? Number.NaN)))
  const text = [
    `# Importances of a tenth of the data: ${name}`,
    '',
    `\`--estimator grouped --examples ${tenth}\`: ${count.toLocaleString('en-US')} images, ${few.store.importance.settings.groupSize} a group. Each class forgotten with the strength found by itself; figures of the test images; those with all 50,000 images (512 a group) are of commit ${all.environment.commit}. Commit ${env.commit}, ${env.cpu}, ${env.cores} cores, Node ${env.node}, ${env.date}.`,
    '',
    '| class | forgotten class, before | with all images | with a tenth | other nine, before | with all images | with a tenth |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(
      (r) =>
        `| ${r.label} | ${percent(r.all.forget[0])} | ${percent(r.all.forget[1])} | ${percent(r.forget)} | ${percent(r.before)} | ${percent(r.all.rest[1])} | ${percent(r.rest)} |`,
    ),
    '',
    `- a store of ${count.toLocaleString('en-US')} images takes ${ratio.toFixed(2)} of the time of one of all (${median(times.few).toFixed(1)} s and ${median(times.whole).toFixed(1)} s)`,
    `- forgotten class, against all images: at worst ${points(worst)} points (within 1: ${worst <= 0.01 ? 'met' : 'missed'})`,
    `- other nine classes, against all images: ${points(mean)} points in the mean (within 0.2: ${mean >= -0.002 ? 'met' : 'missed'}), at worst ${points(lost)} (within 0.2: ${lost >= -0.002 ? 'met' : 'missed'})`,
    `- \`--examples auto\` took ${auto.store.importance.count.toLocaleString('en-US')} images (at most a tenth: ${auto.store.importance.count <= data.size / 10 ? 'met' : 'missed'}); the two halves, sample by sample, agree in the selection and in the answers to ${stages.map((s) => `${percent(s.selection)} and ${percent(s.answers ?? 0)} (${s.count.toLocaleString('en-US')})`).join(', ') || 'the same'}`,
    '',
  ].join('\n')
  console.log(text)
  writeResult(
    'sampled',
    {
      name,
      count,
      times,
      classes,
      auto: { count: auto.store.importance.count, stages, seconds: auto.seconds },
      worst,
      lost,
      mean,
      environment: env,
    },
    text,
  )
}
