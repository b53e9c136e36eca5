import { LetheError } from '../errors.js'
import type { Memory } from '../tensor/memory.js'
import {
  allocate,
  allocateIn,
  type DataType,
  isFloat,
  numberAt,
  numberToHalf,
  sizeOf,
  type Tensor,
  type TensorData,
  toBytes,
  toFloat32,
  toNumbers,
} from '../tensor/tensor.js'
import type { Dataset, Example } from './dataset.js'
import { type Prepared, preprocessor } from './preprocess.js'
import type { Preprocessing } from './transforms/preprocessing.js'

/** A model input to be filled. */
export interface BatchInput {
  readonly name: string
  /** Shape without the batch axis; −1 takes any length (the same for all of a batch). */
  readonly dims: readonly number[]
  readonly dtype: DataType
  /** Name of the tensor in the data. Default: the input's name, or `x` (else `input_ids`) where the model has one input. */
  readonly source?: string
}

/** Examples that are read at a time, so that a batch of large files does not lie in memory undecoded. */
const readAtOnce = 32

/**
 * Inputs of the given records, stacked in the given order: [N, ...dims] by input name, in memory of their own (from `memory`, where that is given).
 *
 * Pictures go through the preprocessing; tensors are used as they are (a float as another float type, an integer as a
 * wider or narrower one that holds it, never one as the other).
 * Throws `image-size`, `shape-mismatch`, `dtype-mismatch`, `data-format` (an input that the data lacks) and
 * `value-not-finite`, all naming the record.
 */
export async function makeBatch(
  dataset: Dataset,
  indices: ArrayLike<number>,
  inputs: readonly BatchInput[],
  spec: Preprocessing = {},
  memory?: Memory,
): Promise<Record<string, Tensor>> {
  const stacks = new Map<string, Stack>()
  const preprocess = preprocessor(spec, inputs[0]?.dims ?? [])
  for (let start = 0; start < indices.length; start += readAtOnce) {
    const rows = Array.from({ length: Math.min(readAtOnce, indices.length - start) }, (_, k) => indices[start + k]!)
    const reading = rows.map(async (row) => dataset.read(row))
    // A failure is told where its record's turn comes; until then it must not count as unhandled.
    for (const job of reading) job.catch(() => {})
    for (const [k, job] of reading.entries()) {
      // One after another: a record is stacked while those after it are still being read.
      const example = await job
      const id = dataset.id(rows[k]!)
      for (const input of inputs) {
        const value = valueFor(example, input, inputs, preprocess, id)
        const stack = stacks.get(input.name) ?? newStack(input, value.dims, indices.length, memory)
        stacks.set(input.name, stack)
        put(stack, start + k, value, id)
      }
    }
  }
  return Object.fromEntries(
    inputs.map((input) => [input.name, stacks.get(input.name)?.tensor ?? newStack(input, input.dims, 0).tensor]),
  )
}

interface Stack {
  readonly input: BatchInput
  readonly tensor: Tensor
  readonly rowDims: readonly number[]
}

function newStack(input: BatchInput, rowDims: readonly number[], count: number, memory?: Memory): Stack {
  const { dtype } = input
  const dims = [count, ...rowDims.map((d) => Math.max(d, 0))]
  const data = memory ? allocateIn(dtype, sizeOf(dims), memory) : allocate(dtype, sizeOf(dims))
  return { input, rowDims, tensor: { dtype, dims, data } }
}

function valueFor(
  example: Example,
  input: BatchInput,
  inputs: readonly BatchInput[],
  preprocess: ReturnType<typeof preprocessor>,
  id: string,
): Tensor | Prepared {
  if (example.kind === 'image') {
    if (inputs.length > 1) {
      throw new LetheError('data-format', `Record "${id}" is one image, but the model takes ${inputs.length} inputs.`, {
        id,
      })
    }
    return preprocess(example, id)
  }
  const { tensors } = example
  const names = [input.source, input.name, ...(inputs.length === 1 ? ['x', 'input_ids'] : [])]
  const name = input.source ?? names.find((n) => n !== undefined && Object.hasOwn(tensors, n))
  const found = name !== undefined && Object.hasOwn(tensors, name) ? tensors[name] : undefined
  if (!found) {
    const there = Object.keys(tensors).join(', ')
    throw new LetheError(
      'data-format',
      `Record "${id}" has no tensor for model input "${input.name}"; it has ${there}. Name the array as the input.`,
      { id, input: input.name },
    )
  }
  return found
}

