// @ts-check
// Forget a class: the whole path in one file. Usage: node examples/forget-class.js [folder for the models]
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drawPeople, openLethe, trainClassifier } from 'lethe'

const folder = process.argv[2] ?? (await mkdtemp(join(tmpdir(), 'lethe-example-')))
const path = join(folder, 'model.onnx')

// 1. A model and its data. Yours would be a file and a folder; here both are made: drawn faces, whose class is the family.
const size = { families: 3, personsPerFamily: 2 }
const data = drawPeople({ split: 'train', imagesPerPerson: 40, ...size })
const test = drawPeople({ split: 'test', ...size })
const trained = await trainClassifier({ data, test, arch: 'cnn', train: { epochs: 8, batchSize: 16, seed: 1 } })
await writeFile(path, trained.bytes)

// 2. Open them together. `data` and `test` may also be paths, as in `data: 'train/'`.
const lethe = await openLethe({ model: path, data, test })

// 3. How much every weight matters to the training data. This is the long part, done once for a model:
//    `lethe.saveStore(store, 'train.safetensors')` keeps it for every later request.
const store = await lethe.importance({ settings: { estimator: 'grouped', groupSize: 16 } })

// 4. Forget. The selector is the one of the command line: a class, or `person=…`, `random=100` and so on.
//    The strength is found by trying; the verdict compares the model before and after.
const forgotten = await lethe.forget(store, 'label=0')
const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(1)} %`
const [before, after] = [forgotten.before, forgotten.after].map((judged) => judged.facts.forget.accuracy.value)
console.log(`accuracy on the forgotten class: ${percent(before ?? 0)} before, ${percent(after ?? 0)} after`)
console.log(`verdict: ${forgotten.verdict.state}. ${forgotten.verdict.sentence}`)

// 5. Nothing is written until you say so. Close at the end: the engine's worker threads keep the process alive.
await forgotten.save(join(folder, 'forgotten.onnx'))
await lethe.close()
console.log(`models: ${folder}`)
