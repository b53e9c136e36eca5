// @ts-check
// How time and memory of exact importances grow with the parameters of a network (0.3 to 86 million) and with its classes (10 to 1,000).
// Growth with the examples is measured by bench/memory.js. Usage: npm run bench:growth -- [--rounds N]
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { int } from '../dist/graph/graph.js'
import { writeGraph } from '../dist/onnx/model.js'
import { NetworkBuilder } from '../dist/train/architectures/builder.js'
import { environment, median, writeResult } from './shared.js'

const here = dirname(fileURLToPath(import.meta.url))
const cache = resolve(here, '..', 'node_modules', '.cache', 'lethe', 'growth')
mkdirSync(cache, { recursive: true })
const at = process.argv.indexOf('--rounds')
const rounds = at < 0 ? 3 : Number(process.argv[at + 1])
const side = 32

/** Residual networks of one form on 32×32 pictures: width of the first of three stages, classes, examples a pass. */
const widths = [
  { width: 24, classes: 10, examples: 1024 },
  { width: 48, classes: 10, examples: 512 },
  { width: 96, classes: 10, examples: 128 },
  { width: 192, classes: 10, examples: 64 },
  { width: 352, classes: 10, examples: 32 },
]
const classes = [10, 100, 1000].map((count) => ({ width: 48, classes: count, examples: 512 }))

/** @type {Array<{ grows: string } & Awaited<ReturnType<typeof measure>>>} */
const rows = []
for (const form of widths) rows.push({ grows: 'parameters', ...(await measure(form)) })
for (const form of classes) rows.push({ grows: 'classes', ...(await measure(form)) })
report()

/** @param {{ width: number, classes: number, examples: number }} form */
async function measure({ width, classes: count, examples }) {
  const name = `resnet-${width}-${count}`
  const { graph, weights, multiplications } = network(width, count)
  const model = join(cache, `${name}.onnx`)
  writeFileSync(model, writeGraph(graph))
  const data = join(cache, name)
  writeData(data, examples, count)
  const [forward, exact] = [contender(model, data, 'forward'), contender(model, data, 'exact')]
  const [f, x] = [await forward.next(), await exact.next()]
  if (!f || !x) throw new Error('A contender did not start.')
  /** @type {{ rate: number, peakBytes: number }[][]} */
  const passes = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const [i, process] of [forward, exact].entries()) passes[i]?.push(await process.pass())
  }
  for (const process of [forward, exact]) process.end()
  const rate = (/** @type {number} */ i) => median((passes[i] ?? []).map((p) => p.rate))
  const ratio = median((passes[1] ?? []).map((p, r) => (passes[0]?.[r]?.rate ?? Number.NaN) / p.rate))
  const peakMiB = Math.max(...(passes[1] ?? []).map((p) => p.peakBytes)) / 2 ** 20
  const row = { width, classes: count, weights, multiplications, forward: rate(0), exact: rate(1), ratio, peakMiB }
  console.error(
    `${name}: ${weights} weights, ${row.exact.toFixed(1)} examples/s, ${ratio.toFixed(2)} forwards, ${peakMiB.toFixed(0)} MiB`,
  )
  return row
}

/** Residual network with two blocks a stage, as ResNet-18 has them. @param {number} width @param {number} count */
function network(width, count) {
  let state = 1
  const b = new NetworkBuilder(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  })
  let weights = 0
  let multiplications = 0
  let size = side
  const conv = (
    /** @type {string} */ x,
    /** @type {string} */ name,
    /** @type {[number, number]} */ of,
    /** @type {number} */ kernel,
    stride = 1,
  ) => {
    weights += of[0] * of[1] * kernel ** 2 + 2 * of[1]
    multiplications += of[0] * of[1] * kernel ** 2 * (size / stride) ** 2
    return b.batchNorm(b.conv(x, name, of, kernel, stride, kernel === 1 ? 0 : 1), `${name}.norm`, of[1])
  }
  let from = width
  let x = b.relu(conv('input', 'stem', [3, width], 3))
  for (const [stage, to] of [width, 2 * width, 4 * width].entries()) {
    for (let i = 0; i < 2; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1
      const name = `stage${stage}.${i}`
      const first = b.relu(conv(x, `${name}.1`, [from, to], 3, stride))
      const shortcut = stride === 1 && from === to ? x : conv(x, `${name}.short`, [from, to], 1, stride)
      size /= stride
      x = b.relu(b.add(conv(first, `${name}.2`, [to, to], 3), shortcut))
      from = to
    }
  }
  const pooled = b.op('Flatten', [b.op('GlobalAveragePool', [x])], { axis: int(1) })
  weights += from * count + count
  multiplications += from * count
  const graph = b.finish({ name: 'input', dims: [3, side, side] }, b.linear(pooled, 'fc', [from, count]), count)
  return { graph, weights, multiplications }
}

