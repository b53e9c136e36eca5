// @ts-check
// Examples a second of Lethe's estimators, of its engine's plain forward pass, and of four ways in PyTorch, each in a process of
// its own on the same exported network and the same examples, alternating pass by pass.
// Usage: npm run bench:importance -- [MODEL ...] [--rounds N]. Models: resnet18 resnet20 vit-tiny vit-base text-6 mobilenetv2 convnext-tiny; default all.
// Without PyTorch there is nothing to measure: it makes the networks, too. Ten processes with large networks do not fit into one machine's memory:
// those of a network that says so (fresh) live for one pass each.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { environment, median, processorFolder, writeResult } from './shared.js'

const here = dirname(fileURLToPath(import.meta.url))
const cache = resolve(here, '..', 'node_modules', '.cache', 'lethe', 'bench')

/**
 * Examples a pass of Lethe (an even number of units of work, so that both workers have as many) and of PyTorch; and the targets: shares of the mark (a third of the forward pass's rate) of exact importances and of batch
 * gradients, and ratios of exact importances to the fastest exact way in PyTorch and to the published loop.
 * @type {Record<string, { examples: number, few: number, exact?: number, batch?: number, peer: number, published?: number, fresh?: boolean }>}
 */
const models = {
  resnet18: { examples: 1024, few: 128, exact: 0.85, batch: 0.95, peer: 2, published: 1.2 },
  resnet20: { examples: 4096, few: 256, exact: 0.85, batch: 0.95, peer: 2 },
  'vit-tiny': { examples: 512, few: 32, exact: 0.85, batch: 0.95, peer: 1.2, published: 1.3 },
  'vit-base': { examples: 256, few: 8, exact: 0.8, batch: 0.95, peer: 1.2, fresh: true },
  'text-6': { examples: 192, few: 16, exact: 0.8, batch: 0.95, peer: 1.2, fresh: true },
  // Depthwise convolutions are bound by memory and not by arithmetic: a share of the mark says little of them.
  mobilenetv2: { examples: 192, few: 32, peer: 1.2 },
  'convnext-tiny': { examples: 64, few: 16, peer: 1.2, fresh: true },
}
const ways = {
  forward: 'Lethe forward',
  exact: 'Lethe exact',
  grouped: 'Lethe grouped',
  sketch: 'Lethe sketch',
  'batch-mean:64': 'Lethe batch-mean (64)',
}
const peers = {
  'batch-mean': 'PyTorch batch-mean (64), published',
  'batch-of-one': 'PyTorch batches of one, exact',
  vmap: 'PyTorch vmap(grad), exact',
  hooks: 'PyTorch hooks, exact',
}

const args = process.argv.slice(2)
const at = args.indexOf('--rounds')
const rounds = at < 0 ? 3 : Number(args.splice(at, 2)[1])
for (const name of args.length > 0 ? args : Object.keys(models)) await measure(name)

/** @param {string} name */
async function measure(name) {
  const plan = models[name]
  if (!plan) throw new Error(`No model is called "${name}"; there are ${Object.keys(models).join(', ')}.`)
  const flops = exported(name, plan.examples)
  const [onnx, npz] = [join(cache, `${name}.onnx`), join(cache, `${name}.npz`)]
  const contenders = [
    { label: 'peak', process: start('node', [join(here, 'contenders/peak.js')]) },
    ...Object.entries(plan.fresh ? without(ways, 'batch-mean:64') : ways).map(([way, label]) => ({
      label,
      process: start('node', [join(here, 'contenders/lethe.js'), onnx, npz, way, String(plan.few)]),
    })),
    ...Object.entries(peers).map(([way, label]) => ({
      label,
      process: start('python3', [join(here, 'contenders/pytorch.py'), name, way, String(plan.few)]),
    })),
  ]
  // One after another: preparations of one would disturb those of the next.
  /** @type {Record<string, any>} */
  const begun = {}
  if (!plan.fresh) for (const { label, process } of contenders) begun[label] = await process.begin()
  /** @type {Record<string, any[]>} */
  const passes = {}
  for (let round = 0; round < rounds; round++) {
    for (const { label, process } of contenders) {
      if (plan.fresh) begun[label] = await process.begin()
      passes[label] = [...(passes[label] ?? []), await process.pass()]
      if (plan.fresh) await process.end()
      console.error(`${name} ${round + 1}/${rounds} ${label}: ${passes[label]?.at(-1).seconds.toFixed(2)} s`)
    }
  }
  if (!plan.fresh) for (const { process } of contenders) await process.end()
  report(name, plan, flops, passes, begun)
}

/**
 * The published quantity needs several batches of 64 to keep two workers busy, which takes too long with large networks.
 * @param {Record<string, string>} of @param {string} left
 */
function without(of, left) {
  return Object.fromEntries(Object.entries(of).filter(([way]) => way !== left))
}

/**
 * Network and examples as files, made once. Returns floating-point operations of a forward pass of one example.
 * @param {string} name @param {number} examples
 */
function exported(name, examples) {
  mkdirSync(cache, { recursive: true })
  const files = [join(cache, `${name}.onnx`), join(cache, `${name}.npz`)]
  const script = join(here, 'contenders/models.py')
  const made = spawnSync('python3', [script, name, ...files, String(examples)], { encoding: 'utf8' })
  if (made.status !== 0 || !files.every((file) => existsSync(file)))
    throw new Error(`The networks are made with PyTorch (torch, onnx, numpy), which failed: ${made.stderr}`)
  return Number(made.stdout.trim().split('\n').at(-1))
}

