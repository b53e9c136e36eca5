import type { Rule } from '../rule.js'
import { activation } from './activation.js'
import { conv } from './conv.js'
import { elementwise } from './elementwise.js'
import { gather } from './gather.js'
import { linear } from './linear.js'
import { norm } from './norm.js'
import { pool } from './pool.js'
import { reduce } from './reduce.js'
import { shape } from './shape.js'
import { softmax } from './softmax.js'

/** Every rule, family by family. Adding an operator is one entry in a family and one row in `test/cases/ops`. */
export const rules: readonly Rule[] = [
  ...elementwise,
  ...activation,
  ...reduce,
  ...softmax,
  ...linear,
  ...conv,
  ...pool,
  ...norm,
  ...shape,
  ...gather,
]

/** The rule of an operator at an opset version of its domain. */
export function findRule(domain: string, op: string, opset: number): Rule | undefined {
  return rules.find(
    (r) =>
      r.op === op && (r.domain ?? '') === domain && r.since <= opset && opset <= (r.until ?? Number.POSITIVE_INFINITY),
  )
}
