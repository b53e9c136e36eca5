// @ts-check
// Serves the example page. Usage: npm run build && node examples/browser/serve.js [port]
// It trains a small model for the page to forget with, bundles the page, and serves both with the headers that make it cross-origin isolated.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawPeople, trainClassifier } from 'lethe'
import { build, preview } from 'vite'

const root = import.meta.dirname
const outDir = join(root, '../../node_modules/.cache/lethe/browser-example')

// In a project of your own, `npm install lethe onnxruntime-web` takes the place of the alias.
const resolve = { alias: { 'lethe/web': join(root, '../../dist/web.js') } }
/** @type {import('vite').InlineConfig} */
const config = {
  configFile: false,
  root,
  base: './',
  logLevel: 'warn',
  resolve,
  build: { outDir, emptyOutDir: true, target: 'esnext' },
}
await build({ ...config, worker: { format: 'es' } })

console.log('training the model of the page …')
const data = drawPeople({ split: 'train', families: 4, personsPerFamily: 2, imagesPerPerson: 40 })
const { bytes } = await trainClassifier({ data, arch: 'cnn', train: { epochs: 8, batchSize: 16, seed: 3 } })
await writeFile(join(outDir, 'faces.onnx'), bytes)

const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
const server = await preview({
  ...config,
  preview: { host: '127.0.0.1', port: Number(process.argv[2] ?? 4173), headers },
})
console.log(`open ${server.resolvedUrls?.local[0]}`)
