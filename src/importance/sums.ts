import { LetheError } from '../errors.js'
import { type GradientProgram, type NamedPiece, parameterOf } from '../fisher/program.js'
import { place } from '../tensor/place.js'
import { sizeOf } from '../tensor/tensor.js'
import type { UnitResult } from './units.js'

/** Squares of the units' sums of every `step`-th weight of each parameter, added. */
export interface Spread {
  readonly sums: Map<string, Float64Array>
  readonly step: number
}

/**
 * Adds the squares of a unit to others, in float64; to `spread`, where there is one, their squares. Returns the memory that is not
 * needed any more. Throws `value-not-finite` where a gradient is none; what was added to is then of no use.
 */
export function addSums(sums: Map<string, Float64Array>, result: UnitResult, spread?: Spread): ArrayBuffer[] {
  const spent: ArrayBuffer[] = []
  for (const [name, part] of Object.entries(result.sums)) {
    const added = addPower(placeOf(sums, name, part.length), part, result.squared)
    if (!Number.isFinite(added)) throw notFinite(parameterOf(name), result.between)
    if (spread)
      addSquares(placeOf(spread.sums, name, Math.ceil(part.length / spread.step)), part, result.squared, spread.step)
    if (part.buffer instanceof ArrayBuffer) spent.push(part.buffer)
  }
  return spent
}

/** The sums by parameter, those in pieces put together, one after another: the pieces of each are let go of. */
export function assembled(
  sums: Map<string, Float64Array>,
  { pieces, outputs }: GradientProgram,
): Map<string, Float64Array> {
  const whole = new Map<string, Float64Array>()
  for (const name of new Set([...outputs.keys()].map(parameterOf))) {
    const list = pieces.get(name)
    const sum = list ? together(list, sums) : sums.get(name)
    if (sum) whole.set(name, sum)
  }
  return whole
}

/** A parameter of its pieces, which are taken out of the sums; undefined where there are none, because nothing was added. */
function together(pieces: readonly NamedPiece[], sums: Map<string, Float64Array>): Float64Array | undefined {
  if (!pieces.every(({ name }) => sums.has(name))) return undefined
  const whole = new Float64Array(pieces.reduce((n, { dims }) => n + sizeOf(dims), 0))
  for (const { name, dims, at, strides } of pieces) {
    place(whole, sums.get(name)!, dims, { at, strides })
    sums.delete(name)
  }
  return whole
}

function notFinite(name: string, [first, last]: UnitResult['between']): LetheError {
  return new LetheError(
    'value-not-finite',
    `The gradient of "${name}" is not finite for one of the records "${first}" to "${last}"; check their data.`,
    { parameter: name, first, last },
  )
}

/** Makes room for the sums of all parameters and touches it: large memory takes its time when it is first written to. */
export function makeRoom(sums: Map<string, Float64Array>, totals: GradientProgram['totals']): void {
  for (const [name, { dims }] of totals) if (!sums.has(name)) sums.set(name, new Float64Array(sizeOf(dims)).fill(0))
}

function placeOf(sums: Map<string, Float64Array>, name: string, length: number): Float64Array {
  const sum = sums.get(name) ?? new Float64Array(length)
  sums.set(name, sum)
  return sum
}

/**
 * Adds a part, or its squares; returns the sum of what was added: not finite where one of them is not, for one pass through memory is
 * enough. A loop for each: an exponent that is not known beforehand costs several times the rest.
 */
function addPower(sum: Float64Array, part: Float32Array, isSquared: boolean): number {
  let added = 0
  if (isSquared) {
    for (let i = 0; i < sum.length; i++) {
      const value = part[i]!
      sum[i]! += value
      added += value
    }
  } else {
    for (let i = 0; i < sum.length; i++) {
      const value = part[i]! * part[i]!
      sum[i]! += value
      added += value
    }
  }
  return added
}

function addSquares(sum: Float64Array, part: Float32Array, isSquared: boolean, step: number): void {
  for (let i = 0; i < sum.length; i++) {
    const value = part[i * step]!
    const square = isSquared ? value : value * value
    sum[i]! += square * square
  }
}
