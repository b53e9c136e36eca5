import { LetheError } from '../errors.js'
import { unknownAttribute } from './columns.js'
import type { Dataset } from './dataset.js'
import { didYouMean } from './near.js'
import { randomStream } from './random.js'
import { hashOrder } from './split.js'

/** What one `--forget` names. A comma in a value is a union; `minus` (a leading `!`) takes the records out instead. */
export type Selector = { readonly minus: boolean } & (
  | { readonly kind: 'class'; readonly values: readonly string[] }
  | { readonly kind: 'label'; readonly values: readonly number[] }
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  | { readonly kind: 'random'; readonly count: number }
  | { readonly kind: 'attribute'; readonly name: string; readonly values: readonly string[] }
)

/** A selector as written: ids are still in a file. */
export type WrittenSelector =
  | Exclude<Selector, { readonly kind: 'ids' }>
  | { readonly kind: 'ids-file'; readonly minus: boolean; readonly path: string }

/** What a selector can name beside attributes. */
const selectorNames = ['class', 'label', 'ids', 'random'] as const
/** Values named in a message. */
const namedLimit = 20
/** Unknown ids named in a message. */
const namedIds = 3

/**
 * Selector of its text: `class=rocket,3`, `label=3`, `ids=file.txt`, `random=100`, `person=p07` (any attribute), each
 * with a leading `!` to take records out. Throws `usage` with the forms there are.
 */
export function parseSelector(text: string): WrittenSelector {
  const match = /^\s*(!?)\s*([^=!]+?)\s*=\s*(.*?)\s*$/.exec(text)
  const [, mark, name = '', value = ''] = match ?? []
  const values = value.split(',').map((v) => v.trim())
  if (!match || value === '' || (name !== 'ids' && values.includes(''))) throw badSelector(text)
  const minus = mark === '!'
  switch (name) {
    case 'class':
      return { kind: 'class', values, minus }
    case 'label':
      return { kind: 'label', values: values.map((v) => wholeNumber(v, text)), minus }
    case 'ids':
      return { kind: 'ids-file', path: value, minus }
    case 'random': {
      const count = wholeNumber(value, text)
      if (count === 0) throw badSelector(text)
      return { kind: 'random', count, minus }
    }
    default:
      return { kind: 'attribute', name, values, minus }
  }
}

function wholeNumber(value: string, text: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value)
  throw badSelector(text)
}

function badSelector(text: string): LetheError {
  return new LetheError(
    'usage',
    `"${text}" selects nothing: write class=NAME, label=3, ids=FILE, random=100 or ATTRIBUTE=VALUE; a comma joins values, a leading ! takes records out.`,
    { text },
  )
}

/** Ids of a text: one a line, blank lines passed over, each once. */
export function parseIds(text: string): string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  return [...new Set(lines.filter((line) => line.trim() !== ''))]
}

export interface SelectOptions {
  /** Decides `random=N`. Default 0. */
  readonly seed?: number
  /** Accept a selection of all records, which is no forget set, and give all where nothing is named. Default false. */
  readonly allowAll?: boolean
  /** Give no records, instead of refusing, where the data has none of the kind or knows no such class, attribute or value. Default false. */
  readonly allowNone?: boolean
}

/**
 * Records that the selectors name, ascending: the union of the plain ones (all records where there are none) without
 * those of the `!` ones, in whatever order they are given.
 *
 * `random=N` draws N records, every set equally likely, from those that no `!` selector takes out; the draw depends on
 * ids and seed, not on the order of the data.
 * Throws `forget-empty`, `forget-all`, `id-unknown` (naming the first three), `attribute-unknown` (naming what there is),
 * `usage` (more random records than there are).
 */
export function select(dataset: Dataset, selectors: readonly Selector[], options: SelectOptions = {}): Int32Array {
  const { seed = 0, allowAll = false, allowNone = false } = options
  const all = every(dataset)
  const union = (open: readonly number[], parts: readonly Selector[]): Set<number> =>
    new Set(parts.flatMap((selector) => rowsOf(dataset, open, selector, seed, allowNone)))
  const out = union(
    all,
    selectors.filter((s) => s.minus),
  )
  const open = all.filter((i) => !out.has(i))
  const plain = selectors.filter((s) => !s.minus)
  const named = plain.length > 0 ? union(open, plain) : new Set(open)
  const chosen = Int32Array.from(open.filter((i) => named.has(i)))
  if (!allowNone && ((selectors.length === 0 && !allowAll) || chosen.length === 0)) {
    throw new LetheError(
      'forget-empty',
      `No record of "${dataset.name}" is selected; name records that are in the data.`,
    )
  }
  if (chosen.length === dataset.size && !allowAll) {
    throw new LetheError(
      'forget-all',
      `All ${dataset.size} records of "${dataset.name}" are selected; a model that is to keep something needs records to keep.`,
      { size: dataset.size },
    )
  }
  return chosen
}

