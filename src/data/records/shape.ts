import { LetheError } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { didYouMean } from '../near.js'
import type { FieldProfile, Get } from './profile.js'

/** How records of one data set become examples: as texts, or as rows of a table. */
export interface Shape {
  /** Field of the classes; undefined where records have none. */
  readonly label: string | undefined
  /** Fields that are no attributes. */
  readonly taken: ReadonlySet<string>
  /** Looks at a record while the file is walked through. Throws `data-format`. */
  check(get: Get, place: string): void
  /** Called once, after the last record. */
  settle?(): void
  /** Tensors of record `i`. Throws `data-format`. */
  tensors(get: Get, place: string, i: number): Readonly<Record<string, Tensor>>
  notes?(size: number): readonly string[]
}

/** Throws `config-invalid` for a declared field that the data does not have. */
export function checkDeclared(
  path: string,
  profile: ReadonlyMap<string, FieldProfile>,
  declared: readonly (readonly [key: string, field: string | undefined])[],
): void {
  const wrong = declared.find(([, field]) => field !== undefined && !profile.has(field))
  if (!wrong) return
  const [key, field = ''] = wrong
  throw new LetheError(
    'config-invalid',
    `"${key}" names the column "${field}", which "${path}" does not have; it has ${listed(profile.keys())}.${didYouMean(field, profile.keys())}`,
    { field, key },
  )
}

/** Names for a message, cut where they are many. */
export function listed(names: Iterable<string>): string {
  const all = [...names]
  return all.slice(0, 20).join(', ') + (all.length > 20 ? `, … (${all.length})` : '') || 'none'
}
