// @ts-check
// What a request costs around its passes: start and memory of `lethe importance`, dampening with reading and writing, and trials of the strength search.
// Networks are those of bench/importance.js, made with PyTorch. Usage: npm run bench:request
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDataset } from '../dist/data/open-node.js'
import { createPool, engineOf } from '../dist/engine/node/pool.js'
import { writeFileAtomic } from '../dist/files/atomic-node.js'
import { readFileBytes } from '../dist/files/read-node.js'
import { readStore } from '../dist/importance/store.js'
import { openForward } from '../dist/network/forward.js'
import { openNetwork } from '../dist/network/network.js'
import { readModel } from '../dist/onnx/model.js'
import { dampen } from '../dist/unlearn/dampen.js'
import { forgetShares } from '../dist/unlearn/shares.js'
import { examplesOf } from '../dist/workspace/examples.js'
import { changedPieces } from '../dist/workspace/model-bytes.js'
import { environment, median, networkFiles, writeResult } from './shared.js'

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '..')
const cache = join(root, 'node_modules', '.cache', 'lethe', 'bench')
const rounds = 5
const models = {
  resnet18: { title: 'ResNet-18', examples: 1024, startSeconds: 2 },
  'vit-base': { title: 'ViT-Base/16', examples: 32, startSeconds: 6 },
}
const lines = []
/** @type {Record<string, unknown>} */
const kept = {}

for (const [name, { title, examples, startSeconds }] of Object.entries(models)) {
  const [onnx = '', npz = ''] = networkFiles(name, examples)
  const runs = []
  for (let i = 0; i < 3; i++) runs.push(await start(name, onnx, npz))
  const seconds = median(runs.map((r) => r.seconds))
  const peak = median(runs.map((r) => r.peakBytes))
  const activations = await activationBytes(onnx, npz)
  const model = statSync(onnx).size
  const room = 6 * model + activations
  kept[name] = { seconds, peak, model, activations }
  lines.push(
    `- ${title}: from the start of the command to the first example ${seconds.toFixed(1)} s (under ${startSeconds}: ${seconds < startSeconds ? 'met' : `${(seconds - startSeconds).toFixed(1)} s too many`})`,
    `- ${title}: peak memory ${mib(peak)} MiB with two workers; 6 × the model (${mib(model)} MiB) and the values of a micro-batch in each worker (${mib(activations)} MiB) are ${mib(room)} MiB: ${peak <= room ? 'met' : `${(peak / room).toFixed(2)} × of it`}`,
  )
}
lines.push(...(await dampening()), ...(await trials()))
const env = environment()
const text = [
  '# What a request costs around its passes',
  '',
  `Medians; what is compared alternates in one run. Commit ${env.commit}, ${env.cpu}, ${env.cores} cores, Node ${env.node}, ${env.date}.`,
  '',
  ...lines,
  '',
].join('\n')
console.log(text)
writeResult('request', { ...kept, environment: env }, text)

/** @param {number} bytes */
function mib(bytes) {
  return (bytes / 2 ** 20).toFixed(0)
}

/**
 * The command from nothing, to the line that says that the first example is under way, and on to its end.
 * @param {string} name @param {string} onnx @param {string} npz
 * @returns {Promise<{ seconds: number, peakBytes: number }>}
 */
function start(name, onnx, npz) {
  const store = storePath(name)
  for (const old of [store, `${store}.part`]) rmSync(old, { force: true })
  const begin = performance.now()
  const child = spawn(
    process.execPath,
    [join(root, 'dist/cli/main.js'), 'importance', '-m', onnx, '-d', npz, '-o', store],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let seconds = 0
  let peakBytes = 0
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
    if (seconds === 0 && /^importance {2}0 \//m.test(said)) seconds = (performance.now() - begin) / 1000
  })
  const sample = setInterval(() => {
    const status = existsSync(`/proc/${child.pid}/status`) ? readFileSync(`/proc/${child.pid}/status`, 'utf8') : ''
    peakBytes = Math.max(peakBytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024)
  }, 50)
  return new Promise((done, fail) => {
    child.on('close', (code) => {
      clearInterval(sample)
      if (code === 0) done({ seconds, peakBytes })
      else fail(new Error(said))
    })
  })
}

/** @param {string} name */
function storePath(name) {
  return join(cache, `${name}.safetensors`)
}

/** @param {string} onnx @param {string} npz */
async function opened(onnx, npz) {
  const data = await openDataset(npz)
  const pool = createPool()
  const { graph } = readModel(await readFileBytes(onnx))
  const example = await data.read(0)
  const x = example.kind === 'tensors' ? example.tensors.x : undefined
  const input = graph.inputs[0]
  if (!x || !input) throw new Error('The data has no array x.')
  const sample = /** @type {import('../dist/engine/engine.js').Tensors} */ ({
    [input.name]: { ...x, dims: [1, ...x.dims] },
  })
  const network = await openNetwork(graph, engineOf(pool), { sample })
  return { pool, network, examples: examplesOf(data, network.inputs, {}) }
}

