// @ts-check
// What importances of a sample cost, and what they change: each class of CIFAR-10 forgotten with a store of all training images, with one of as many as
// `--examples auto` takes, and with one of a tenth. Usage: npm run bench:sampled -- [classes]
import { openDataset } from '../dist/data/open-node.js'
import { select } from '../dist/data/select.js'
import { complement } from '../dist/data/split.js'
import { pick } from '../dist/network/examples.js'
import { openForward } from '../dist/network/forward.js'
import { scoreOf } from '../dist/unlearn/forget.js'
import { makeStore } from '../dist/workspace/make-store.js'
import { planRequest } from '../dist/workspace/request.js'
import { openWorkspace } from '../dist/workspace/workspace-node.js'
import { cifar10Folder, environment, percent, points, preprocessing, sharedModel, writeResult } from './shared.js'

const name = 'resnet20-cifar10'
const only = process.argv[2]?.split(',')
const tenth = 5000
/** @type {Record<string, import('../dist/workspace/make-store.js').SampleOptions>} */
const ways = {
  'all, 512 a group': { settings: { estimator: 'grouped' } },
  'all, 64 a group': { settings: { estimator: 'grouped', groupSize: 64 } },
  'a tenth, 64 a group': { settings: { estimator: 'grouped' }, examples: tenth },
  'auto, 64 a group': { settings: { estimator: 'grouped' }, examples: 'auto' },
}
const data = await openDataset(cifar10Folder(), { split: 'train' })
const test = await openDataset(cifar10Folder(), { split: 'test' })
const workspace = await openWorkspace({ model: sharedModel(name), data, preprocessing })
const { network, pool } = workspace
const forward = await openForward(network, pool, { varying: new Set(network.parameters.map((p) => p.name)) })
const original = new Map(
  network.parameters.map((p) => [p.name, /** @type {Float32Array} */ (network.graph.initializers.get(p.name)?.data)]),
)
const unseen = workspace.examples(test)

/** @type {{ way: string, seconds: number, count: number, stages: readonly import('../dist/importance/importance.js').Stage[], classes: { label: string, forget: number, rest: number, change: number, targetMet: boolean }[] }[]} */
const found = []
for (const [way, options] of Object.entries(ways)) {
  const begin = performance.now()
  const store = await makeStore(workspace, data, options)
  const seconds = (performance.now() - begin) / 1000
  const { count, population } = store.importance
  console.error(`${way}: ${count} examples, ${seconds.toFixed(0)} s`, JSON.stringify(population?.stages ?? []))
  const classes = []
  for (const label of only ?? data.classes ?? []) {
    const selectors = [/** @type {const} */ ({ kind: 'class', minus: false, values: [label] })]
    const { plan } = await planRequest(workspace, { store, data, selectors })
    const of = select(test, selectors, { allowAll: true })
    const rest = complement(test.size, of)
    const before = await accuracy(original, rest)
    const after = await accuracy(plan.changed, rest)
    const row = {
      label,
      forget: await accuracy(plan.changed, of),
      rest: after,
      change: after - before,
      targetMet: plan.targetMet,
    }
    console.error(`${way} ${label}: ${percent(row.forget)}, ${percent(row.rest)} (${points(row.change)})`)
    classes.push(row)
  }
  found.push({ way, seconds, count, stages: population?.stages ?? [], classes })
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
  const reference = found[0]
  if (!reference) return
  const cell = (/** @type {typeof reference} */ f, /** @type {number} */ i) => {
    const row = f.classes[i]
    return row ? `${percent(row.forget)}, ${points(row.change)}` : ''
  }
  /** Largest differences to the store of all data with the default settings. @param {typeof reference} f */
  const apart = (f) => ({
    forget: Math.max(...f.classes.map((row, i) => row.forget - (reference.classes[i]?.forget ?? 0))),
    rest: Math.min(...f.classes.map((row, i) => row.rest - (reference.classes[i]?.rest ?? 0))),
  })
  const verdict = (/** @type {typeof reference} */ f) => {
    const { forget, rest } = apart(f)
    const isMet = forget <= 0.01 && rest >= -0.002 && f.count <= data.size / 10
    return `- ${f.way}: ${f.count.toLocaleString('en-US')} examples (${percent(f.count / data.size)}), ${f.seconds.toFixed(0)} s (${(f.seconds / reference.seconds).toFixed(2)} × all); forgotten class at worst ${points(forget)} points, the others ${points(rest)} against all data (within +1 and −0.2, at most a tenth of the data: ${isMet ? 'met' : 'missed'})`
  }
  const text = [
    `# Importances of a sample: ${name}`,
    '',
    `Each class forgotten with the strength found by itself; accuracy on the forgotten class and change on the other nine in points, test images. Commit ${env.commit}, ${env.cpu}, ${env.cores} cores, Node ${env.node}, ${env.date}.`,
    '',
    `| class | ${found.map((f) => f.way).join(' | ')} |`,
    `|---|${found.map(() => '---').join('|')}|`,
    ...reference.classes.map((row, i) => `| ${row.label} | ${found.map((f) => cell(f, i)).join(' | ')} |`),
    '',
    ...found.slice(1).map(verdict),
    '',
    ...found.flatMap((f) =>
      f.stages.map(
        (s) =>
          `  - ${f.way}, ${s.count} examples: two halves select alike for ${percent(s.selection)} of the weights${s.answers === undefined ? '' : `, answer alike for ${percent(s.answers)} of the probe`}`,
      ),
    ),
    '',
  ].join('\n')
  console.log(text)
  writeResult('sampled', { name, found, environment: env }, text)
}
