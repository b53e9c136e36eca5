import { LetheError } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import type { ModelForm, RecordOptions } from './options.js'
import type { FieldProfile, Get } from './profile.js'
import type { Shape } from './shape.js'
import { isList, isWords, kindOf } from './value.js'

const names = {
  text: ['text', 'sentence', 'sentence1'],
  pair: ['text_pair', 'sentence2'],
  words: ['tokens', 'words'],
  tokenLabels: ['labels', 'ner_tags'],
} as const
/** Length of examples where nobody says one. */
const usualLength = 128
/** Class of a token that has none. */
const ignored = -100

/** Fields that hold texts or tokens. */
export interface TextFields {
  readonly kind: 'text' | 'words' | 'tokens'
  readonly text: string
  readonly pair: string | undefined
  readonly tokenLabels: string | undefined
}

/** Fields of texts, or of token ids (which win where both are there); undefined for data without either. */
export function textFields(
  profile: ReadonlyMap<string, FieldProfile>,
  { columns = {}, inputs = {} }: RecordOptions,
): TextFields | undefined {
  const first = (candidates: readonly string[], holds: FieldProfile['holds']): string | undefined =>
    candidates.find((name) => profile.get(name)?.holds === holds)
  const declaredLabel = columns.label === undefined ? names.tokenLabels : [columns.label]
  const tokenLabels = first(declaredLabel, 'lists')
  const isTable = columns.features ?? columns.categories ?? Object.values(inputs).find((v) => typeof v !== 'string')
  if (columns.text === undefined && isTable !== undefined) return undefined
  if (columns.text === undefined && first(['input_ids'], 'lists') !== undefined) {
    return { kind: 'tokens', text: 'input_ids', pair: undefined, tokenLabels }
  }
  const words = first(columns.text === undefined ? names.words : [columns.text], 'words')
  const text = columns.text ?? first(names.text, 'text')
  // A sentence is often there as a text, too; words are what classes of tokens belong to.
  if (words !== undefined && (text === undefined || words === text || tokenLabels !== undefined))
    return { kind: 'words', text: words, pair: undefined, tokenLabels }
  if (text === undefined) return undefined
  const pairs = names.pair.filter((name) => profile.has(name) && name !== text)
  return { kind: 'text', text, pair: columns.textPair ?? pairs[0], tokenLabels }
}

/** What of a text is fed to a model: [T] each. */
interface Tokens {
  readonly ids: readonly number[]
  readonly mask: readonly number[]
  readonly typeIds: readonly number[]
  readonly labels: readonly number[] | undefined
  readonly isCut: boolean
}

/**
 * Texts as `input_ids`, `attention_mask` and `token_type_ids`, int64 [T]; with classes of tokens also `labels`, −100 where there
 * is none. T is the same for all: `maxLength`, else what the model takes, else (token ids) the length that all records have,
 * else the tokenizer's, else 128. Longer ones are cut, shorter ones padded.
 */
export function textShape(
  fields: TextFields,
  label: string | undefined,
  tokenizer: Tokenizer | undefined,
  model: ModelForm | undefined,
  options: RecordOptions,
): Shape {
  const fixed = options.maxLength ?? modelLength(model, options)
  let longest = 0
  let shortest = Number.POSITIVE_INFINITY
  const length = (): number =>
    fixed ?? (longest === shortest && longest > 0 ? longest : (tokenizer?.maxLength ?? usualLength))
  const cut = new Set<number>()
  const read = { tokens: givenTokens, words: tokenisedWords, text: tokenised }[fields.kind](fields, tokenizer)
  return {
    label,
    taken: new Set(
      [fields.text, fields.pair, label, 'input_ids', 'attention_mask', 'token_type_ids', fields.tokenLabels].filter(
        (f) => f !== undefined,
      ),
    ),
    check(get, place) {
      if (fields.kind === 'tokens') {
        const { ids } = read(get, place, Number.POSITIVE_INFINITY)
        longest = Math.max(longest, ids.length)
        shortest = Math.min(shortest, ids.length)
      } else if (fields.kind === 'words') {
        tagsIn(get, fields, wordsIn(get, fields.text, place).length, place)
      } else {
        textIn(get, fields.text, place)
        if (fields.pair !== undefined) textIn(get, fields.pair, place)
      }
    },
    tensors(get, place, i) {
      const size = length()
      const tokens = read(get, place, size)
      if (tokens.isCut) cut.add(i)
      const pad = padder(size, tokenizer?.padLeft ?? false)
      return {
        input_ids: pad(tokens.ids, tokenizer?.padId ?? 0),
        attention_mask: pad(tokens.mask, 0),
        token_type_ids: pad(tokens.typeIds, tokenizer?.padTypeId ?? 0),
        ...(tokens.labels && { labels: pad(tokens.labels, ignored) }),
      }
    },
    notes: (size) =>
      cut.size === 0
        ? []
        : [
            `${cut.size} of ${size} records are longer than ${length()} tokens and were cut; a larger maxLength keeps them whole, where the model takes it.`,
          ],
  }
}

