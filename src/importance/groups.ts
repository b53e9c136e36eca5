import type { UnitResult } from './units.js'

/** Sums of squares of groups whose gradients are computed in parts. */
export interface Groups {
  /** Σ_g |g|·(mean gradient of g)², by parameter. */
  readonly sums: ReadonlyMap<string, Float64Array>
  /** Takes what a part of a group came to, and whether it is the group's last; returns the memory that is not needed any more. */
  add(part: UnitResult, memory: readonly ArrayBuffer[], isLast: boolean): ArrayBuffer[]
}

/** Puts groups together from their parts, which come one after another. */
export function createGroups(): Groups {
  const sums = new Map<string, Float64Array>()
  let parts: UnitResult[] = []
  let held: ArrayBuffer[] = []
  return {
    sums,
    add(part, memory, isLast) {
      parts.push(part)
      held.push(...memory)
      if (!isLast) return []
      addGroup(sums, parts)
      const spent = held
      parts = []
      held = []
      return spent
    },
  }
}

/** A part of n_h examples has r_h = √n_h·(its mean gradient); the group of n = Σ n_h has n·(mean gradient)² = (Σ √n_h·r_h)²/n. */
function addGroup(sums: Map<string, Float64Array>, parts: readonly UnitResult[]): void {
  const n = parts.reduce((count, { unit }) => count + unit.rows.length, 0)
  for (const [name, { length }] of Object.entries(parts[0]!.sums)) {
    const sum = sums.get(name) ?? new Float64Array(length)
    sums.set(name, sum)
    const of = parts.map(({ unit, sums: own }) => ({ root: Math.sqrt(unit.rows.length), r: own[name]! }))
    for (let i = 0; i < length; i++) {
      let gradient = 0
      for (const { root, r } of of) gradient += root * r[i]!
      sum[i]! += gradient ** 2 / n
    }
  }
}
