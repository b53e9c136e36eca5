import { afterAll, describe, expect, it } from 'vitest'
import { rules } from '../../src/autodiff/rules/index.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { checkOp } from '../cases/check-op.js'
import { families } from '../cases/ops/index.js'

const pool = createPool({ workers: 1 })
const engine = engineOf(pool)
afterAll(() => pool.close())

for (const [family, rows] of Object.entries(families)) {
  describe(`${family}: gradients are numeric gradients, per-example gradients are those of batches of one`, () => {
    it.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
      const report = await checkOp(row, engine)
      expect(report.numeric, `numeric, seed ${row.seed ?? 1}`).toBeLessThan(5e-3)
      expect(report.fellBack).toBe(row.fallsBack ?? false)
      // Float32 sums in another order: 1e-5 of the largest entry.
      if (report.each !== undefined) expect(report.each, 'each').toBeLessThan(1e-5)
      if (report.squares !== undefined) expect(report.squares, 'squares').toBeLessThan(2e-5)
    })
  })
}

describe('the table of rules', () => {
  it('has a row of cases for every rule', () => {
    const covered = new Set(
      Object.values(families)
        .flat()
        .flatMap((row) => [row.op, ...(row.nodes ?? []).map((n) => n.op)]),
    )
    expect(rules.map((r) => r.op).filter((op) => !covered.has(op))).toEqual([])
  })
  it('has one rule for an operator at any opset', () => {
    for (let opset = 9; opset <= 26; opset++) {
      const at = rules
        .filter((r) => r.since <= opset && opset <= (r.until ?? 99))
        .map((r) => `${r.domain ?? ''}.${r.op}`)
      expect(at.filter((op, i) => at.indexOf(op) !== i)).toEqual([])
    }
  })
})
