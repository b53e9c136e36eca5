import type { Lowering } from '../lowering.js'
import { attention } from './attention.js'
import { cache } from './cache.js'
import { control } from './control.js'
import { deform } from './deform.js'
import { fused } from './fused.js'
import { fusedNorm } from './fused-norm.js'
import { loss } from './loss.js'
import { recurrent } from './recurrent.js'
import { rotary } from './rotary.js'
import { spectrum } from './spectrum.js'

/** Every expansion, family by family. Adding one is one entry in a family and one row in `test/lower/cases`. */
export const lowerings: readonly Lowering[] = [
  ...control,
  ...recurrent,
  ...attention,
  ...rotary,
  ...fused,
  ...fusedNorm,
  ...loss,
  ...spectrum,
  ...deform,
  ...cache,
]

/** The expansion of an operator; `opset` is that of the standard domain. */
export function findLowering(domain: string, op: string, opset: number): Lowering | undefined {
  return lowerings.find((l) => l.op === op && (l.domain ?? '') === domain && l.since <= opset)
}
