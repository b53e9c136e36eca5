import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { LetheError } from '../errors.js'
import { readFault } from '../files/fault.js'
import { columnsSchema } from './records/options.js'
import { preprocessingSchema } from './transforms/preprocessing.js'
import { preprocessingOf } from './transforms/preprocessor-config.js'

const path = z.string().min(1)

/** `lethe.json`: what would otherwise be said again with every command. All paths are relative to the file. */
export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  /** The ONNX model. */
  model: path.optional(),
  /** The training data. */
  data: path.optional(),
  /** The test data. */
  test: path.optional(),
  /** Name of the data's format. Default: recognised. */
  format: z.string().min(1).optional(),
  /** Which part of `data` is meant. */
  split: z.enum(['train', 'test', 'all']).optional(),
  /** The preprocessing itself, or the path of a `preprocessor_config.json`. */
  preprocessing: z.union([path, preprocessingSchema]).optional(),
  /** The model output that the loss attaches to. */
  output: z.string().min(1).optional(),
  /** The loss. Default: found by the model's scores and the labels of the data. */
  loss: z.enum(['cross-entropy', 'token-classification', 'next-token']).optional(),
  /** What fills each model input, where the names differ: an array or column of the data, or a list of columns. */
  inputs: z
    .record(
      z.string(),
      z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
        error: 'expected string (an array or column) or a list of columns',
      }),
    )
    .optional(),
  /** Which fields of records (JSON Lines, parquet, CSV) are what. */
  columns: columnsSchema.optional(),
  /** The `tokenizer.json` of texts. Default: the one beside the data or the model. */
  tokenizer: path.optional(),
  /** Tokens of every text: longer ones are cut, shorter ones padded. */
  maxLength: z.int().positive().max(1_048_576).optional(),
  /** CSV file of further attributes: the column `id`, and one column per attribute. */
  attributes: path.optional(),
})

/** A read `lethe.json`: paths are absolute, and a `preprocessor_config.json` is read. */
export interface Config extends Omit<z.infer<typeof configSchema>, '$schema' | 'preprocessing'> {
  readonly preprocessing?: z.infer<typeof preprocessingSchema>
}

/**
 * Configuration of a `lethe.json`. Throws `not-found`, `unreadable`, `config-invalid` (naming the wrong field).
 */
export async function readConfig(file: string): Promise<Config> {
  const { $schema: _, preprocessing, ...config } = parse(configSchema, await readJson(file), file)
  const near = (relative: string): string => resolve(dirname(file), relative)
  const resolved = Object.fromEntries(
    (['model', 'data', 'test', 'attributes', 'tokenizer'] as const).flatMap((key) => {
      const value = config[key]
      return value === undefined ? [] : [[key, near(value)]]
    }),
  )
  const steps = typeof preprocessing === 'string' ? preprocessingOf(await readJson(near(preprocessing))) : preprocessing
  return { ...config, ...resolved, ...(steps && { preprocessing: steps }) }
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw readFault(error, file)
  })
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new LetheError('config-invalid', `"${file}" is not JSON: ${String(cause)}.`, { file }, { cause })
  }
}

function parse<T extends z.ZodType>(schema: T, value: unknown, file: string): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const { field, message } = deepest(parsed.error.issues)
  throw new LetheError('config-invalid', `"${file}": ${field || 'the file'}: ${message}.`, { file, field })
}

/** The most telling issue: of a union, the alternative that got furthest. */
function deepest(
  issues: readonly z.core.$ZodIssue[],
  above: readonly PropertyKey[] = [],
): { field: string; message: string; depth: number } {
  const found = issues.map((issue) => {
    const path = [...above, ...issue.path, ...(issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [])]
    const inner = issue.code === 'invalid_union' ? issue.errors.map((e) => deepest(e, path)) : []
    const own = { field: path.join('.'), message: issue.message.toLowerCase(), depth: path.length }
    return inner.reduce((best, next) => (next.depth > best.depth ? next : best), own)
  })
  return found.reduce((best, next) => (next.depth > best.depth ? next : best))
}
