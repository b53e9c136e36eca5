import { LetheError } from '../errors.js'
import type { Dataset, Example } from './dataset.js'
import { didYouMean } from './near.js'

/** A data set told as columns: everything but the examples is in memory. */
export interface Columns {
  readonly name: string
  readonly classes?: readonly string[]
  /** Class ids, [N]; the length is the size of the data set. */
  readonly labels: ArrayLike<number>
  readonly id: (i: number) => string
  /** Values by attribute and record. */
  readonly attributes?: ReadonlyMap<string, (i: number) => string>
  readonly read: (i: number) => Example | Promise<Example>
  readonly notes?: (() => readonly string[]) | undefined
}

/** Data set of columns: checks the index of every request and the name of every attribute. */
export function datasetOf(columns: Columns): Dataset {
  const { name, labels, attributes = new Map<string, (i: number) => string>() } = columns
  const at = (i: number): number => {
    if (Number.isInteger(i) && i >= 0 && i < labels.length) return i
    throw new LetheError('internal', `Record ${i} of "${name}" is outside 0…${labels.length - 1}.`)
  }
  return {
    name,
    size: labels.length,
    classes: columns.classes,
    attributes: [...attributes.keys()],
    id: (i) => columns.id(at(i)),
    label: (i) => labels[at(i)]!,
    attribute(attribute, i) {
      const value = attributes.get(attribute)
      if (!value) throw unknownAttribute(name, attribute, [...attributes.keys()])
      return value(at(i))
    },
    read: (i) => columns.read(at(i)),
    ...(columns.notes && { notes: columns.notes }),
  }
}

/** Coded error for an attribute that a data set does not have; `others` are further names that may have been meant. */
export function unknownAttribute(
  dataset: string,
  attribute: string,
  known: readonly string[],
  others: readonly string[] = [],
): LetheError {
  const there = known.length > 0 ? `it has ${known.join(', ')}` : 'it has none beside the class'
  const hint = didYouMean(attribute, [...known, ...others])
  return new LetheError('attribute-unknown', `"${dataset}" has no attribute "${attribute}"; ${there}.${hint}`, {
    attribute,
    known,
  })
}

/**
 * Data sets one after another as one. Ids must stay unique, which is the parts' business; attributes are those that all
 * parts have, class names those of the first part.
 */
export function concatenate(name: string, parts: readonly Dataset[]): Dataset {
  const only = parts[0]
  if (parts.length === 1 && only) return { ...only, name }
  const starts: number[] = []
  let size = 0
  for (const part of parts) {
    starts.push(size)
    size += part.size
  }
  const find = (i: number): [Dataset, number] => {
    let p = starts.length - 1
    while (p > 0 && starts[p]! > i) p--
    return [parts[p]!, i - starts[p]!]
  }
  const value = (attribute: string) => (i: number) => {
    const [part, row] = find(i)
    return part.attribute(attribute, row)
  }
  const shared = (only?.attributes ?? []).filter((a) => parts.every((part) => part.attributes.includes(a)))
  const labels = new Int32Array(size)
  for (let i = 0; i < size; i++) {
    const [part, row] = find(i)
    labels[i] = part.label(row)
  }
  return datasetOf({
    name,
    ...(only?.classes && { classes: only.classes }),
    labels,
    id(i) {
      const [part, row] = find(i)
      return part.id(row)
    },
    attributes: new Map(shared.map((a) => [a, value(a)])),
    read(i) {
      const [part, row] = find(i)
      return part.read(row)
    },
    ...(parts.some((part) => part.notes) && { notes: () => parts.flatMap((part) => part.notes?.() ?? []) }),
  })
}
