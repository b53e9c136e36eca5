// @ts-check
// Does Lethe take this model? Usage: node examples/inspect-model.js model.onnx
import { readFile } from 'node:fs/promises'
import { createPool, drawPeople, engineOf, inspect, readModel, trainClassifier } from 'lethe'

const path = process.argv[2]
const bytes = path
  ? await readFile(path)
  : (
      await trainClassifier({
        data: drawPeople({ split: 'train', families: 2, imagesPerPerson: 4 }),
        arch: 'cnn',
        train: { epochs: 1, batchSize: 8, seed: 1 },
      })
    ).bytes
const sample = path
  ? undefined
  : { input: { dtype: /** @type {const} */ ('float32'), dims: [2, 3, 32, 32], data: new Float32Array(6144) } }

const pool = createPool({ workers: 1 })
const report = await inspect(readModel(bytes).graph, engineOf(pool), { sample })
await pool.close()

console.log(report.ready ? 'ready' : 'not ready', report.parameterCount, 'weights,', report.classes, 'classes')
for (const { op, count, state } of report.ops) console.log(`  ${op} × ${count}: ${state}`)
for (const problem of report.problems) console.log(`  ${problem.code}: ${problem.message}`)
