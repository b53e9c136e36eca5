// @ts-check
// Forgets each of the ten CIFAR-10 classes of a public model with the strength found by itself, and measures the result on
// the test set, which the search never sees. Usage: npm run bench:classes -- resnet20-cifar10 [classes]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDataset } from '../dist/data/open-node.js'
import { select } from '../dist/data/select.js'
import { complement } from '../dist/data/split.js'
import { estimateImportance } from '../dist/importance/estimate.js'
import { hashIds, readStore, writeStore } from '../dist/importance/store.js'
import { pick } from '../dist/network/examples.js'
import { openForward } from '../dist/network/forward.js'
import { scoreOf } from '../dist/unlearn/forget.js'
import { planRequest } from '../dist/workspace/request.js'
import { openWorkspace } from '../dist/workspace/workspace-node.js'
import { cifar10Folder, environment, percent, points, preprocessing, sharedModel, writeResult } from './shared.js'

const name = process.argv[2] ?? 'resnet20-cifar10'
const only = process.argv[3]?.split(',')
const settings = { estimator: 'grouped', groupSize: 512 }
const here = environment()

const data = await openDataset(cifar10Folder(), { split: 'train' })
const test = await openDataset(cifar10Folder(), { split: 'test' })
const workspace = await openWorkspace({ model: sharedModel(name), data, preprocessing })
const { network, pool, file } = workspace
const { store, seconds: storeSeconds } = await openStore()
const forward = await openForward(network, pool, { varying: new Set(network.parameters.map((p) => p.name)) })
const original = new Map(
  network.parameters.map((p) => [p.name, /** @type {Float32Array} */ (network.graph.initializers.get(p.name)?.data)]),
)
const unseen = workspace.examples(test)

/** @type {{ class: string, tau: number, alpha: number, lambda: number, dampened: number, targetMet: boolean, floor: string, forget: [number, number], rest: [number, number], change: number, seconds: number }[]} */
const rows = []
for (const label of only ?? data.classes ?? []) {
  const begin = performance.now()
  const selectors = [/** @type {const} */ ({ kind: 'class', minus: false, values: [label] })]
  const { plan } = await planRequest(workspace, { store, data, selectors })
  const seconds = (performance.now() - begin) / 1000
  const of = select(test, selectors, { allowAll: true })
  const rest = complement(test.size, of)
  const before = [await accuracy(original, of), await accuracy(original, rest)]
  const after = [await accuracy(plan.changed, of), await accuracy(plan.changed, rest)]
  rows.push({
    class: label,
    tau: plan.strength.share,
    alpha: plan.alpha,
    lambda: plan.strength.lambda,
    dampened: plan.chosen.selected,
    targetMet: plan.targetMet,
    floor: plan.floor,
    forget: [before[0] ?? 0, after[0] ?? 0],
    rest: [before[1] ?? 0, after[1] ?? 0],
    change: (after[1] ?? 0) - (before[1] ?? 0),
    seconds,
  })
  console.log(line(/** @type {typeof rows[number]} */ (rows.at(-1))))
}
await forward.release()
await workspace.close()

const worstForget = Math.max(...rows.map((r) => r.forget[1]))
const worstChange = Math.min(...rows.map((r) => r.change))
const meanChange = rows.reduce((sum, r) => sum + r.change, 0) / rows.length
const verdict = [
  `forgotten class, test accuracy: worst ${percent(worstForget)} (at most 2 %: ${worstForget <= 0.02 ? 'met' : 'missed'})`,
  `other classes, change: worst ${points(worstChange)} (at least −1.0: ${worstChange >= -0.01 ? 'met' : 'missed'}), mean ${points(meanChange)} (at least −0.3: ${meanChange >= -0.003 ? 'met' : 'missed'})`,
]
console.log(verdict.join('\n'))
if (!only) {
  writeResult(
    `forget-classes-${name}`,
    { model: name, settings, storeSeconds, environment: here, rows, worstForget, worstChange, meanChange },
    [
      `# Each class of ${name} forgotten, strength found by itself`,
      '',
      `Importances: \`${settings.estimator}\`, ${settings.groupSize} a group, of the 50,000 training images once (${storeSeconds === undefined ? 'read from an earlier run' : `${storeSeconds.toFixed(0)} s`}). The search sees training images only; the figures are those of the 10,000 test images. Seconds: the whole request on ${here.cores} cores of a shared machine (${here.cpu}), Node ${here.node}, commit ${here.commit}.`,
      '',
      '| class | τ | α | λ | weights dampened | forgotten class | other nine | change, points | target | seconds |',
      '|---|---|---|---|---|---|---|---|---|---|',
      ...rows.map(line),
      '',
      ...verdict.map((v) => `- ${v}`),
      '',
    ].join('\n'),
  )
}

/** @param {typeof rows[number]} r */
function line(r) {
  return `| ${r.class} | ${r.tau.toFixed(3)} | ${r.alpha.toFixed(2)} | ${r.lambda} | ${r.dampened} | ${percent(r.forget[0])} → ${percent(r.forget[1])} | ${percent(r.rest[0])} → ${percent(r.rest[1])} | ${points(r.change)} | ${r.targetMet ? 'reached' : 'not reached'} | ${r.seconds.toFixed(0)} |`
}

/** @param {ReadonlyMap<string, Float32Array>} changed @param {ArrayLike<number>} rowsOf */
async function accuracy(changed, rowsOf) {
  await forward.hold(new Map([...original, ...changed]))
  const set = pick(unseen, rowsOf)
  return scoreOf(await forward.run(set), set).score.accuracy
}

/** The store, made once and kept beside the dependencies. */
async function openStore() {
  const folder = join('node_modules', '.cache', 'lethe', 'stores')
  const path = join(folder, `${file.digest.slice(0, 16)}-${settings.estimator}-${settings.groupSize}.safetensors`)
  if (existsSync(path)) return { store: readStore(readFileSync(path)), seconds: undefined }
  const begin = performance.now()
  const importance = await estimateImportance(network, pool, workspace.examples(data), { settings })
  const made = {
    importance,
    facts: { model: file.digest, loss: network.loss.loss, output: network.loss.output, preprocessing, software: {} },
    ids: hashIds(Array.from({ length: data.size }, (_, i) => data.id(i))),
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, writeStore(made))
  return { store: made, seconds: (performance.now() - begin) / 1000 }
}
