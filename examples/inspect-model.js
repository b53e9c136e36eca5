// @ts-check
// Does Lethe take this model? Usage: node examples/inspect-model.js [model.onnx]
import { readFile } from 'node:fs/promises'
import { createPool, drawPeople, engineOf, inspect, readModel, trainClassifier } from 'lethe'

// Your model, or a small one made for the occasion.
const path = process.argv[2]
const bytes = path ? await readFile(path) : await smallModel()

// Inspecting runs the model a few times, on random numbers of its declared input shape. Where a size beside the batch is not
// declared, give real inputs as a third argument: { sample: { [input name]: tensor } }.
const pool = createPool({ workers: 1 })
const report = await inspect(readModel(bytes).graph, engineOf(pool))
await pool.close()

// What can be dampened, and what cannot: buffers are running statistics and other numbers that no gradient reaches.
console.log(report.ready ? 'ready' : 'not ready', report.parameterCount, 'weights,', report.classes, 'classes')
console.log(`${report.parameters.length} parameters, ${report.buffers.length} buffers`)

// An operator is differentiable, not needed (no gradient passes through it), or refused.
for (const { op, count, state } of report.ops) console.log(`  ${op} × ${count}: ${state}`)

// Notes say what could be better in the export; problems what must be mended before Lethe can work.
for (const note of report.notes) console.log(`  note: ${note}`)
for (const { code, message } of report.problems) console.log(`  ${code}: ${message}`)

async function smallModel() {
  const data = drawPeople({ split: 'train', families: 2, imagesPerPerson: 4 })
  return (await trainClassifier({ data, arch: 'cnn', train: { epochs: 1, batchSize: 8, seed: 1 } })).bytes
}
