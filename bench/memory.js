// @ts-check
// How peak memory and time of `lethe importance` grow from 1,000 to 50,000 images, and the time to its first line of progress.
// Usage: npm run bench:memory -- [model]
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { environment, median, onCifar, writeResult } from './shared.js'

const name = process.argv[2] ?? 'resnet20-cifar10'
const folder = join('node_modules', '.cache', 'lethe', 'memory')
mkdirSync(folder, { recursive: true })
if (!existsSync('/proc/self/status')) throw new Error('This benchmark reads peak memory from /proc, which is not here.')

const all = 50000
const sizes = [1000, 5000, 10000, 20000, all]
/** Sizes whose memory is compared; each is run three times, for the peak of a single run is off by some percent. */
const compared = [5000, all]
const estimators = ['exact', 'grouped']
/** @type {{ size: number, estimator: string, peakMiB: number, firstMs: number, seconds: number }[]} */
const runs = []
for (const size of sizes) {
  for (const estimator of estimators) {
    /** @type {{ peakMiB: number, firstMs: number, seconds: number }[]} */
    const rounds = []
    for (let i = 0; i < (compared.includes(size) ? 3 : 1); i++) rounds.push(await measure(size, estimator))
    const of = (/** @type {'peakMiB' | 'firstMs' | 'seconds'} */ what) => median(rounds.map((r) => r[what]))
    runs.push({ size, estimator, peakMiB: of('peakMiB'), firstMs: of('firstMs'), seconds: of('seconds') })
  }
}
const first = median(runs.map((r) => r.firstMs))
const text = [
  `# Memory and start of \`lethe importance\` on ${name}`,
  '',
  `Peak resident memory of the whole process; of 5,000 and 50,000 images the median of three runs. Commit ${environment().commit}, ${environment().cpu}, ${environment().cores} cores, Node ${environment().node}.`,
  '',
  '| images | importances | peak memory, MiB | seconds | ms an image | first line of progress, s |',
  '|---|---|---|---|---|---|',
  ...runs.map(
    (r) =>
      `| ${r.size} | ${r.estimator} | ${r.peakMiB.toFixed(0)} | ${r.seconds.toFixed(1)} | ${((1000 * r.seconds) / r.size).toFixed(2)} | ${(r.firstMs / 1000).toFixed(2)} |`,
  ),
  '',
  ...estimators.map((e) => {
    const peak = (/** @type {number} */ size) => runs.find((r) => r.estimator === e && r.size === size)?.peakMiB ?? 0
    const growth = peak(all) / peak(5000)
    return `- ${e}: 50,000 images take ${growth.toFixed(2)} × the memory of 5,000 (at most 1.1: ${growth <= 1.1 ? 'met' : 'missed'})`
  }),
  `- first line of progress after ${(first / 1000).toFixed(2)} s, median (under 2: ${first < 2000 ? 'met' : 'missed'})`,
  '',
].join('\n')
console.log(text)
writeResult(`memory-${name}`, { model: name, runs, environment: environment() }, text)

/**
 * One run of the command from nothing: its peak memory and the time to its first line of progress.
 * @param {number} size @param {string} estimator
 * @returns {Promise<{ peakMiB: number, firstMs: number, seconds: number }>}
 */
function measure(size, estimator) {
  const store = join(folder, `${size}-${estimator}.safetensors`)
  for (const old of [store, `${store}.part`]) rmSync(old, { force: true })
  const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
  const ids = join(folder, `ids-${size}.txt`)
  const id = (/** @type {number} */ i) => `data_batch_${1 + (i % 5)}/${Math.floor(i / 5)}\n`
  writeFileSync(ids, Array.from({ length: size }, (_, i) => id(i)).join(''))
  const where = size < all ? ['--where', `ids=${ids}`] : []
  const begin = performance.now()
  const child = spawn(
    process.execPath,
    [main, 'importance', ...onCifar(name), '--estimator', estimator, ...where, '-o', store],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let firstMs = 0
  let peakMiB = 0
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
    if (firstMs === 0) firstMs = performance.now() - begin
  })
  const sample = setInterval(() => {
    const status = existsSync(`/proc/${child.pid}/status`) ? readFileSync(`/proc/${child.pid}/status`, 'utf8') : ''
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
  }, 100)
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      clearInterval(sample)
      if (code === 0) resolve({ peakMiB, firstMs, seconds: (performance.now() - begin) / 1000 })
      else reject(new Error(said))
    })
  })
}
