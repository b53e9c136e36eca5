// @ts-check
// Importances for data that only you can read: give rows, labels, ids and a way to load a batch.
import { createPool, drawPeople, engineOf, estimateImportance, openNetwork, readModel, trainClassifier } from 'lethe'

const trained = await trainClassifier({
  data: drawPeople({ split: 'train', families: 2, personsPerFamily: 2, imagesPerPerson: 16 }),
  arch: 'cnn',
  train: { epochs: 1, batchSize: 16, seed: 1 },
})
const pool = createPool({ workers: 2 })
const network = await openNetwork(readModel(trained.bytes).graph, engineOf(pool), {
  sample: { input: { dtype: 'float32', dims: [1, 3, 32, 32], data: new Float32Array(3072) } },
})
const importance = await estimateImportance(network, pool, {
  size: 10,
  labels: Int32Array.from([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
  id: (row) => `row-${row}`,
  load: async (rows) => ({
    input: {
      dtype: 'float32',
      dims: [rows.length, 3, 32, 32],
      data: Float32Array.from({ length: rows.length * 3072 }, (_, i) => Math.sin(i + (rows[0] ?? 0))),
    },
  }),
})
await pool.close()

for (const [name, sum] of importance.sums) {
  console.log(name, (sum.reduce((a, b) => a + b, 0) / importance.count).toExponential(2))
}