/** Tokens that the model takes, where it takes a fixed number. */
function modelLength(model: ModelForm | undefined, { inputs = {} }: RecordOptions): number | undefined {
  const sources = new Map(Object.entries(inputs))
  const tokens = model?.inputs.find(
    ({ name }) => model.inputs.length === 1 || (sources.get(name) ?? name) === 'input_ids',
  )
  const [length = -1] = tokens?.dims.length === 1 ? tokens.dims : []
  return length > 0 ? length : undefined
}

function padder(size: number, isLeft: boolean): (values: readonly number[], filler: number) => Tensor<'int64'> {
  return (values, filler) => {
    const data = new BigInt64Array(size).fill(BigInt(filler))
    const start = isLeft ? size - values.length : 0
    for (const [i, value] of values.entries()) data[start + i] = BigInt(value)
    return { dtype: 'int64', dims: [size], data }
  }
}

function textIn(get: Get, field: string, place: string): string {
  const value = get(field)
  if (typeof value === 'string') return value
  throw new LetheError(
    'data-format',
    `${place}: "${field}" is ${kindOf(value)}, expected text. Mend or leave out the record.`,
    { field },
  )
}

function tokenised(fields: TextFields, tokenizer: Tokenizer | undefined) {
  return (get: Get, place: string, size: number): Tokens => {
    if (!tokenizer) throw new LetheError('internal', `${place} holds text, and no tokenizer was asked for.`)
    const text = textIn(get, fields.text, place)
    const pair = fields.pair === undefined ? undefined : textIn(get, fields.pair, place)
    const { ids, typeIds, isCut } = tokenizer.encode(text, pair, size)
    return { ids, typeIds, mask: ids.map(() => 1), labels: undefined, isCut }
  }
}

function wordsIn(get: Get, field: string, place: string): readonly string[] {
  const value = get(field)
  if (isWords(value)) return value.words
  // An empty list holds numbers as much as words.
  if (isList(value) && value.length === 0) return []
  throw new LetheError('data-format', `${place}: "${field}" is ${kindOf(value)}, expected a list of words.`, { field })
}

/** Classes of the words of a record; undefined where the data has none. */
function tagsIn(get: Get, fields: TextFields, count: number, place: string): readonly number[] | undefined {
  if (fields.tokenLabels === undefined) return undefined
  const tags = integersIn(get, fields.tokenLabels, place)
  if (!tags || tags.length === count) return tags ?? new Array<number>(count).fill(ignored)
  throw new LetheError(
    'data-format',
    `${place}: "${fields.tokenLabels}" has ${tags.length} numbers, expected one a word of "${fields.text}": ${count}.`,
    { field: fields.tokenLabels },
  )
}

/** Words told apart: the first token of each has its class, all others have none. */
function tokenisedWords(fields: TextFields, tokenizer: Tokenizer | undefined) {
  return (get: Get, place: string, size: number): Tokens => {
    if (!tokenizer) throw new LetheError('internal', `${place} holds words, and no tokenizer was asked for.`)
    const words = wordsIn(get, fields.text, place)
    const tags = tagsIn(get, fields, words.length, place)
    const { ids, typeIds, begins, isCut } = tokenizer.encodeWords(words, size)
    return { ids, typeIds, mask: ids.map(() => 1), labels: tags && begins.map((w) => tags[w] ?? ignored), isCut }
  }
}

function givenTokens(fields: TextFields) {
  return (get: Get, place: string, size: number): Tokens => {
    const ids = integersIn(get, fields.text, place)
    if (!ids || ids.length === 0 || ids.some((id) => id < 0)) {
      throw new LetheError(
        'data-format',
        `${place}: "${fields.text}" is ${ids?.length === 0 ? 'empty' : ids ? 'a list with a negative number' : 'missing'}, expected token ids from 0.`,
        { field: fields.text },
      )
    }
    const beside = (field: string): readonly number[] | undefined => {
      const values = integersIn(get, field, place)
      if (!values || values.length === ids.length) return values?.slice(0, size)
      throw new LetheError(
        'data-format',
        `${place}: "${field}" has ${values.length} numbers, expected as many as "${fields.text}" has: ${ids.length}.`,
        { field },
      )
    }
    const kept = ids.slice(0, size)
    return {
      ids: kept,
      mask: beside('attention_mask') ?? kept.map(() => 1),
      typeIds: beside('token_type_ids') ?? kept.map(() => 0),
      labels: fields.tokenLabels === undefined ? undefined : (beside(fields.tokenLabels) ?? kept.map(() => ignored)),
      isCut: ids.length > size,
    }
  }
}

/** Whole numbers of a list; undefined where the record lacks it. */
function integersIn(get: Get, field: string, place: string): readonly number[] | undefined {
  const value = get(field)
  if (value === null) return undefined
  const numbers = isList(value) ? value.map(Number) : undefined
  const wrong = numbers?.find((n) => !Number.isSafeInteger(n))
  if (numbers && wrong === undefined) return numbers
  const got = numbers ? `a list with ${wrong}` : kindOf(value)
  throw new LetheError('data-format', `${place}: "${field}" is ${got}, expected a list of whole numbers.`, { field })
}
