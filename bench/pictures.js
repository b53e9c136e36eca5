// @ts-check
// Whether reading data keeps up with the kernels: JPEG pictures at 224 under a ResNet-18 on one worker (the other core decodes), and CIFAR-10 in its
// binary form under a ResNet-20 on all workers; each beside the same pictures already read and preprocessed, alternating.
// Usage: npm run bench:pictures
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import sharp from 'sharp'
import { makeBatch } from '../dist/data/batch.js'
import { openDataset } from '../dist/data/open-node.js'
import { subset } from '../dist/data/split.js'
import { createPool, engineOf } from '../dist/engine/node/pool.js'
import { readFileBytes } from '../dist/files/read-node.js'
import { ints } from '../dist/graph/graph.js'
import { estimateImportance } from '../dist/importance/estimate.js'
import { openNetwork } from '../dist/network/network.js'
import { readModel } from '../dist/onnx/model.js'
import { NetworkBuilder } from '../dist/train/architectures/builder.js'
import { examplesOf } from '../dist/workspace/examples.js'
import { cifar10Folder, environment, median, preprocessing, sharedModel, writeResult } from './shared.js'

const cache = resolve(import.meta.dirname, '..', 'node_modules', '.cache', 'lethe', 'pictures')
const rounds = 5
const pictures = 96
const small = 4096

const jpeg = await compare({
  graph: resnet18At224(),
  data: await openDataset(await jpegFolder()),
  workers: 1,
  spec: { ...preprocessing, resize: { shortestEdge: 256 }, crop: { width: 224, height: 224 } },
})
const cifar = await compare({
  graph: readModel(await readFileBytes(sharedModel('resnet20-cifar10'))).graph,
  data: subset(
    await openDataset(cifar10Folder(), { split: 'train' }),
    Array.from({ length: small }, (_, i) => i * 12),
  ),
  workers: undefined,
  spec: preprocessing,
})
const env = environment()
const text = [
  '# Reading data beside the kernels',
  '',
  `Exact importances with data read and preprocessed on the way, against the same data in memory; medians of ${rounds} alternating rounds. Commit ${env.commit}, ${env.cpu}, ${env.cores} cores, Node ${env.node}, ${env.date}.`,
  '',
  `- JPEG of 500 × 375, decoded and brought to 224 × 224, ResNet-18, one worker: ${jpeg.rate.toFixed(1)} examples/s, kernels busy ${(100 * jpeg.busy).toFixed(1)} % of the time (95 or more: ${jpeg.busy >= 0.95 ? 'met' : 'missed'})`,
  `- CIFAR-10 from its binary form, ResNet-20, all workers: ${cifar.rate.toFixed(0)} examples/s, reading takes ${(100 * (1 - cifar.busy)).toFixed(1)} % of the time (under 2: ${cifar.busy > 0.98 ? 'met' : 'missed'})`,
  '',
].join('\n')
console.log(text)
writeResult('pictures', { jpeg, cifar, environment: env }, text)

/**
 * @param {{ graph: import('../dist/graph/graph.js').Graph, data: import('../dist/data/dataset.js').Dataset, workers: number | undefined, spec: import('../dist/data/transforms/preprocessing.js').Preprocessing }} what
 */
async function compare({ graph, data, workers, spec }) {
  const pool = createPool(workers === undefined ? {} : { workers })
  const input = { name: graph.inputs[0]?.name ?? '', dims: [3, -1, -1], dtype: /** @type {const} */ ('float32') }
  const sample = await makeBatch(data, [0, 1, 2], [input], spec)
  const network = await openNetwork(graph, engineOf(pool), { sample })
  const reading = examplesOf(data, network.inputs, spec)
  const rows = Array.from({ length: data.size }, (_, i) => i)
  const x = /** @type {Float32Array} */ ((await makeBatch(data, rows, network.inputs, spec))[input.name]?.data)
  const size = x.length / data.size
  const dims = network.inputs[0]?.dims ?? []
  /** @type {import('../dist/network/examples.js').Examples} */
  const held = {
    ...reading,
    async load(wanted) {
      const batch = new Float32Array(wanted.length * size)
      for (const [i, row] of wanted.entries()) batch.set(x.subarray(row * size, (row + 1) * size), i * size)
      return { [input.name]: { dtype: 'float32', dims: [wanted.length, ...dims], data: batch } }
    },
  }
  const seconds = { reading: /** @type {number[]} */ ([]), held: /** @type {number[]} */ ([]) }
  for (let round = 0; round <= rounds; round++) {
    for (const [way, examples] of /** @type {const} */ ([
      ['reading', reading],
      ['held', held],
    ])) {
      const begin = performance.now()
      await estimateImportance(network, pool, examples)
      // The first round warms both up.
      if (round > 0) seconds[way].push((performance.now() - begin) / 1000)
    }
  }
  await pool.close()
  const busy = median(seconds.held.map((s, i) => s / (seconds.reading[i] ?? Number.NaN)))
  return { seconds, busy, rate: data.size / median(seconds.reading) }
}

/** Pictures of ten classes as JPEG files of 500 × 375, made once. */
async function jpegFolder() {
  const folder = join(cache, 'jpeg')
  for (let i = 0; i < pictures; i++) {
    const of = join(folder, `class-${i % 10}`)
    const path = join(of, `${i}.jpg`)
    if (existsSync(path)) continue
    mkdirSync(of, { recursive: true })
    const [width, height] = [500, 375]
    const pixels = Uint8Array.from({ length: width * height * 3 }, (_, k) => {
      const [at, channel] = [Math.floor(k / 3), k % 3]
      const [px, py] = [at % width, Math.floor(at / width)]
      return (
        128 + 60 * Math.sin(px / (9 + i) + channel) + 50 * Math.cos(py / (7 + channel) + i) + 12 * Math.sin(px * py)
      )
    })
    writeFileSync(
      path,
      await sharp(pixels, { raw: { width, height, channels: 3 } })
        .jpeg({ quality: 90 })
        .toBuffer(),
    )
  }
  return folder
}

/** ResNet-18 for 224 × 224 and ten classes. Source: He, Zhang, Ren, Sun, CVPR 2016, table 1. */
function resnet18At224() {
  let state = 1
  const b = new NetworkBuilder(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  })
  const stem = b.relu(b.batchNorm(b.conv('input', 'stem', [3, 64], 7, 2), 'stem.norm', 64))
  let x = b.op('MaxPool', [stem], { kernel_shape: ints([3, 3]), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) })
  let from = 64
  for (const [stage, to] of [64, 128, 256, 512].entries()) {
    for (let i = 0; i < 2; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1
      const name = `stage${stage}.${i}`
      const first = b.relu(b.batchNorm(b.conv(x, `${name}.1`, [from, to], 3, stride), `${name}.1.norm`, to))
      const second = b.batchNorm(b.conv(first, `${name}.2`, [to, to], 3), `${name}.2.norm`, to)
      const short =
        stride === 1 && from === to
          ? x
          : b.batchNorm(b.conv(x, `${name}.short`, [from, to], 1, stride, 0), `${name}.short.norm`, to)
      x = b.relu(b.add(second, short))
      from = to
    }
  }
  const pooled = b.op('Flatten', [b.op('GlobalAveragePool', [x])])
  return b.finish({ name: 'input', dims: [3, 224, 224] }, b.linear(pooled, 'fc', [512, 10]), 10)
}
