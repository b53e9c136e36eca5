// @ts-check
// The machine's measured single-precision matrix product: operations a second of products of 1024 × 1024 on all workers of
// the engine at once. Answers a line of JSON for each line read from standard input.
import { createInterface } from 'node:readline'
import { createPool } from '../../dist/engine/node/pool.js'
import { writeGraph } from '../../dist/onnx/model.js'

const side = 1024
const products = 24
const dims = [side, side]
const data = Float32Array.from({ length: side * side }, (_, i) => ((i * 37) % 19) / 19 - 0.5)
const weight = /** @type {const} */ ({ dtype: 'float32', dims, data })
const pool = createPool()
const session = await pool.createSession(
  writeGraph({
    name: 'peak',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'a', dtype: 'float32', dims }],
    outputs: [{ name: 'c', dtype: 'float32', dims }],
    initializers: new Map([['b', weight]]),
    nodes: [{ op: 'MatMul', domain: '', name: 'product', inputs: ['a', 'b'], outputs: ['c'], attributes: {} }],
  }),
)
const runs = Array.from({ length: products }, () => ({ a: weight }))

async function pass() {
  const begin = performance.now()
  await Promise.all(
    Array.from({ length: pool.workers }, () => session.run(structuredClone({ runs, keep: ['c'], totals: [] }))),
  )
  const seconds = (performance.now() - begin) / 1000
  return {
    seconds,
    flops: (2 * side ** 3 * products * pool.workers) / seconds,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }
}

await pass()
console.log(JSON.stringify({ ready: true }))
for await (const _ of createInterface({ input: process.stdin })) console.log(JSON.stringify(await pass()))
await session.release()
await pool.close()
