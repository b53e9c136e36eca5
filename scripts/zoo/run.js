// @ts-check
// Compares every model of a zoo made by scripts/fixtures/zoo.py with Lethe, one line a model.
// Usage: npm run build && node scripts/zoo/run.js FOLDER [NAME ...] [--json] [--write docs/models.md]
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createPool, engineOf } from '../../dist/engine/node/pool.js'
import { isLetheError } from '../../dist/errors.js'
import { gradientProgram } from '../../dist/fisher/program.js'
import { estimateImportance } from '../../dist/importance/estimate.js'
import { openNetwork } from '../../dist/network/network.js'
import { readModel } from '../../dist/onnx/model.js'
import { readSafetensors } from '../../dist/safetensors/safetensors.js'
import { judge } from './compare.js'
import { page } from './page.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, write: { type: 'string' } },
})
const [folder, ...only] = positionals
if (!folder) throw new Error('Give the folder that scripts/fixtures/zoo.py wrote.')

/** @type {{ versions: Record<string, string>, models: import('./compare.js').Row[], failed: import('./page.js').Failed[] }} */
const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))
/** The built files have the types of the sources. @type {any} */
const lethe = { readModel, readSafetensors, openNetwork, estimateImportance, gradientProgram, engineOf, isLetheError }
const rows = index.models.filter((r) => only.length === 0 || only.includes(r.model) || only.includes(r.file))
const pool = createPool({ workers: 1 })
/** @type {import('./compare.js').Verdict[]} */
const verdicts = []
try {
  for (const row of rows) {
    const verdict = await judge(lethe, pool, folder, row)
    verdicts.push(verdict)
    console.log(flags.json ? JSON.stringify(verdict) : line(verdict, row))
  }
} finally {
  await pool.close()
}
const count = (/** @type {string} */ state) => verdicts.filter((v) => v.state === state).length
const wrong = count('WRONG')
if (!flags.json) {
  const share = ((100 * count('matches')) / verdicts.length).toFixed(0)
  console.log(
    `\n${count('matches')} of ${verdicts.length} match (${share} %), ${count('refused')} refused, ${wrong} wrong`,
  )
}
if (flags.write) writeFileSync(flags.write, page({ ...index, models: rows }, verdicts))
process.exitCode = wrong === 0 ? 0 : 1

/** @param {import('./compare.js').Verdict} v @param {import('./compare.js').Row} row */
function line(v, row) {
  const name = v.file.replace(/\.onnx$/, '').padEnd(36)
  const places = Object.values(row.parameters)
  const of = `${v.compared ?? 0} of ${places.length} parameters`
  if (v.state === 'refused') return `${name} refused  ${v.code}: ${v.why}`
  if (v.worst === undefined) return `${name} WRONG    ${v.why}`
  const where = v.state === 'WRONG' ? ` at ${v.parameter}` : ''
  return `${name} ${v.state.padEnd(8)} ${v.worst.toExponential(1)}${where}  ${v.exact}  ${of}  ${v.seconds.toFixed(1)} s`
}
