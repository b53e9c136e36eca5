// @ts-check
// How many examples a run of the engine should have: examples a second of exact importances and of groups at several numbers of them, both workers busy, alternating.
// The rule behind it is src/network/micro-batch.ts. Networks are those of bench/importance.js, made with PyTorch.
// Usage: npm run bench:batch -- [MODEL ...]; default resnet20 resnet18 vit-tiny
import { openDataset } from '../dist/data/open-node.js'
import { subset } from '../dist/data/split.js'
import { createPool, engineOf } from '../dist/engine/node/pool.js'
import { readFileBytes } from '../dist/files/read-node.js'
import { estimateImportance } from '../dist/importance/estimate.js'
import { microBatchOf } from '../dist/network/micro-batch.js'
import { openNetwork } from '../dist/network/network.js'
import { readModel } from '../dist/onnx/model.js'
import { examplesOf } from '../dist/workspace/examples.js'
import { environment, keepingSessions, median, networkFiles, processorFolder, writeResult } from './shared.js'

const rounds = 5
/** Examples a pass: several units of work for each of two workers. @type {Record<string, number>} */
const passes = { resnet20: 1024, resnet18: 256, 'vit-tiny': 64 }
const sizes = [2, 4, 8, 16, 32]
const ways = /** @type {const} */ ([
  { estimator: 'exact', form: 'squares' },
  { estimator: 'grouped', form: 'sum' },
])
const given = process.argv.slice(2)

const sections = []
/** @type {Record<string, unknown>} */
const kept = {}
for (const name of given.length > 0 ? given : Object.keys(passes)) {
  const { rates, chosen } = await measure(name)
  kept[name] = { rates, chosen }
  sections.push(
    `## ${name}`,
    '',
    '| examples a run | exact | grouped |',
    '|---|---|---|',
    ...sizes.map((size) => {
      const cells = ways.map(({ estimator }) => {
        const all = rates[estimator]
        const ratio = median((all?.[size] ?? []).map((r, i) => r / (all?.[chosen[estimator] ?? 0]?.[i] ?? Number.NaN)))
        return size === chosen[estimator] ? '**1** (taken)' : ratio.toFixed(2)
      })
      return `| ${size} | ${cells.join(' | ')} |`
    }),
    '',
  )
}
const env = environment()
const text = [
  '# Examples a run of the engine',
  '',
  `Examples a second with so many in a run, relative to the number that Lethe takes; medians of the ratios of ${rounds} alternating passes, both workers busy. Commit ${env.commit}, ${env.cpu}, ${env.cores} cores, Node ${env.node}, ${env.date}.`,
  '',
  ...sections,
].join('\n')
console.log(text)
writeResult(`micro-batch/${processorFolder(env.cpu)}`, { ...kept, rounds, environment: env }, text)

/** @param {string} name */
async function measure(name) {
  const count = passes[name] ?? 32
  const [onnx, npz] = networkFiles(name, count)
  const whole = await openDataset(npz)
  const data = subset(
    whole,
    Array.from({ length: Math.min(count, whole.size) }, (_, i) => i),
  )
  const { pool, close } = keepingSessions(createPool())
  const { graph } = readModel(await readFileBytes(onnx))
  const network = await openNetwork(graph, engineOf(pool))
  const examples = examplesOf(data, network.inputs, {})
  /** @type {Record<string, number>} */
  const chosen = Object.fromEntries(ways.map(({ estimator, form }) => [estimator, microBatchOf(network, 32, form)]))
  /** @type {Record<string, Record<number, number[]>>} */
  const rates = Object.fromEntries(ways.map(({ estimator }) => [estimator, {}]))
  // In the first round sessions are made and memory is touched for the first time.
  for (let round = 0; round <= rounds; round++) {
    for (const { estimator } of ways) {
      for (const size of sizes) {
        const begin = performance.now()
        await estimateImportance(network, pool, examples, { settings: { estimator }, microBatch: size })
        const rate = (1000 * data.size) / (performance.now() - begin)
        if (round > 0) rates[estimator] = { ...rates[estimator], [size]: [...(rates[estimator]?.[size] ?? []), rate] }
      }
    }
    console.error(`${name} ${round}/${rounds}`)
  }
  await close()
  return { rates, chosen }
}
