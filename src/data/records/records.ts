import { LetheError } from '../../errors.js'
import { datasetOf } from '../columns.js'
import type { Dataset } from '../dataset.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { attributeColumns } from './attribute-columns.js'
import { labelColumn } from './labels.js'
import type { ModelForm, RecordOptions } from './options.js'
import { type FieldProfile, fieldsOf, type Get, profileOf, profileRows } from './profile.js'
import { limits, placeOf, type RecordFile } from './record-file.js'
import { checkDeclared, listed, type Shape } from './shape.js'
import { tableShape } from './table.js'
import { textFields, textShape } from './texts.js'
import { isScalar, kindOf, type Row, textOf } from './value.js'

/** Blocks of very large records that are waited for before their shape is settled. */
const profileBlocks = 64

/** A file of the data, and what stands before the ids of its records. */
export interface RecordSource {
  readonly file: RecordFile
  readonly prefix: string
}

/**
 * Data set of files of records with named fields.
 *
 * - `id` (or as declared): the ids, else the number of the record; `label` (then `labels`): class numbers, or names;
 * - token ids (`input_ids`), or a text (`text`, `sentence`) with a tokenizer: see `textShape`;
 * - else numbers and categories: see `tableShape`;
 * - every other scalar field of at most 256 characters: an attribute.
 *
 * The files are walked through once; kept in memory are ids, labels and attributes.
 * Throws `data-format`, `label-range`, `config-invalid`, `shape-mismatch`, `not-found` (no tokenizer).
 */
export async function recordsDataset(
  name: string,
  sources: readonly RecordSource[],
  options: RecordOptions,
  findTokenizer: (isNeeded: boolean) => Promise<Tokenizer | undefined>,
): Promise<Dataset> {
  const collected = collector(sources, options)
  let waiting: Block[] = []
  let shape: Shape | undefined
  for (const [s, { file }] of sources.entries()) {
    let first = 0
    for await (const rows of file.blocks()) {
      waiting.push({ source: s, first, rows })
      first += rows.length
      if (!shape && waiting.length < profileBlocks && waiting.reduce((n, b) => n + b.rows.length, 0) < profileRows)
        continue
      shape ??= await shapeOf(sources, waiting, options, findTokenizer)
      for (const block of waiting) collected.add(block, shape)
      waiting = []
    }
  }
  if (!shape && waiting.every((b) => b.rows.length === 0)) {
    throw new LetheError('data-format', `"${name}" holds no records.`, { name })
  }
  shape ??= await shapeOf(sources, waiting, options, findTokenizer)
  for (const block of waiting) collected.add(block, shape)
  return collected.finish(name, shape)
}

interface Block {
  readonly source: number
  readonly first: number
  readonly rows: readonly Row[]
}

async function shapeOf(
  sources: readonly RecordSource[],
  blocks: readonly Block[],
  options: RecordOptions,
  findTokenizer: (isNeeded: boolean) => Promise<Tokenizer | undefined>,
): Promise<Shape> {
  const lead = blocks.find((b) => b.rows.length > 0)
  const file = lead && sources[lead.source]?.file
  if (!file) throw new LetheError('internal', 'Records without a record were asked for their shape.')
  const profile = profileOf(
    file,
    blocks.filter((b) => b.source === lead.source).flatMap((b) => [...b.rows]),
  )
  const { columns = {} } = options
  checkDeclared(
    file.path,
    profile,
    (['id', 'label', 'text', 'textPair'] as const).map((key) => [`columns.${key}`, columns[key]] as const),
  )
  const label = labelField(profile, columns.label)
  const texts = textFields(profile, options)
  const model = await formOf(options)
  if (texts) {
    const tokenizer = await findTokenizer(texts.kind !== 'tokens')
    return textShape(texts, label, tokenizer, model, options)
  }
  if (label === undefined) {
    throw new LetheError(
      'data-format',
      `"${file.path}" has no column "label"; it has ${listed(profile.keys())}. Name the column of the classes in "columns.label" of lethe.json.`,
      { path: file.path },
    )
  }
  return tableShape(file.path, profile, file.typed, label, model, options)
}