function rowsOf(
  dataset: Dataset,
  open: readonly number[],
  selector: Selector,
  seed: number,
  allowNone: boolean,
): number[] {
  switch (selector.kind) {
    case 'label':
    case 'class': {
      const labels = new Set(selector.values.map((v) => (typeof v === 'number' ? v : labelOf(dataset, v, allowNone))))
      return every(dataset).filter((i) => labels.has(dataset.label(i)))
    }
    case 'ids':
      return rowsOfIds(dataset, selector.ids)
    case 'random':
      return drawRows(dataset, open, selector.count, seed)
    case 'attribute':
      return rowsOfAttribute(dataset, selector.name, selector.values, allowNone)
  }
}

const every = (dataset: Dataset): number[] => Array.from({ length: dataset.size }, (_, i) => i)

/** Class of a name, or of a number where no class has that name. */
function labelOf(dataset: Dataset, value: string, allowNone: boolean): number | undefined {
  const named = dataset.classes?.indexOf(value) ?? -1
  if (named >= 0) return named
  const label = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  for (let i = 0; i < dataset.size; i++) if (dataset.label(i) === label) return label
  if (allowNone) return undefined
  const known = dataset.classes ?? distinct(dataset, (i) => String(dataset.label(i)))
  throw new LetheError(
    'attribute-unknown',
    `"${dataset.name}" has no class "${value}"; it has ${listed(known)}.${didYouMean(value, known)}`,
    { value, known },
  )
}

function rowsOfIds(dataset: Dataset, ids: readonly string[]): number[] {
  const wanted = new Set(ids)
  const rows: number[] = []
  for (let i = 0; i < dataset.size; i++) if (wanted.delete(dataset.id(i))) rows.push(i)
  if (wanted.size === 0) return rows
  const first = [...wanted].slice(0, namedIds).map((id) => `"${id}"`)
  const more = wanted.size > namedIds ? ` and ${wanted.size - namedIds} more` : ''
  throw new LetheError(
    'id-unknown',
    `"${dataset.name}" has no record ${first.join(', ')}${more}; its ids look like "${dataset.id(0)}".`,
    { ids: [...wanted].slice(0, namedIds), count: wanted.size },
  )
}

function rowsOfAttribute(dataset: Dataset, name: string, values: readonly string[], allowNone: boolean): number[] {
  if (!dataset.attributes.includes(name)) {
    if (allowNone) return []
    throw unknownAttribute(dataset.name, name, dataset.attributes, selectorNames)
  }
  const known = new Set(distinct(dataset, (i) => dataset.attribute(name, i)))
  const unknown = values.find((v) => !known.has(v))
  if (unknown !== undefined && !allowNone) {
    throw new LetheError(
      'attribute-unknown',
      `"${dataset.name}" has no record with ${name} "${unknown}"; there are ${listed([...known])}.${didYouMean(unknown, known)}`,
      { name, value: unknown },
    )
  }
  return every(dataset).filter((i) => values.includes(dataset.attribute(name, i)))
}

function drawRows(dataset: Dataset, open: readonly number[], count: number, seed: number): number[] {
  if (count > open.length) {
    throw new LetheError(
      'usage',
      `random=${count} asks for more records than the ${open.length} there are to draw from.`,
    )
  }
  const rows = hashOrder(dataset, open, 0)
  const stream = randomStream(seed)
  for (let i = 0; i < count; i++) {
    const j = i + stream.below(rows.length - i)
    const held = rows[i]!
    rows[i] = rows[j]!
    rows[j] = held
  }
  return rows.slice(0, count)
}

function distinct(dataset: Dataset, value: (i: number) => string): string[] {
  return [...new Set(Array.from({ length: dataset.size }, (_, i) => value(i)))].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  )
}

function listed(values: readonly string[]): string {
  const more = values.length > namedLimit ? `, … (${values.length})` : ''
  return values.slice(0, namedLimit).join(', ') + more
}
