import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { judge, type Lethe, type Row, tolerance } from '../../scripts/zoo/compare.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { isLetheError } from '../../src/errors.js'
import { gradientProgram } from '../../src/fisher/program.js'
import { estimateImportance } from '../../src/importance/estimate.js'
import { openNetwork } from '../../src/network/network.js'
import { readModel } from '../../src/onnx/model.js'
import { readSafetensors } from '../../src/safetensors/safetensors.js'

const folder = join(import.meta.dirname, '../fixtures/zoo')
const { models }: { models: Row[] } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))
const lethe: Lethe = {
  readModel,
  readSafetensors,
  openNetwork,
  estimateImportance,
  gradientProgram,
  engineOf,
  isLetheError,
}

/** Models that are refused for now: by the operator that the message must name. */
const refused: Readonly<Record<string, string>> = {
  // Its weights are attributes of ai.onnx.ml.LinearClassifier.
  'sklearn-logistic': 'No gradient',
}

const pool = createPool({ workers: 2 })
afterAll(() => pool.close())

describe('the zoo: small classifiers of many makers', () => {
  it.each(models)('$file has the importances of autograd, or is refused by name', async (row) => {
    const verdict = await judge(lethe, pool, folder, row)
    const reason = refused[row.model]
    if (reason) {
      expect(verdict).toMatchObject({ state: 'refused' })
      expect(verdict.why).toContain(reason)
    } else {
      expect(verdict).toMatchObject({ state: 'matches' })
      expect(verdict.worst).toBeLessThanOrEqual(tolerance)
      expect(verdict.compared).toBeGreaterThan(0)
    }
  })

  it('refuses only models that are there', () => {
    expect(Object.keys(refused).filter((name) => !models.some((m) => m.model === name))).toEqual([])
  })
})
