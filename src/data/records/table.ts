import { LetheError } from '../../errors.js'
import { isFloat, sizeOf, type Tensor } from '../../tensor/tensor.js'
import { type Encoder, encoderOf } from './encoders.js'
import type { ModelForm, RecordOptions } from './options.js'
import type { FieldProfile, Get } from './profile.js'
import { checkDeclared, listed, type Shape } from './shape.js'

/** A tensor that columns fill, one after another. */
interface Vector {
  readonly name: string
  readonly encoders: readonly Encoder[]
  readonly width: number
  readonly dims: readonly number[]
  readonly dtype: 'float32' | 'int64'
}

/**
 * Rows of a table as vectors: `x` of all features, or what `inputs` declares (a list of columns an input, or one column), or one
 * tensor a column where the model has an input for each. A vector is float32, or int64 where the model takes integers or all
 * its columns are codes. Throws `config-invalid`, `data-format`.
 */
export function tableShape(
  path: string,
  profile: ReadonlyMap<string, FieldProfile>,
  typed: boolean,
  label: string,
  model: ModelForm | undefined,
  options: RecordOptions,
): Shape {
  const { columns = {}, inputs = {} } = options
  const listedColumns = Object.entries(inputs).flatMap(([name, source]) =>
    typeof source === 'string' ? [] : source.map((column) => [`inputs.${name}`, column] as const),
  )
  checkDeclared(path, profile, [
    ...(columns.features ?? []).map((column) => ['columns.features', column] as const),
    ...(['categories', 'fill', 'standardise'] as const).flatMap((key) =>
      Object.keys(columns[key] ?? {}).map((column) => [`columns.${key}`, column] as const),
    ),
    ...listedColumns,
  ])
  const encoder = (column: string): Encoder => encoderOf(column, profile.get(column)!, columns, typed, path)
  const isFeature = (field: string): boolean =>
    field !== '' && field !== label && field !== (columns.id ?? 'id') && profile.get(field)?.holds === 'numbers'
  const features = (): string[] => columns.features ?? [...profile.keys()].filter(isFeature)
  const plan = planOf(path, profile, features, model, inputs)
  const vectors = plan.map(({ name, columns: of, input }) => vectorOf(path, name, of.map(encoder), input))
  const used = vectors.flatMap((v) => v.encoders.filter((e) => e.width > 0))
  const isNumber = (e: Encoder): boolean => profile.get(e.column)?.holds !== 'text'
  return {
    label,
    // Categories may also be asked for by name, as attributes; numbers of a vector may not.
    taken: new Set(['', label, ...used.filter((e) => isNumber(e) && !e.isCode).map((e) => e.column)]),
    check(get, place) {
      for (const vector of vectors) fill(vector, get, place)
    },
    tensors: (get, place) => Object.fromEntries(vectors.map((v) => [v.name, tensorOf(v, fill(v, get, place), place)])),
  }
}

interface Planned {
  readonly name: string
  readonly columns: readonly string[]
  readonly input: ModelForm['inputs'][number] | undefined
}

function planOf(
  path: string,
  profile: ReadonlyMap<string, FieldProfile>,
  features: () => string[],
  model: ModelForm | undefined,
  sources: NonNullable<RecordOptions['inputs']>,
): Planned[] {
  const modelInputs = model?.inputs ?? []
  const all = (name: string, input: Planned['input']): Planned => {
    const columns = features()
    if (columns.length > 0) return { name, columns, input }
    throw new LetheError(
      'data-format',
      `"${path}" has no column of numbers beside the label; it has ${listed(profile.keys())}. Name the columns in "columns.features" of lethe.json, or the text in "columns.text".`,
      { path },
    )
  }
  const declared = Object.entries(sources)
  if (declared.length > 0) {
    const known = modelInputs.map((i) => i.name)
    const unknown = declared.find(([name]) => known.length > 0 && !known.includes(name))
    if (unknown) {
      throw new LetheError(
        'config-invalid',
        `"inputs" names columns for "${unknown[0]}", but the model's inputs are ${listed(known)}.`,
        { input: unknown[0], known },
      )
    }
    return declared.map(([name, source]) => {
      const input = modelInputs.find((i) => i.name === name)
      if (typeof source !== 'string') return { name, columns: source, input }
      if (source === 'x' && !profile.has('x')) return all('x', input)
      checkDeclared(path, profile, [[`inputs.${name}`, source]])
      // Named as the column: the model's input asks for it by that name.
      return { name: source, columns: [source], input }
    })
  }
  const [only] = modelInputs
  const isOwn =
    modelInputs.length > 0 && modelInputs.every((i) => profile.has(i.name) && Math.abs(sizeOf(i.dims)) === 1)
  if (isOwn) return modelInputs.map((input) => ({ name: input.name, columns: [input.name], input }))
  if (modelInputs.length <= 1) return [all('x', only)]
  throw new LetheError(
    'data-format',
    `The model takes the inputs ${listed(modelInputs.map((i) => i.name))}, which are not all columns of "${path}" (${listed(profile.keys())}); say in "inputs" of lethe.json which columns fill each.`,
    { path },
  )
}

function vectorOf(path: string, name: string, encoders: readonly Encoder[], input: Planned['input']): Vector {
  const width = encoders.reduce((sum, e) => sum + e.width, 0)
  const isWhole = input ? !isFloat(input.dtype) : encoders.every((e) => e.isCode)
  const base = { name, encoders, width, dtype: isWhole ? ('int64' as const) : ('float32' as const) }
  if (!input || input.dims.some((d) => d < 0)) return { ...base, dims: [width] }
  if (sizeOf(input.dims) === width) return { ...base, dims: input.dims }
  throw new LetheError(
    'shape-mismatch',
    `The model's input "${input.name}" takes ${sizeOf(input.dims)} numbers a record, but the columns ${listed(encoders.map((e) => e.column))} of "${path}" give ${width}; name the right ones, in order, in "columns.features" of lethe.json.`,
    { input: input.name, got: width, expected: sizeOf(input.dims) },
  )
}

function fill({ encoders, width }: Vector, get: Get, place: string): Float64Array {
  const out = new Float64Array(width)
  let at = 0
  for (const encoder of encoders) {
    encoder.write(get(encoder.column), out, at, place)
    at += encoder.width
  }
  return out
}

function tensorOf({ name, dtype, dims, encoders }: Vector, values: Float64Array, place: string): Tensor {
  if (dtype === 'float32') return { dtype, dims, data: Float32Array.from(values) }
  const wrong = values.findIndex((v) => !Number.isSafeInteger(v))
  if (wrong < 0) return { dtype, dims, data: BigInt64Array.from(values, BigInt) }
  throw new LetheError(
    'dtype-mismatch',
    `${place}: the input "${name}" takes whole numbers, but one of ${listed(encoders.map((e) => e.column))} is ${values[wrong]}.`,
    { input: name },
  )
}
