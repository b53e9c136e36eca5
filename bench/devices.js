// @ts-check
// Examples per second of the plain forward pass and of exact importances, on the CPU and on a device, alternating in one run, with the largest
// difference of the importances. Runs only where the device is.
// Usage: npm run bench:devices -- DEVICE [EXAMPLES] [MODEL…], such as: webgpu 256 resnet18
import { uniforms } from '../dist/data/random.js'
import { createDevicePool, createPool, devices, engineOf } from '../dist/engine/node/pool.js'
import { isLetheError } from '../dist/errors.js'
import { estimateImportance } from '../dist/importance/estimate.js'
import { openForward } from '../dist/network/forward.js'
import { openNetwork } from '../dist/network/network.js'
import { randomExamples } from '../dist/network/random-examples.js'
import { tensor } from '../dist/tensor/tensor.js'
import { findArchitecture } from '../dist/train/architectures/index.js'
import { environment, median, writeResult } from './shared.js'

/** @typedef {import('../dist/engine/engine.js').Pool} Pool */
/** @typedef {import('../dist/importance/importance.js').Importance} Importance */
/** @typedef {{ forward: number, exact: number }} Rates */

const repeats = 3
/** Largest difference of importances that is rounding, as a share of each tensor's largest. */
const rounding = 1e-3
/** Shape of an example by model, and its classes. */
const models = /** @type {const} */ ({
  resnet18: { name: 'ResNet-18', dims: [3, 32, 32], classes: 10 },
  'vit-tiny': { name: 'ViT-Tiny/16', dims: [3, 224, 224], classes: 1000 },
})

const [asked = 'webgpu', size = '128', ...chosen] = process.argv.slice(2)
const device = devices.find((name) => name === asked)
if (!device || device === 'cpu') throw new Error(`Name a device beside the CPU: ${devices.slice(1).join(' or ')}.`)
const wanted = Object.entries(models).filter(([arch]) => chosen.length === 0 || chosen.includes(arch))
if (wanted.length === 0) throw new Error(`Models are ${Object.keys(models).join(', ')}.`)

const card = await createDevicePool({ device }).catch((error) => {
  if (!isLetheError(error) || error.code !== 'device-missing') throw error
  console.log(`Nothing measured. ${error.message}`)
  return undefined
})
if (card) await compare(card)

/** @param {Pool} there */
async function compare(there) {
  const here = createPool()
  try {
    const rows = []
    for (const [arch, model] of wanted) rows.push(await measure(arch, model, here, there))
    report(rows, `${there.engine.name} ${there.engine.version}`)
  } finally {
    await Promise.all([here.close(), there.close()])
  }
}

/**
 * @param {string} arch
 * @param {(typeof models)[keyof typeof models]} model
 * @param {Pool} here
 * @param {Pool} there
 */
async function measure(arch, { name, dims, classes }, here, there) {
  const graph = findArchitecture(arch).build({ dims, classes }, uniforms(1))
  const length = 3 * dims[0] * dims[1] * dims[2]
  const x = tensor(
    'float32',
    [3, ...dims],
    Float32Array.from({ length }, (_, i) => Math.cos(i)),
  )
  const network = await openNetwork(graph, engineOf(here), { sample: { input: x } })
  const examples = randomExamples(network, Number(size), 1)

  /** @param {Pool} pool @returns {Promise<{ rates: Rates, importance: Importance }>} */
  async function pass(pool) {
    const forward = await passForward(pool)
    const { importance, seconds } = await exactPass(pool)
    return { rates: { forward: examples.size / forward, exact: examples.size / seconds }, importance }
  }

  /** Seconds of a forward pass. Its session is released before the next is made: two on one card have ended the process. @param {Pool} pool */
  async function passForward(pool) {
    const forward = await openForward(network, pool)
    try {
      // The first pass compiles kernels and takes memory.
      await forward.run(examples)
      const begin = performance.now()
      await forward.run(examples)
      return (performance.now() - begin) / 1000
    } finally {
      await forward.release()
    }
  }

  /** Importances, with the time from the first example to the last; making the session is not in it. @param {Pool} pool */
  async function exactPass(pool) {
    let begin = Number.NaN
    let first = 0
    const importance = await estimateImportance(network, pool, examples, {
      onProgress({ done }) {
        if (done === 0 || !Number.isNaN(begin)) return
        begin = performance.now()
        first = done
      },
    })
    // The first chunk compiles kernels, too; the rate is that of the others.
    const others = (examples.size - first) / examples.size
    if (others < 0.5)
      throw new Error(`${examples.size} examples are too few to measure: the first chunk takes ${first}.`)
    return { importance, seconds: (performance.now() - begin) / 1000 / others }
  }

  /** @type {Rates[]} */
  const onCpu = []
  /** @type {Rates[]} */
  const onCard = []
  let difference = 0
  for (let i = 0; i < repeats; i++) {
    const [a, b] = [await pass(here), await pass(there)]
    onCpu.push(a.rates)
    onCard.push(b.rates)
    difference = Math.max(difference, distance(b.importance, a.importance))
  }
  return { model: name, examples: examples.size, cpu: middle(onCpu), card: middle(onCard), difference }
}

/** @param {readonly Rates[]} rates @returns {Rates} */
function middle(rates) {
  return { forward: median(rates.map((r) => r.forward)), exact: median(rates.map((r) => r.exact)) }
}

/** @param {Importance} got @param {Importance} expected */
function distance(got, expected) {
  let worst = 0
  const largest = (/** @type {Float64Array} */ values) => values.reduce((max, v) => Math.max(max, v), 0)
  const floor = 1e-8 * Math.max(...[...expected.sums.values()].map(largest))
  for (const [name, sum] of expected.sums) {
    const other = got.sums.get(name)
    const apart = largest(sum.map((v, i) => Math.abs(v - (other?.[i] ?? Number.POSITIVE_INFINITY))))
    worst = Math.max(worst, apart / Math.max(largest(sum), floor))
  }
  return worst
}

/**
 * @param {readonly Awaited<ReturnType<typeof measure>>[]} rows
 * @param {string} engine
 */
function report(rows, engine) {
  const rate = (/** @type {number} */ n) => n.toPrecision(3)
  const lines = [
    `| model | pass | CPU, examples/s | ${device}, examples/s | ratio |`,
    '| --- | --- | ---: | ---: | ---: |',
    ...rows.flatMap(({ model, cpu, card: there }) =>
      /** @type {const} */ (['forward', 'exact']).map(
        (way) =>
          `| ${model} | ${way} | ${rate(cpu[way])} | ${rate(there[way])} | ${(there[way] / cpu[way]).toFixed(2)} |`,
      ),
    ),
    '',
    ...rows.flatMap(({ model, cpu, card: there, difference }) => [
      `- ${model}: ${difference < rounding ? 'right' : 'WRONG'}, importances differ by ${difference.toExponential(1)} of each tensor's largest at most (rounding: below ${rounding}).`,
      `- ${model}: exact importances are ${there.exact > cpu.exact ? 'faster' : 'NOT faster'} on the device, ${(there.exact / cpu.exact).toFixed(2)} times the CPU.`,
    ]),
    '',
  ]
  const text = `${engine}, ${JSON.stringify(environment())}\n\n${lines.join('\n')}`
  console.log(text)
  writeResult(`devices-${device}`, { engine, environment: environment(), rows }, text)
}
