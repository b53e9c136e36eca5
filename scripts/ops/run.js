// @ts-check
// Runs the node tests of the onnx package, as export.py wrote them, through Lethe's rules: one line a test that does not pass.
// Usage: npm run build && node scripts/ops/run.js FOLDER [OPERATOR | TEST ...] [--all] [--write docs/ops.md]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { activeValues, backward } from '../../dist/autodiff/backward.js'
import { constant } from '../../dist/autodiff/rules/constant.js'
import { rules } from '../../dist/autodiff/rules/index.js'
import { derivativeAtZero } from '../../dist/check/derivative.js'
import { createPool, engineOf } from '../../dist/engine/node/pool.js'
import { isLetheError } from '../../dist/errors.js'
import { Emitter } from '../../dist/graph/emitter.js'
import { inFloat32 } from '../../dist/graph/float32.js'
import { lowerings } from '../../dist/lower/expansions/index.js'
import { lower } from '../../dist/lower/lower.js'
import { rewrite } from '../../dist/lower/rewrite.js'
import { readModel, writeGraph } from '../../dist/onnx/model.js'
import { TensorProtoSchema } from '../../dist/onnx/schema/onnx_pb.js'
import { readTensor } from '../../dist/onnx/tensor-proto.js'
import { specialise, trace } from '../../dist/trace/trace.js'
import { check } from './check.js'
import { page } from './page.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false }, write: { type: 'string' } },
})
const [folder, ...only] = positionals
if (!folder) throw new Error('Give the folder that scripts/ops/export.py wrote.')

/** @type {{ versions: Record<string, string>, opset: number, operators: import('./page.js').Operator[], tests: import('./check.js').NodeTest[] }} */
const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))
/** The built files have the types of the sources. @type {any} */
const lethe = {
  ...{ readModel, writeGraph, readTensor, TensorProtoSchema, rewrite, lower, inFloat32, trace, specialise },
  ...{ backward, activeValues, Emitter, derivativeAtZero, isLetheError },
}
const tests = index.tests.filter(
  (t) => t.domain === '' && (only.length === 0 || only.includes(t.op) || only.includes(t.name)),
)
const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
const runtime = `${engine.name} ${engine.version}`
/** @type {import('./page.js').Tested[]} */
const outcomes = []
try {
  for (const test of tests) {
    const outcome = await check(lethe, engine, folder, test)
    outcomes.push({ ...outcome, expands: test.expands, opset: test.opset })
    if (flags.all || (outcome.state !== 'passes' && outcome.state !== 'nature')) console.log(line(outcome))
  }
} finally {
  await pool.close()
}
const count = (/** @type {string} */ state) => outcomes.filter((o) => o.state === state).length
console.log(
  `\n${count('passes')} pass, ${count('refused')} refused, ${count('runtime')} not run by ${runtime}, ${count('nature')} with nothing to differentiate, ${count('WRONG')} wrong`,
)
if (flags.write) {
  const versions = { ...index.versions, node: process.versions.node, [engine.name]: engine.version }
  const tables = { rules, constant, lowerings }
  writeFileSync(flags.write, page({ ...index, versions, outcomes, tables, rows: rowsOf() }))
}
process.exitCode = count('WRONG') === 0 ? 0 : 1

/** @param {import('./check.js').Outcome} o */
function line(o) {
  const error = o.worst === undefined ? '' : ` ${o.worst.toExponential(1)}${o.moved ? ' beside the data' : ''}`
  const why = o.why ? `  ${o.code ? `${o.code}: ` : ''}${o.why.split('\n')[0]}` : ''
  return `${o.name.padEnd(56)} ${o.state}${error}${why}`
}

/** Test files that name an operator, by operator: families of rows, and tests of expansions. @returns {(op: string) => string[]} */
function rowsOf() {
  const root = join(import.meta.dirname, '../../test')
  const families = readFileSync(join(root, 'cases/ops/index.ts'), 'utf8')
  const files = [
    ...readdirSync(join(root, 'cases/ops'))
      .filter((f) => families.includes(`'./${f.replace('.ts', '.js')}'`))
      .map((f) => ({ path: `cases/ops/${f}`, name: f.replace('.ts', '') })),
    ...readdirSync(join(root, 'lower'))
      .filter((f) => f.endsWith('.test.ts'))
      .map((f) => ({ path: `lower/${f}`, name: `lower/${f.replace('.test.ts', '')}` })),
  ].map(({ path, name }) => ({ name, text: readFileSync(join(root, path), 'utf8') }))
  const naming = (/** @type {string[]} */ forms) =>
    files.filter(({ text }) => forms.some((form) => text.includes(form))).map(({ name }) => name)
  return (op) => {
    // The files of its rows; where it has none of its own, those of the rows that it takes part in.
    const found = naming([`op: '${op}'`, `unary('${op}'`, `lowering: '${op}'`])
    return found.length ? found : naming([`'${op}'`])
  }
}