/**
 * A process that makes a pass when it is told to.
 * @param {string} command @param {string[]} given
 */
function start(command, given) {
  /** @type {ReturnType<typeof spawn> | undefined} */
  let child
  /** @type {AsyncIterator<string> | undefined} */
  let lines
  const next = async () => {
    const line = await lines?.next()
    if (!line || line.done)
      throw new Error(`${command} ${given.join(' ')} stopped (${child?.signalCode ?? `exit ${child?.exitCode}`}).`)
    return JSON.parse(line.value)
  }
  return {
    async begin() {
      child = spawn(command, given, { stdio: ['pipe', 'pipe', 'inherit'] })
      if (!child.stdout) throw new Error('No output to read.')
      lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      return next()
    },
    async pass() {
      child?.stdin?.write('\n')
      return next()
    },
    async end() {
      const closed = child && once(child, 'close')
      child?.stdin?.end()
      await closed
    },
  }
}

/**
 * @param {string} name @param {typeof models[string]} plan @param {number} flops
 * @param {Record<string, any[]>} passes @param {Record<string, any>} begun
 */
function report(name, plan, flops, passes, begun) {
  const peak = median((passes.peak ?? []).map((p) => p.flops))
  const { peak: _, ...timed } = passes
  const rates = (/** @type {string} */ label) => (timed[label] ?? []).map((p) => p.rate)
  /** Median over rounds of a's rate by b's. */
  const ratio = (/** @type {string} */ a, /** @type {string} */ b) =>
    median(rates(a).map((r, i) => r / (rates(b)[i] ?? Number.NaN)))
  const mark = (/** @type {string} */ label) => 3 * ratio(label, ways.forward)
  const exactPeers = [peers['batch-of-one'], peers.vmap, peers.hooks]
  const best = exactPeers.reduce((a, b) => (median(rates(a)) > median(rates(b)) ? a : b))
  const rows = Object.keys(timed).map((label) => {
    const rate = median(rates(label))
    const passCost = label === ways.forward ? 1 : 3
    const isOurs = label.startsWith('Lethe') && label !== ways.forward
    return `| ${label} | ${rate.toFixed(rate < 20 ? 2 : 0)} | ${isOurs ? mark(label).toFixed(2) : ''} | ${ratio(label, peers['batch-mean']).toFixed(2)} | ${((100 * passCost * flops * rate) / peak).toFixed(0)} % | ${(Math.max(...(timed[label] ?? []).map((p) => p.peakBytes)) / 2 ** 30).toFixed(2)} |`
  })
  const verdict = (/** @type {string} */ what, /** @type {number} */ got, /** @type {number} */ target) =>
    `- ${what}: **${got.toFixed(2)}**, target ${target}: ${got >= target ? 'met' : `short by ${(100 * (1 - got / target)).toFixed(0)} %`}`
  const env = environment()
  const text = [
    `# Importance estimation: ${name}`,
    '',
    `Medians of ${rounds} alternating passes over ${plan.examples} examples (PyTorch: ${plan.few}), ${env.cores} cores (${env.cpu}), Node ${env.node}, commit ${env.commit}, ${env.date}. The machine is shared: ratios mean something, rates by themselves do not.`,
    `One example takes ${(flops / 1e9).toFixed(2)} GFLOP forward; the measured single-precision matrix-product peak of both workers together is ${(peak / 1e9).toFixed(0)} GFLOP/s.`,
    '',
    '| | examples/s | share of the mark | ratio to the published loop | share of the peak | peak memory, GiB |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    'The mark is a third of the forward rate: a backward pass costs two forward passes. The share of the peak counts one forward pass, or three for gradients.',
    `Making the sessions for exact gradients takes ${begun[ways.exact]?.making.toFixed(1)} s, once a command; it is not in the rates, nor are the first runs, in which memory is touched for the first time (nor those of PyTorch).`,
    '',
    ...(plan.exact ? [verdict('exact, share of the mark', mark(ways.exact), plan.exact)] : []),
    ...(plan.batch
      ? [
          verdict('grouped, share of the mark', mark(ways.grouped), plan.batch),
          verdict('sketch, share of the mark', mark(ways.sketch), plan.batch),
        ]
      : []),
    verdict(`exact against ${best}`, ratio(ways.exact, best), plan.peer),
    ...(plan.published
      ? [verdict('exact against the published loop', ratio(ways.exact, peers['batch-mean']), plan.published)]
      : []),
    '',
    ...agreement(begun, timed),
  ].join('\n')
  console.log(text)
  writeResult(
    `importance/${processorFolder(env.cpu)}/${name}`,
    { name, ...plan, rounds, flops, begun, passes, environment: env },
    text,
  )
}

/**
 * All exact ways compute one quantity, and both batch-mean ways one: the sums of all importances of the same examples say so.
 * @param {Record<string, any>} begun @param {Record<string, any[]>} timed
 */
function agreement(begun, timed) {
  const apart = (/** @type {string} */ ours, /** @type {string} */ theirs) =>
    Math.abs((begun[ours]?.check ?? Number.NaN) / (timed[theirs]?.[0]?.check ?? Number.NaN) - 1).toExponential(1)
  const published = begun[ways['batch-mean:64']]
    ? ` and ${apart(ways['batch-mean:64'], peers['batch-mean'])} (batch-mean, against the published loop)`
    : ''
  return [
    `Same quantity: on the examples of PyTorch's passes the sum of all importances differs by ${apart(ways.exact, peers['batch-of-one'])} (exact, against batches of one)${published}.`,
    '',
  ]
}
