import { idHash } from '../../data/split.js'
import { LetheError } from '../../errors.js'
import type { Estimator, WorkUnit } from './estimator.js'

/** Examples a group at most, where no other number is asked for. */
export const defaultGroupSize = 512

/**
 * Group importance: I = (1/N) Σ_g |g| (∂ mean loss of g/∂θ)², groups of about G examples of one label, formed in the order of
 * a hash of the ids, so that the order of the data plays no part. G = 1 is `exact`. The groups of a label are made as
 * equal as possible, for which I is the plain mean over groups of the design.
 *
 * With `groupBy` the examples of each value of an attribute (a person) are groups of their own within the label.
 * A whole class (with `groupBy`, a whole value) forms the same groups in D_f as in D: its sum is then exactly a part of the sum over D.
 */
export const grouped: Estimator = {
  name: 'grouped',
  summary:
    'squared mean gradient of groups of one label; the better selection for whole classes, at the price of a plain pass',
  squares: 'units',
  isAdditive: true,
  settle({ groupSize = defaultGroupSize, groupBy }) {
    if (!Number.isInteger(groupSize) || groupSize < 1) {
      throw new LetheError('usage', `--group-size must be a whole number from 1, got ${groupSize}.`)
    }
    return { estimator: 'grouped', groupSize, ...(groupBy !== undefined && { groupBy }) }
  },
  units: (count) => count,
  plan(examples, { groupSize = defaultGroupSize, groupBy }) {
    if (groupBy !== undefined && !examples.group)
      throw new LetheError('internal', `The examples do not tell their ${groupBy}, which they are to be grouped by.`)
    const families = new Map<string, { row: number; key: bigint }[]>()
    for (let row = 0; row < examples.size; row++) {
      const family = `${String(examples.labels[row]).padStart(9, '0')}/${examples.group?.(row) ?? ''}`
      const members = families.get(family) ?? []
      members.push({ row, key: idHash(examples.id(row)) })
      families.set(family, members)
    }
    return [...families.keys()].sort().flatMap((family) => {
      const members = families.get(family)!.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.row - b.row))
      return balanced(
        members.map((m) => m.row),
        groupSize,
      )
    })
  },
}

/** Rows cut into the fewest groups of at most `size`, as equal as possible; weight 1/√n makes (Σ g)² into n·mean². */
function balanced(rows: readonly number[], size: number): WorkUnit[] {
  const groups = Math.ceil(rows.length / size)
  return Array.from({ length: groups }, (_, i) => {
    const members = rows.slice(Math.floor((i * rows.length) / groups), Math.floor(((i + 1) * rows.length) / groups))
    return { rows: members, weight: 1 / Math.sqrt(members.length) }
  })
}
