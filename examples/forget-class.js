// @ts-check
// Forget a class of a model: train a small one on drawn faces, take its importances once, forget, save.
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drawPeople, openLethe, trainClassifier } from 'lethe'

const size = { families: 4, personsPerFamily: 3 }
const data = drawPeople({ split: 'train', imagesPerPerson: 40, ...size })
const test = drawPeople({ split: 'test', ...size })
const folder = await mkdtemp(join(tmpdir(), 'lethe-example-'))
const model = join(folder, 'model.onnx')
const trained = await trainClassifier({ data, test, arch: 'cnn', train: { epochs: 6, batchSize: 32, seed: 1 } })
await writeFile(model, trained.bytes)

const lethe = await openLethe({ model, data, test })
const store = await lethe.importance({ settings: { estimator: 'grouped', groupSize: 64 } })
const forgotten = await lethe.forget(store, 'label=0')
await forgotten.save(join(folder, 'forgotten.onnx'))
await lethe.close()

console.log(forgotten.verdict.state, forgotten.verdict.sentence)
