import type { Rule } from '../rule.js'
import { activation } from './activation.js'
import { constant } from './constant.js'
import { conv } from './conv.js'
import { einsum } from './einsum.js'
import { elementwise } from './elementwise.js'
import { fourier } from './fourier.js'
import { gather } from './gather.js'
import { gridSample } from './grid-sample.js'
import { linear } from './linear.js'
import { localResponse } from './local-response.js'
import { norm } from './norm.js'
import { pool } from './pool.js'
import { reduce } from './reduce.js'
import { resize } from './resize.js'
import { scatter } from './scatter.js'
import { sequence } from './sequence.js'
import { shape } from './shape.js'
import { softmax } from './softmax.js'
import { space } from './space.js'
import { trigonometry } from './trigonometry.js'

/** Every rule, family by family. Adding an operator is one entry in a family and one row in `test/cases/ops`. */
export const rules: readonly Rule[] = [
  ...elementwise,
  ...trigonometry,
  ...activation,
  ...reduce,
  ...softmax,
  ...linear,
  ...einsum,
  ...conv,
  ...pool,
  ...resize,
  ...space,
  ...gridSample,
  ...norm,
  ...localResponse,
  ...shape,
  ...gather,
  ...scatter,
  ...sequence,
  ...fourier,
  ...constant,
]

/** The rule of an operator at an opset version of its domain. */
export function findRule(domain: string, op: string, opset: number): Rule | undefined {
  return rules.find(
    (r) =>
      r.op === op && (r.domain ?? '') === domain && r.since <= opset && opset <= (r.until ?? Number.POSITIVE_INFINITY),
  )
}
