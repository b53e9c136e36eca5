import { readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { LetheError } from '../errors.js'
import { writeFileAtomic } from '../files/atomic-node.js'
import { readFault } from '../files/fault.js'
import type { Graph } from '../graph/graph.js'
import { headerLength, readSafetensorsHeader, type SafetensorsEntry } from '../safetensors/safetensors.js'
import { fromBytes, type Tensor, toBytes } from '../tensor/tensor.js'
import type { StateDict } from './state-dict.js'
import { type TakenBack, takeBack } from './take-back.js'

/** A row of the result: what became of a tensor, without its elements. */
export type Exported = Omit<TakenBack, 'tensor'> & Pick<Tensor, 'dtype' | 'dims'>

/**
 * Writes a forgotten model's weights as a safetensors file like another: the same header to the byte, the same order, and other
 * data only where elements changed. One tensor is in memory at a time; the file is written whole or not at all.
 * Throws `not-found`, `unreadable`, `data-format`, `weights-unmapped`, `unwritable`, `disk-full`.
 */
export async function exportWeights(
  forgotten: Graph,
  like: string,
  output: string,
  options: { readonly original?: Graph; readonly onProgress?: (at: { done: number; total: number }) => void } = {},
): Promise<{ readonly tensors: readonly Exported[]; readonly sha256: string }> {
  const file = await openStateDict(like)
  try {
    const taking = takeBack(forgotten, file, options.original)
    const tensors: Exported[] = []
    const pieces = function* (): Generator<Uint8Array> {
      yield file.head
      for (const name of file.order) {
        const { tensor, ...rest } = taking.take(name)
        yield toBytes(tensor.data)
        tensors.push({ ...rest, dtype: tensor.dtype, dims: tensor.dims })
        options.onProgress?.({ done: tensors.length, total: file.order.length })
      }
    }
    const { sha256 } = await writeFileAtomic(output, pieces())
    return { tensors, sha256 }
  } finally {
    await file.close()
  }
}

/** A safetensors file that is read a tensor at a time. */
export interface StateDictFile extends StateDict {
  /** All bytes before the data. */
  readonly head: Uint8Array
  /** Names in the order of their data. */
  readonly order: readonly string[]
  close(): Promise<void>
}

/** Opens a safetensors file and reads its header. Throws `not-found`, `unreadable`, `data-format`. */
export async function openStateDict(path: string): Promise<StateDictFile> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw readFault(error, path)
  })
  try {
    const sizeBytes = await sizeOfFile(handle, path)
    const length = headerLength(readAt(handle, path, 0, Math.min(8, sizeBytes)), sizeBytes)
    const head = readAt(handle, path, 0, 8 + length)
    const { layout } = readSafetensorsHeader(head.subarray(8), sizeBytes - head.length)
    const inOrder = [...layout].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)
    const read = ({ dtype, dims, start, end }: SafetensorsEntry): Tensor =>
      ({ dtype, dims, data: fromBytes(dtype, readAt(handle, path, head.length + start, end - start)) }) as Tensor
    return {
      entries: layout,
      order: inOrder.map(([name]) => name),
      head,
      read: (name) => read(layout.get(name)!),
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function sizeOfFile(handle: FileHandle, path: string): Promise<number> {
  const found = await handle.stat()
  if (found.isFile()) return found.size
  throw new LetheError(
    'unreadable',
    `"${path}" is ${found.isDirectory() ? 'a folder' : 'no regular file'}, expected a safetensors file.`,
    { path },
  )
}

function readAt(handle: FileHandle, path: string, start: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    let got: number
    try {
      got = readSync(handle.fd, bytes, at, Math.min(length - at, 1 << 30), start + at)
    } catch (error) {
      throw readFault(error, path)
    }
    if (got === 0) throw new LetheError('unreadable', `"${path}" became shorter while it was read.`, { path })
    at += got
  }
  return bytes
}
