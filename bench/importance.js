// @ts-check
// Examples a second of the estimators beside the same engine's plain forward pass, and beside PyTorch's batch-mean loop where
// PyTorch is installed; all alternating in one run. Usage: npm run bench:importance -- [resnet18|resnet20] [rounds] [examples]
import { spawnSync } from 'node:child_process'
import { cached } from '../dist/data/cached.js'
import { drawPeople } from '../dist/data/people/people.js'
import { uniforms } from '../dist/data/random.js'
import { subset } from '../dist/data/split.js'
import { createPool, engineOf } from '../dist/engine/node/pool.js'
import { estimateImportance } from '../dist/importance/estimate.js'
import { openForward } from '../dist/network/forward.js'
import { openNetwork } from '../dist/network/network.js'
import { findArchitecture } from '../dist/train/architectures/index.js'
import { examplesOf } from '../dist/workspace/examples.js'
import { environment, median, writeResult } from './shared.js'

const arch = process.argv[2] ?? 'resnet18'
const rounds = Number(process.argv[3] ?? 3)
const size = Number(process.argv[4] ?? (arch === 'resnet18' ? 256 : 1024))

const whole = cached(drawPeople({ split: 'train' }))
const data = subset(
  whole,
  Array.from({ length: size }, (_, i) => (i * 7) % whole.size),
)
const graph = findArchitecture(arch).build({ dims: [3, 32, 32], classes: 10 }, uniforms(1))
const pool = createPool()
const network = await openNetwork(graph, engineOf(pool), {
  sample: { input: { dtype: 'float32', dims: [1, 3, 32, 32], data: new Float32Array(3072) } },
})
const examples = examplesOf(data, network.inputs, {})
const forward = await openForward(network, pool)
const contenders = [
  { name: 'forward', run: () => forward.run(examples) },
  { name: 'exact', run: () => estimateImportance(network, pool, examples, { settings: { estimator: 'exact' } }) },
  {
    name: 'grouped',
    run: () => estimateImportance(network, pool, examples, { settings: { estimator: 'grouped', groupSize: 512 } }),
  },
]
const peerName = 'PyTorch batch-mean (64)'
const peer = spawnSync('python3', ['-c', 'import torch'], { stdio: 'ignore' }).status === 0
/** @type {Record<string, number[]>} */
const rates = {}
for (const c of contenders) await c.run()
for (let round = 0; round < rounds; round++) {
  for (const { name, run } of contenders) {
    const begin = performance.now()
    await run()
    rates[name] = [...(rates[name] ?? []), size / ((performance.now() - begin) / 1000)]
  }
  if (peer) {
    const out = spawnSync('python3', ['bench/peer_batch_mean.py', arch, String(size)], { encoding: 'utf8' })
    if (out.status !== 0) throw new Error(out.stderr)
    rates[peerName] = [...(rates[peerName] ?? []), Number(out.stdout)]
  }
}
await forward.release()
await pool.close()

const ratio = (/** @type {string} */ a, /** @type {string} */ b) =>
  median((rates[a] ?? []).map((r, i) => r / (rates[b]?.[i] ?? Number.NaN)))
const rows = Object.entries(rates).map(([name, r]) => {
  const mark = name === 'forward' || name.startsWith('PyTorch') ? '' : (3 * ratio(name, 'forward')).toFixed(2)
  const against = peer && name !== 'forward' && !name.startsWith('PyTorch') ? ratio(name, peerName).toFixed(2) : ''
  return `| ${name} | ${median(r).toFixed(0)} | ${mark} | ${against} |`
})
const text = [
  `# Importance estimation, ${arch} on 32×32 images`,
  '',
  `Medians of ${rounds} alternating rounds of ${size} examples on ${environment().cores} cores (${environment().cpu}), Node ${environment().node}, commit ${environment().commit}. The mark is a third of the engine's own forward pass: a backward pass costs two forwards. The machine is shared: only ratios mean something.`,
  '',
  '| | examples/s | share of the mark | ratio to PyTorch batch-mean |',
  '|---|---|---|---|',
  ...rows,
  '',
  ...(peer ? [] : ['PyTorch is not installed: its loop was not measured.', '']),
].join('\n')
console.log(text)
writeResult(`importance-${arch}`, { arch, size, rounds, rates, environment: environment() }, text)