/** Field of the classes; a list of classes of tokens is none. */
function labelField(profile: ReadonlyMap<string, FieldProfile>, declared: string | undefined): string | undefined {
  const candidates = declared === undefined ? ['label', 'labels'] : [declared]
  return candidates.find((field) => profile.has(field) && profile.get(field)?.holds !== 'lists')
}

async function formOf({ model }: RecordOptions): Promise<ModelForm | undefined> {
  const form = await model?.()
  return form && form.inputs.length > 0 ? form : undefined
}

/** What is kept of the records while the files are walked through. */
function collector(
  sources: readonly RecordSource[],
  options: RecordOptions,
): { add(block: Block, shape: Shape): void; finish(name: string, shape: Shape): Promise<Dataset> } {
  const { columns = {} } = options
  const idField = columns.id ?? 'id'
  const attributes = attributeColumns()
  const getters = sources.map(({ file }) => fieldsOf(file))
  const labels = new Map<string, ReturnType<typeof labelColumn>>()
  const ids: string[] = []
  const sizes = sources.map(() => 0)
  let size = 0
  let hasIds = false

  const addRecord = (file: RecordFile, prefix: string, row: number, get: Get, shape: Shape): void => {
    const record = size++
    if (record >= limits.records) {
      throw new LetheError('data-format', `"${file.path}": more than ${limits.records} records are not taken.`)
    }
    const id = get(idField)
    if (record === 0) hasIds = id !== null && id !== ''
    if (hasIds) {
      if (!isScalar(id) || id === '') {
        throw new LetheError(
          'data-format',
          `${placeOf(file, row)}: the id "${idField}" is ${id === '' ? 'missing' : kindOf(id)}, though other records have one.`,
        )
      }
      ids.push(prefix + textOf(id, placeOf(file, row), idField))
    }
    if (shape.label !== undefined) {
      let column = labels.get(shape.label)
      if (!column) {
        column = labelColumn(shape.label)
        labels.set(shape.label, column)
      }
      column.add(get(shape.label), file, row)
    }
    shape.check(get, placeOf(file, row))
    for (const field of file.fields) {
      if (field !== idField && !shape.taken.has(field)) attributes.add(field, get(field), file, row, record)
    }
  }

  return {
    add({ source, first, rows }, shape) {
      const { file, prefix } = sources[source]!
      for (const [k, row] of rows.entries()) addRecord(file, prefix, first + k, getters[source]!(row), shape)
      sizes[source]! += rows.length
    },
    async finish(name, shape) {
      const starts = sizes.map((_, s) => sizes.slice(0, s).reduce((a, b) => a + b, 0))
      const partStarts = sources.map(({ prefix }) => starts[sources.findIndex((s) => s.prefix === prefix)]!)
      const find = (i: number): number => {
        let s = starts.length - 1
        while (s > 0 && starts[s]! > i) s--
        return s
      }
      checkUnique(name, ids)
      const named = shape.label === undefined ? undefined : sources[0]?.file.classNames.get(shape.label)
      const model = options.model && shape.label !== undefined ? await formOf(options) : undefined
      const finished =
        shape.label === undefined
          ? { labels: new Int32Array(size), classes: undefined }
          : labels.get(shape.label)!.finish(columns.labelNames ?? named ?? options.classes, model?.classes)
      const { notes } = shape
      return datasetOf({
        name,
        ...(finished.classes && { classes: finished.classes }),
        labels: finished.labels,
        id(i) {
          if (hasIds) return ids[i]!
          const s = find(i)
          return `${sources[s]!.prefix}${i - partStarts[s]!}`
        },
        attributes: attributes.finish(),
        async read(i) {
          const s = find(i)
          const { file } = sources[s]!
          const row = i - starts[s]!
          const get = getters[s]!(await file.read(row))
          return { kind: 'tensors', tensors: shape.tensors(get, placeOf(file, row), i) }
        },
        ...(notes && { notes: () => notes(size) }),
      })
    },
  }
}

function checkUnique(name: string, ids: readonly string[]): void {
  const seen = new Set<string>()
  for (const id of ids) {
    if (seen.has(id))
      throw new LetheError('data-format', `"${name}" has the id "${id}" twice; ids must be unique.`, { id })
    seen.add(id)
  }
}
