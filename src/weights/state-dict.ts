import { type DataType, isFloat, type Tensor, toBytes } from '../tensor/tensor.js'

/** A state dict whose tensors are read one at a time. */
export interface StateDict {
  /** Type and shape by name, in the order of the file. */
  readonly entries: ReadonlyMap<string, { readonly dtype: DataType; readonly dims: readonly number[] }>
  read(name: string): Tensor
}

/** Names of the floating tensors, each with all names of tensors of the same type and bytes. */
export function equalTensors(dict: StateDict): Map<string, readonly string[]> {
  const groups = new Map<string, string[][]>()
  for (const [name, { dtype }] of dict.entries) {
    if (!isFloat(dtype)) continue
    const t = dict.read(name)
    const bytes = toBytes(t.data)
    const key = `${dtype} ${bytes.length} ${hash(bytes)}`
    const alike = groups.get(key) ?? []
    groups.set(key, alike)
    const group = alike.find(([first]) => isEqual(toBytes(dict.read(first!).data), bytes))
    if (group) group.push(name)
    else alike.push([name])
  }
  return new Map([...groups.values()].flat().flatMap((group) => group.map((name) => [name, group] as const)))
}

/** A number that differs for most bytes that do (FNV-1a over words). */
function hash(bytes: Uint8Array): number {
  let state = 0x811c9dc5
  for (const word of wordsOf(bytes)) state = Math.imul(state ^ word, 0x01000193)
  return state
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  const words = wordsOf(b)
  return wordsOf(a).every((word, i) => word === words[i])
}

/** Words of four bytes where the bytes are whole ones, else the bytes. */
function wordsOf(bytes: Uint8Array): Uint8Array | Uint32Array {
  const isWhole = bytes.byteLength % 4 === 0 && bytes.byteOffset % 4 === 0
  return isWhole ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4) : bytes
}
