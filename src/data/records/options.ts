import { z } from 'zod'
import type { DataType } from '../../tensor/tensor.js'

const name = z.string().min(1)
const finite = z.number().refine(Number.isFinite)
const distinct = (list: readonly string[]): boolean => new Set(list).size === list.length
const names = z.array(name).min(1).refine(distinct, { message: 'names must be there once' })

/** Which fields of records are what; everything may be left out. */
export const columnsSchema = z.strictObject({
  /** Field of the ids. Default `id`, where there is one; else the number of the record. */
  id: name.optional(),
  /** Field of the classes. Default `label`, then `labels`. */
  label: name.optional(),
  /** Names of the classes in the order of the model's scores. Default: as the file tells, or the labels sorted by name. */
  labelNames: names.optional(),
  /** Field of the text. Default `text`, `sentence` or `sentence1`. */
  text: name.optional(),
  /** Field of the second text of a pair. Default `text_pair`, or `sentence2`. */
  textPair: name.optional(),
  /** Columns of the feature vector, in order. Default: every column of numbers. */
  features: names.optional(),
  /** Values of columns of categories: one-hot in this order, or codes 0, 1, …. */
  categories: z
    .record(name, z.union([names, z.strictObject({ values: names, as: z.enum(['one-hot', 'code']) })]))
    .optional(),
  /** What stands in the place of missing values, by column. */
  fill: z.record(name, z.union([finite, name])).optional(),
  /** (value − mean)/std, by column of numbers. */
  standardise: z.record(name, z.strictObject({ mean: finite, std: finite.positive() })).optional(),
})

export type ColumnsDeclaration = z.infer<typeof columnsSchema>

/** What fills each model input: the name of a tensor (an array or a column), or the columns of a vector. */
export type InputSources = Readonly<Record<string, string | readonly string[]>>

/** What is known of a model before it is opened: what records are shaped for. */
export interface ModelForm {
  /** Inputs with their shapes without the batch axis; −1 takes any length. */
  readonly inputs: readonly { readonly name: string; readonly dims: readonly number[]; readonly dtype: DataType }[]
  /** Number of class scores, where the model declares it. */
  readonly classes?: number | undefined
}

/** How records with named fields (JSON Lines, parquet, CSV) become examples. */
export interface RecordOptions {
  readonly columns?: ColumnsDeclaration | undefined
  readonly inputs?: InputSources | undefined
  /** Path of a `tokenizer.json`. Default: the one beside the data or the model. */
  readonly tokenizer?: string | undefined
  /** Tokens of every example; longer texts are cut, shorter ones padded. Default: as tokenizer or model say, else 128. */
  readonly maxLength?: number | undefined
  /** Class names of the training data, for data that goes with it. */
  readonly classes?: readonly string[] | undefined
  /** Path of the model, beside which a `tokenizer.json` may lie. */
  readonly modelPath?: string | undefined
  /** Asked only where it matters: texts and tables. */
  readonly model?: (() => Promise<ModelForm>) | undefined
}