function put(stack: Stack, row: number, value: Tensor | Prepared, id: string): void {
  const { input, tensor, rowDims } = stack
  const sameRank = value.dims.length === input.dims.length
  if (!sameRank || value.dims.some((d, a) => (input.dims[a]! >= 0 && input.dims[a] !== d) || rowDims[a] !== d)) {
    const expected = input.dims.map((d, a) => (d < 0 ? (row > 0 ? rowDims[a] : '?') : d))
    throw new LetheError(
      'shape-mismatch',
      `Record "${id}" gives [${value.dims}] for model input "${input.name}", expected [${expected}].`,
      { id, input: input.name, got: value.dims, expected: input.dims },
    )
  }
  const length = sizeOf(value.dims)
  const data = tensor.data.subarray(row * length, (row + 1) * length)
  if ('write' in value && data instanceof Float32Array) value.write(data)
  else toBytes(data).set(toBytes(convert('write' in value ? written(value) : value, input, id)))
  // After the conversion: a large float64 may be infinite as a float32.
  if (isFloat(input.dtype)) checkFinite({ dtype: input.dtype, dims: value.dims, data }, id, input.name)
}

function written({ dtype, dims, write }: Prepared): Tensor {
  const data = new Float32Array(sizeOf(dims))
  write(data)
  return { dtype, dims, data }
}

function checkFinite(value: Tensor, id: string, input: string): void {
  const { data } = value
  if (data instanceof Float32Array && isFinite32(data)) return
  for (let i = 0; i < data.length; i++) {
    const number = numberAt(value, i)
    if (Number.isFinite(number)) continue
    throw new LetheError(
      'value-not-finite',
      `Record "${id}" holds ${number} at element ${i} of "${input}"; mend or leave out the record.`,
      { id, input, element: i },
    )
  }
}

/** 0·x is 0 for every finite x and NaN for every other: one pass without a branch. */
function isFinite32(data: Float32Array): boolean {
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += data[i]! * 0
  return sum === 0
}

/** Elements of a value as the input's type. */
function convert(value: Tensor, { name, dtype }: BatchInput, id: string): TensorData {
  if (value.dtype === dtype) return value.data
  if (isFloat(value.dtype) && isFloat(dtype)) {
    if (dtype === 'float32') return toFloat32(value)
    if (dtype === 'float64') return new Float64Array(toNumbers(value))
    if (dtype === 'float16') return Uint16Array.from(toNumbers(value), numberToHalf)
  } else if (!isFloat(value.dtype) && !isFloat(dtype) && dtype !== 'bool') {
    return convertInteger(value, dtype, id, name)
  }
  throw new LetheError(
    'dtype-mismatch',
    `Record "${id}" is ${value.dtype} for model input "${name}", which takes ${dtype}. Save the array as ${dtype}, scaled as in training.`,
    { id, input: name, got: value.dtype, expected: dtype },
  )
}

function convertInteger(value: Tensor, dtype: DataType, id: string, input: string): TensorData {
  const out = allocate(dtype, value.data.length)
  for (let i = 0; i < out.length; i++) {
    const element = BigInt(value.data[i]!)
    if (out instanceof BigInt64Array || out instanceof BigUint64Array) out[i] = element
    else out[i] = Number(element)
    if (BigInt(out[i]!) === element) continue
    throw new LetheError('dtype-mismatch', `Record "${id}" holds ${element} in "${input}", which no ${dtype} can be.`, {
      id,
      input,
      element: i,
    })
  }
  return out
}
