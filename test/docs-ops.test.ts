import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { limits, natures } from '../scripts/ops/operators.js'
import { rangeOf, stateOf } from '../scripts/ops/page.js'
import { constant } from '../src/autodiff/rules/constant.js'
import { rules } from '../src/autodiff/rules/index.js'
import { lowerings } from '../src/lower/expansions/index.js'
import { families } from './cases/ops/index.js'

const page = readFileSync(join(import.meta.dirname, '../docs/ops.md'), 'utf8')
const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
const lines = page.split('\n').filter((line) => /^\| [A-Z]/.test(line))
const standard = lines
  .map(cellsOf)
  .filter((cells) => cells.length === 8)
  .map(([op, versions, opsets, state, tests, expanded, rows, note]) => ({
    op: op!,
    versions: versions!.split(', ').map(Number),
    opsets: opsets!,
    state: state!,
    tests: countOf(tests!),
    expanded: countOf(expanded!),
    rows: [...rows!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
    note: note!,
  }))
const contrib = page
  .split('\n')
  .filter((line) => line.startsWith('| com.microsoft.'))
  .map(cellsOf)
  .map(([op, state]) => ({ op: op!.replace('com.microsoft.', ''), state: state! }))
const tables = { rules, constant, lowerings }

function countOf(cell: string): readonly [passing: number, all: number] | undefined {
  const [, passing, all] = /^(\d+) of (\d+)$/.exec(cell) ?? []
  return passing ? [Number(passing), Number(all)] : undefined
}

/** Stand-ins of ONNX Runtime in the standard domain, which the standard does not have. */
const foreign = new Set(['SimplifiedLayerNormalization'])

describe('docs/ops.md', () => {
  it('has one row for every operator of the standard, in their order', () => {
    const names = standard.map((row) => row.op)
    expect(names).toEqual([...new Set(names)].sort((a, b) => (a < b ? -1 : 1)))
    expect(names.length).toBeGreaterThan(200)
  })

  it('has a row for every operator that has a rule or is written out', () => {
    const known = [...rules, ...lowerings].filter((entry) => !entry.domain && !foreign.has(entry.op))
    const listed = new Set(standard.map((row) => row.op))
    expect(known.map((entry) => entry.op).filter((op) => !listed.has(op))).toEqual([])
    const fused = lowerings.filter((entry) => entry.domain).map((entry) => entry.op)
    expect(fused.filter((op) => !contrib.some((row) => row.op === op))).toEqual([])
  })

  it('tells of each operator what the tables of rules say, and claims no rule that is not there', () => {
    for (const { op, versions, opsets, state } of standard) {
      expect({ op, state, opsets }).toEqual({
        op,
        state: stateOf(tables, op),
        opsets: rangeOf(tables, op, Math.min(...versions)),
      })
    }
    for (const { op, state } of contrib)
      expect({ op, state }).toEqual({ op, state: stateOf(tables, op, 'com.microsoft') })
  })

  it('gives states that follow from the tables', () => {
    const has = (list: readonly { op: string; domain?: string }[], op: string): boolean =>
      list.some((entry) => entry.op === op && !entry.domain)
    for (const { op, state } of standard) {
      expect(has(constant, op), op).toBe(state === 'no gradient, passes constants')
      expect(has(rules, op), op).toBe(/^gradient|^no gradient/.test(state))
      if (has(lowerings, op)) expect(state, op).toMatch(/^lowered/)
    }
  })

  it('says what is left out wherever a state has limits, and why there is no gradient', () => {
    const listed = new Map(standard.map((row) => [row.op, row]))
    for (const [op, limit] of Object.entries(limits)) {
      expect(listed.get(op)?.state, op).toMatch(/limits$/)
      expect(listed.get(op)?.note, op).toContain(limit)
    }
    for (const { op, note, state } of standard) {
      if (state === 'nothing to differentiate' || state === 'not supported') expect(note, op).not.toBe('')
    }
    expect([...natures.keys()].filter((op) => !listed.has(op))).toEqual([])
  })

  it('names rows of our own for every operator with a gradient', () => {
    const tested = (family: string, op: string): boolean =>
      family.startsWith('lower/')
        ? readFileSync(join(import.meta.dirname, `${family}.test.ts`), 'utf8').includes(`'${op}'`)
        : (families[family] ?? []).some((row) => row.op === op || row.nodes?.some((n) => n.op === op))
    for (const { op, state, rows } of standard) {
      if (state === 'nothing to differentiate' || state === 'not supported') continue
      expect(rows.length, op).toBeGreaterThan(0)
      for (const family of rows) expect(tested(family, op), `${op} in ${family}`).toBe(true)
    }
  })

  it('adds its node tests up, none of them wrong, and the operators to the bar of 95 %', () => {
    const [, passing, all] = /Of the tests themselves (\d+) of (\d+) pass/.exec(page) ?? []
    const counts = standard.flatMap((row) => [row.tests ?? [0, 0], row.expanded ?? [0, 0]])
    expect(counts.reduce((sum, [n]) => sum + n, 0)).toBe(Number(passing))
    expect(counts.reduce((sum, [, n]) => sum + n, 0)).toBe(Number(all))
    expect(page).toMatch(/refused by name, 0 are wrong\./)
    const [, right, operators] =
      /\*\*(\d+) of (\d+) floating-point differentiable operators of opset 22/.exec(page) ?? []
    expect(Number(right) / Number(operators)).toBeGreaterThanOrEqual(0.95)
    // Whoever passes has no test of its own that does not, and below the bar are exactly the others.
    const [, below = ''] = /^Below the bar in opset 22: (.*)\.$/m.exec(page) ?? []
    const missing = below === '' ? [] : below.split(', ')
    expect(missing.length).toBe(Number(operators) - Number(right))
    const failing = standard.filter((row) => row.versions[0]! <= 22 && row.tests && row.tests[0] < row.tests[1])
    expect(failing.map((row) => row.op).filter((op) => !missing.includes(op) && !superseded.has(op))).toEqual([])
  })
})

/** Operators whose failing node tests are of a definition that opset 22 has replaced: Scan-8. */
const superseded = new Set(['Scan'])
