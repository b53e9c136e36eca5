// @ts-check
// Where the time of a run of exact gradients goes, by ONNX Runtime's own profile on one core; beside it three forward passes of the same examples, alternating.
// Networks are those of bench/importance.js, made with PyTorch. Usage: npm run bench:profile -- [MODEL ...]; default resnet18 vit-tiny.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { createPool, engineOf } from '../dist/engine/node/pool.js'
import { readFileBytes } from '../dist/files/read-node.js'
import { forwardProgram, gradientProgram } from '../dist/fisher/program.js'
import { microBatchOf } from '../dist/network/micro-batch.js'
import { openNetwork } from '../dist/network/network.js'
import { readModel, writeGraph } from '../dist/onnx/model.js'
import { allocate, sizeOf } from '../dist/tensor/tensor.js'
import { environment, median, networkFiles, writeResult } from './shared.js'

const rounds = 7
const given = process.argv.slice(2)
const names = given.length > 0 ? given : ['resnet18', 'vit-tiny']
const options = /** @type {const} */ ({
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  enableMemPattern: false,
  logSeverityLevel: 3,
})
/** What operators do, in the order of the table. @type {[string, RegExp][]} */
const kinds = [
  ['convolutions', /^Conv/],
  ['matrix products', /MatMul|Gemm/],
  [
    'moving numbers: layouts, slices, padding',
    /Reorder|Slice|Transpose|Pad|Concat|Split|Reshape|Squeeze|Expand|Gather/,
  ],
  ['elementwise, reductions and the rest', /./],
]

const sections = []
/** @type {Record<string, unknown>} */
const kept = {}
for (const name of names) {
  const { batch, total, forward, parts } = await profile(name)
  kept[name] = { batch, total, forward, parts: Object.fromEntries(parts) }
  const share = (/** @type {number} */ ms) => `${((100 * ms) / total).toFixed(0)} %`
  sections.push(
    `## ${name}`,
    '',
    `${batch} examples a run: ${total.toFixed(0)} ms; three forward passes ${(3 * forward).toFixed(0)} ms, which is ${((3 * forward) / total).toFixed(2)} of it.`,
    '',
    '| | forward | gradients |',
    '|---|---|---|',
    ...kinds.map(
      ([kind]) =>
        `| ${kind} | ${share(parts.get(`forward ${kind}`) ?? 0)} | ${share(parts.get(`gradients ${kind}`) ?? 0)} |`,
    ),
    '',
  )
}
const env = environment()
const text = [
  '# Where the time of a run of exact gradients goes',
  '',
  `By the runtime's profile, medians of ${rounds} alternating runs on one core. Commit ${env.commit}, ${env.cpu}, ${env.cores} cores, Node ${env.node}, ${env.date}.`,
  '',
  ...sections,
].join('\n')
console.log(text)
writeResult('profile', { ...kept, environment: env }, text)

/** @param {string} name */
async function profile(name) {
  const pool = createPool({ workers: 1 })
  const { graph } = readModel(await readFileBytes(networkFiles(name, 64)[0]))
  const network = await openNetwork(graph, engineOf(pool))
  const batch = microBatchOf(network, 32, 'squares')
  const s = await network.at(batch)
  await pool.close()
  const squares = gradientProgram(s, network.loss, 'squares').graph
  const plain = forwardProgram(s, network.loss)
  const exact = await ort.InferenceSession.create(writeGraph(squares), options)
  const forward = await ort.InferenceSession.create(writeGraph(plain), options)
  /** @type {{ exact: number[], forward: number[] }} */
  const times = { exact: [], forward: [] }
  for (let i = 0; i < rounds + 2; i++) {
    for (const [way, session, of] of /** @type {const} */ ([
      ['exact', exact, squares],
      ['forward', forward, plain],
    ])) {
      const begin = performance.now()
      await session.run(feedsOf(of))
      // In the first two runs memory is touched for the first time.
      if (i > 1) times[way].push(performance.now() - begin)
    }
  }
  await exact.release()
  await forward.release()
  const parts = await partsOf(squares)
  const total = median(times.exact)
  const sum = [...parts.values()].reduce((a, b) => a + b, 0)
  // Profiling itself takes time: shares of the profile, of the time without it.
  return {
    batch,
    total,
    forward: median(times.forward),
    parts: new Map([...parts].map(([k, ms]) => [k, (ms * total) / sum])),
  }
}

/** Milliseconds of the profiled kernels by kind. @param {import('../dist/graph/graph.js').Graph} graph */
async function partsOf(graph) {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-profile-'))
  try {
    const session = await ort.InferenceSession.create(writeGraph(graph), {
      ...options,
      enableProfiling: true,
      profileFilePrefix: join(folder, 'run'),
    })
    const feeds = feedsOf(graph)
    for (let i = 0; i < rounds + 2; i++) await session.run(feeds)
    session.endProfiling()
    const file = readdirSync(folder)[0] ?? ''
    if (!existsSync(join(folder, file))) throw new Error('The runtime wrote no profile.')
    /** @type {{ name: string, cat: string, ts: number, dur: number, args: { op_name: string } }[]} */
    const events = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    const starts = events.filter((e) => e.name === 'model_run').map((e) => e.ts)
    const from = starts.sort((a, b) => a - b)[2] ?? 0
    /** @type {Map<string, number>} */
    const parts = new Map()
    for (const { name, cat, ts, dur, args } of events) {
      if (cat !== 'Node' || !name.endsWith('_kernel_time') || ts < from) continue
      const kind = kinds.find(([, ops]) => ops.test(args.op_name))?.[0]
      const key = `${name.includes('lethe/') ? 'gradients' : 'forward'} ${kind}`
      parts.set(key, (parts.get(key) ?? 0) + dur / 1000 / rounds)
    }
    return parts
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Numbers in [−1, 1), the same every time. @param {import('../dist/graph/graph.js').Graph} graph */
function feedsOf(graph) {
  let state = 1
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  return Object.fromEntries(
    graph.inputs.map(({ name, dtype = 'float32', dims }) => {
      const sizes = dims.map(Number)
      const data = allocate(dtype, sizeOf(sizes))
      if (data instanceof Float32Array) for (let i = 0; i < data.length; i++) data[i] = next()
      return [name, new ort.Tensor(/** @type {'float32'} */ (dtype), /** @type {Float32Array} */ (data), sizes)]
    }),
  )
}
