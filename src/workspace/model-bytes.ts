import { LetheError } from '../errors.js'
import { prepare } from '../network/prepare.js'
import { type Model, modelPieces } from '../onnx/model.js'
import { joined } from '../tensor/pieces.js'
import { transposed } from '../tensor/place.js'
import { type DataType, numberAt, numberToHalf, type Tensor } from '../tensor/tensor.js'

/**
 * The model's file with new float32 values of some parameters, each in its own element type. Parameters that the exporter had
 * merged by value are written apart where one of them changes; copies of one parameter are all written.
 */
export function modelBytes(file: { readonly model: Model }, changed: ReadonlyMap<string, Float32Array>): Uint8Array {
  return joined(changedPieces(file, changed))
}

/** The same in consecutive pieces, which share the memory of the model and of the new values. */
export function changedPieces(
  file: { readonly model: Model },
  changed: ReadonlyMap<string, Float32Array>,
): Uint8Array[] {
  const { initializers } = file.model.graph
  const tensors = new Map<string, Tensor>()
  const { untied, tied } = prepare(file.model.graph)
  for (const { name, from } of untied) {
    const old = initializers.get(from)
    const next = changed.get(name)
    if (old && next) tensors.set(name, retyped(old, next))
    else if (old && changed.has(from)) tensors.set(name, old)
  }
  for (const { name, of, isTransposed } of tied) {
    const [old, next] = [initializers.get(name), changed.get(of)]
    if (!next) continue
    if (!old) throw new LetheError('internal', `The copy "${name}" of the parameter "${of}" is not in the file.`)
    tensors.set(name, retyped(old, isTransposed ? transposed(next, [old.dims[1]!, old.dims[0]!]) : next))
  }
  for (const [name, next] of changed) {
    const old = initializers.get(name)
    if (old) tensors.set(name, retyped(old, next))
    else if (!tensors.has(name)) throw new LetheError('internal', `The changed parameter "${name}" is not in the file.`)
  }
  return modelPieces(file.model, tensors)
}

/** New values in the element type of the old tensor; entries that did not change keep their very bits. */
function retyped(old: Tensor, next: Float32Array): Tensor {
  if (old.dtype === 'float32') return { dtype: 'float32', dims: old.dims, data: next }
  const data = old.data.slice() as Float64Array | Uint16Array
  for (let i = 0; i < next.length; i++) {
    if (!Object.is(Math.fround(numberAt(old, i)), next[i])) data[i] = encode(old.dtype, next[i]!)
  }
  return { dtype: old.dtype, dims: old.dims, data } as Tensor
}

function encode(dtype: DataType, value: number): number {
  if (dtype === 'float64') return value
  if (dtype === 'float16') return numberToHalf(value)
  throw new LetheError(
    'model-unsupported',
    `Weights of type ${dtype} cannot be written back; export the model in float32 or float16.`,
  )
}