/** Bytes of all values of a micro-batch that depend on the examples, once a worker. @param {string} onnx @param {string} npz */
async function activationBytes(onnx, npz) {
  const { pool, network } = await opened(onnx, npz)
  const { microBatchOf } = await import('../dist/network/micro-batch.js')
  const s = await network.at(microBatchOf(network, 32, 'squares'))
  let bytes = 0
  for (const v of s.values.values()) if (v.kind === 'data') bytes += 4 * v.dims.reduce((a, b) => a * b, 1)
  await pool.close()
  return bytes * pool.workers
}

/** Store read, shares, dampening, model written and flushed to the disk; against copies of the same files, which nothing flushes. */
async function dampening() {
  const [onnx] = networkFiles('vit-base', 32)
  const [store, out] = [storePath('vit-base'), join(cache, 'dampened.onnx')]
  if (!onnx) return []
  const times = { ours: /** @type {number[]} */ ([]), copy: /** @type {number[]} */ ([]) }
  const model = readModel(await readFileBytes(onnx))
  const forget = readStore(await readFileBytes(store)).importance
  // Half of everything: each share is one half, and every weight is touched.
  const half = {
    ...forget,
    count: forget.count / 2,
    sums: new Map([...forget.sums].map(([k, v]) => [k, v.map((s) => s / 2)])),
  }
  const weights = new Map(
    [...forget.sums.keys()].map((k) => [k, /** @type {Float32Array} */ (model.graph.initializers.get(k)?.data)]),
  )
  for (let i = 0; i < rounds; i++) {
    let begin = performance.now()
    const { importance } = readStore(await readFileBytes(store))
    const { changed } = dampen(weights, forgetShares(importance, half), { share: 0.3, lambda: 0.5 })
    await writeFileAtomic(out, changedPieces({ model }, changed))
    times.ours.push(performance.now() - begin)
    begin = performance.now()
    await copyFile(onnx, out)
    await writeFile(`${out}.copy`, await readFile(store))
    times.copy.push(performance.now() - begin)
  }
  for (const path of [out, `${out}.copy`]) rmSync(path, { force: true })
  const ratio = median(times.ours.map((t, i) => t / (times.copy[i] ?? Number.NaN)))
  kept.dampening = { ...times, ratio }
  return [
    `- 86 M parameters: store read, dampened, model written in ${(median(times.ours) / 1000).toFixed(2)} s, ${ratio.toFixed(2)} × the time of copying model and store without a flush to the disk (within 2: ${ratio <= 2 ? 'met' : 'missed'})`,
  ]
}

/** Candidates of the strength search against the plain forward pass. */
async function trials() {
  const [onnx = '', npz = ''] = networkFiles('resnet18', 1024)
  const { pool, network, examples } = await opened(onnx, npz)
  const names = new Set(network.parameters.map((p) => p.name))
  const weights = new Map(
    network.parameters.map((p) => [p.name, /** @type {Float32Array} */ (network.graph.initializers.get(p.name)?.data)]),
  )
  const plain = await openForward(network, pool)
  const fed = await openForward(network, pool, { varying: names })
  const own = await openForward(network, pool, { varying: names, runs: 'many' })
  await plain.run(examples)
  const times = {
    plain: /** @type {number[]} */ ([]),
    fed: /** @type {number[]} */ ([]),
    own: /** @type {number[]} */ ([]),
  }
  for (let i = 0; i < rounds; i++) {
    for (const [way, forward] of /** @type {const} */ ([
      ['plain', plain],
      ['fed', fed],
      ['own', own],
    ])) {
      const begin = performance.now()
      if (way !== 'plain') await forward.hold(weights)
      await forward.run(examples)
      times[way].push(performance.now() - begin)
    }
  }
  for (const forward of [plain, fed, own]) await forward.release()
  await pool.close()
  const rate = (/** @type {'fed' | 'own'} */ way) =>
    median(times.plain.map((t, i) => t / (times[way][i] ?? Number.NaN)))
  kept.trials = { ...times, fed: rate('fed'), own: rate('own') }
  return [
    `- ResNet-18, ${examples.size.toLocaleString('en-US')} probe examples a candidate: changed weights in a session of their own run at ${rate('own').toFixed(2)} of the plain forward rate, the making of the session in it (0.9 or more: ${rate('own') >= 0.9 ? 'met' : 'missed'}); fed to one session at ${rate('fed').toFixed(2)}`,
  ]
}
