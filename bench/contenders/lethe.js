// @ts-check
// A way to importances (or the plain forward pass) in Lethe, run on demand: each line read from standard input is a pass,
// answered by a line of JSON. Usage: node bench/contenders/lethe.js MODEL.onnx DATA.npz METHOD FIRST
// Sessions are made once and kept, so that a pass is what a long one is: making them is told apart (making), and their first runs, in which
// memory is touched for the first time, are over before the first pass that counts.
// Before it is ready it passes over the first FIRST examples, and tells the sum of their importances.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { openDataset } from '../../dist/data/open-node.js'
import { subset } from '../../dist/data/split.js'
import { createPool, engineOf } from '../../dist/engine/node/pool.js'
import { estimateImportance } from '../../dist/importance/estimate.js'
import { openForward } from '../../dist/network/forward.js'
import { openNetwork } from '../../dist/network/network.js'
import { readModel } from '../../dist/onnx/model.js'
import { examplesOf } from '../../dist/workspace/examples.js'
import { keepingSessions } from '../shared.js'

const [modelPath = '', dataPath = '', method = '', few = '1'] = process.argv.slice(2)
const began = performance.now()
const data = await openDataset(dataPath)
const first = subset(
  data,
  Array.from({ length: Number(few) }, (_, i) => i),
)
const { pool, spent, close } = keepingSessions(createPool())
const { graph } = readModel(readFileSync(modelPath))
const input = graph.inputs[0]
if (!input) throw new Error('The model has no input.')
const example = await data.read(0)
if (example.kind !== 'tensors') throw new Error('The data holds no arrays.')
const x = example.tensors.x
if (!x) throw new Error('The data has no array x.')
const sample = /** @type {import('../../dist/engine/engine.js').Tensors} */ ({
  [input.name]: { ...x, dims: [1, ...x.dims] },
})
const network = await openNetwork(graph, engineOf(pool), { sample })
const forward = method === 'forward' ? await openForward(network, pool) : undefined

/**
 * @param {import('../../dist/data/dataset.js').Dataset} set
 * @returns {Promise<number>}
 */
async function pass(set) {
  const examples = examplesOf(set, network.inputs, {})
  if (forward) {
    await forward.run(examples)
    return 0
  }
  const [estimator = '', size] = method.split(':')
  const settings = {
    estimator,
    ...(estimator === 'grouped' && { groupSize: Number(size ?? 512) }),
    ...(estimator !== 'grouped' && size && { batchSize: Number(size) }),
  }
  const { sums } = await estimateImportance(network, pool, examples, { settings })
  let check = 0
  // By index: an iterator over a typed array takes several times as long, which a pass of a large network shows.
  for (const sum of sums.values()) for (let i = 0; i < sum.length; i++) check += /** @type {number} */ (sum[i])
  return check
}

/** @param {unknown} value */
const answer = (value) => console.log(JSON.stringify(value))
const check = await pass(first)
// A unit for every worker of two.
const warm = Math.min(data.size, 32)
await pass(
  subset(
    data,
    Array.from({ length: warm }, (_, i) => i),
  ),
)
answer({
  ready: true,
  check,
  making: spent.making,
  workers: pool.workers,
  startSeconds: (performance.now() - began) / 1000,
})
for await (const _ of createInterface({ input: process.stdin })) {
  const begin = performance.now()
  spent.hashing = 0
  await pass(data)
  const seconds = (performance.now() - begin) / 1000 - spent.hashing
  answer({ seconds, rate: data.size / seconds, peakBytes: process.resourceUsage().maxRSS * 1024 })
}
await close()