/** x.npy and y.npy. @param {string} folder @param {number} examples @param {number} count */
function writeData(folder, examples, count) {
  mkdirSync(folder, { recursive: true })
  const x = Float32Array.from({ length: examples * 3 * side ** 2 }, (_, i) => Math.sin(i * 12.9898) % 1)
  writeFileSync(join(folder, 'x.npy'), npy('<f4', `(${examples}, 3, ${side}, ${side})`, x))
  writeFileSync(
    join(folder, 'y.npy'),
    npy(
      '<i4',
      `(${examples},)`,
      Int32Array.from({ length: examples }, (_, i) => i % count),
    ),
  )
}

/** NumPy's format, version 1.0. @param {string} type @param {string} shape @param {Float32Array | Int32Array} data */
function npy(type, shape, data) {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10
  const head = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text.padEnd(length - 1)}\n`, 'latin1')
  head.writeUInt16LE(length, 8)
  return Buffer.concat([head, Buffer.from(data.buffer)])
}

/** @param {string} model @param {string} data @param {string} way */
function contender(model, data, way) {
  const child = spawn('node', [join(here, 'contenders/lethe.js'), model, data, way, '16'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value ?? 'null')
  return {
    next,
    pass() {
      child.stdin.write('\n')
      return next()
    },
    end: () => child.stdin.end(),
  }
}

function report() {
  const env = environment()
  const line = (/** @type {typeof rows[number]} */ r) =>
    `| ${r.grows === 'parameters' ? `${(r.weights / 1e6).toFixed(2)} M` : r.classes} | ${(r.multiplications / 1e6).toFixed(0)} | ${(1000 / r.exact).toFixed(2)} | ${(1e12 / r.exact / r.multiplications).toFixed(0)} | ${r.ratio.toFixed(2)} | ${r.peakMiB.toFixed(0)} | ${((r.peakMiB * 2 ** 20) / r.weights).toFixed(0)} |`
  const of = (/** @type {string} */ grows) => rows.filter((r) => r.grows === grows)
  const spread = (/** @type {number[]} */ values) => Math.max(...values) / Math.min(...values)
  const [parameters, byClass] = [of('parameters'), of('classes')]
  const head = (/** @type {string} */ what) => [
    `| ${what} | million products an example | exact, ms an example | ps a product | exact in forwards | peak memory, MiB | bytes a weight |`,
    '|---|---|---|---|---|---|---|',
  ]
  const [small, large] = [parameters[0], parameters.at(-1)]
  const slope =
    small && large
      ? Math.log(small.exact / large.exact) / Math.log(large.multiplications / small.multiplications)
      : Number.NaN
  const classSpread = spread(byClass.map((r) => r.exact))
  const text = [
    '# Growth of exact importances with parameters and classes',
    '',
    `Residual networks of one form on 32×32 pictures, each in a process of its own; medians of ${rounds} alternating passes of the forward pass and of exact importances. Commit ${env.commit}, ${env.cpu}, ${env.cores} cores, Node ${env.node}, ${env.date}.`,
    '',
    '## Parameters',
    '',
    ...head('weights'),
    ...parameters.map(line),
    '',
    `- time grows as the ${slope.toFixed(2)}th power of the arithmetic (linear is 1)`,
    '',
    '## Classes',
    '',
    ...head('classes'),
    ...byClass.map(line),
    '',
    `- time with 10, 100 and 1,000 classes: apart by a factor of ${classSpread.toFixed(2)} (flat is 1)`,
    '',
  ].join('\n')
  console.log(text)
  writeResult('growth', { rows, slope, classSpread, environment: env }, text)
}
