// @ts-check
// Importances for data that only you can read: say how many examples there are, their labels and ids, and how to load some.
import { createPool, drawPeople, engineOf, estimateImportance, openNetwork, readModel, trainClassifier } from 'lethe'

// A model to look at. Yours comes from a file: readModel(await readFile('model.onnx')).
const trained = await trainClassifier({
  data: drawPeople({ split: 'train', families: 2, personsPerFamily: 2, imagesPerPerson: 16 }),
  arch: 'cnn',
  train: { epochs: 1, batchSize: 16, seed: 1 },
})

// The pool runs the model in worker threads. Close it at the end, or the process stays alive.
const pool = createPool({ workers: 2 })

// Opening runs the model a few times to see its shapes. A sample is one input at least, with the batch axis first; real
// inputs are best, and where there is none at hand random numbers of the declared shape are taken.
const network = await openNetwork(readModel(trained.bytes).graph, engineOf(pool))
const { name, dims } = /** @type {import('lethe').Network['inputs'][number]} */ (network.inputs[0])
const size = dims.reduce((a, b) => a * b, 1)

// Your data: here row n is a wave of its own. Values are as the model takes them, preprocessing is done already.
const labels = Int32Array.from({ length: 10 }, (_, row) => row % network.classes)
const readRow = (/** @type {number} */ row) => Float32Array.from({ length: size }, (_, i) => Math.sin(i * (row + 1)))

const importance = await estimateImportance(
  network,
  pool,
  {
    size: labels.length,
    labels,
    // Ids are what records are named by later, so they must not change with the order of the data.
    id: (row) => `row-${row}`,
    // Called with a few rows at a time, so the data need not fit into memory: one tensor for each input of the model.
    load: async (rows) => {
      const data = new Float32Array(rows.length * size)
      for (const [at, row] of rows.entries()) data.set(readRow(row), at * size)
      return { [name]: { dtype: 'float32', dims: [rows.length, ...dims], data } }
    },
  },
  { settings: { estimator: 'exact' } },
)
await pool.close()

// `sums` holds S, the squared gradients added over the examples; divided by their number it is the importance.
console.log(`${importance.count} examples; mean importance of a weight in each parameter:`)
for (const [parameter, sum] of importance.sums) {
  const total = sum.reduce((a, b) => a + b, 0)
  console.log(parameter, (total / importance.count / sum.length).toExponential(2))
}
