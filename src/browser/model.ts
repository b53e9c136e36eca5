import { LetheError } from '../errors.js'
import { readModel } from '../onnx/model.js'
import type { ModelFile } from '../workspace/model-node.js'
import { type Bytes, readBytes, sha256Of } from './bytes.js'

/**
 * Model of the bytes of an ONNX file, with the same digest as in Node: a store made there fits here.
 *
 * `external`: bytes by the name that the model calls them, where its weights lie beside it.
 * Throws `not-found` (external data that was not given), `model-truncated`, and what `readModel` and `readBytes` throw.
 */
export async function openModel(source: Bytes, external: Readonly<Record<string, Bytes>> = {}): Promise<ModelFile> {
  const bytes = await readBytes(source)
  const beside = new Map(
    await Promise.all(Object.entries(external).map(async ([name, piece]) => [name, await readBytes(piece)] as const)),
  )
  const pieces: Uint8Array[] = []
  const model = readModel(bytes, {
    readExternal(location, offset, length) {
      const file = beside.get(location)
      if (!file) {
        throw new LetheError(
          'not-found',
          `The model's external data "${location}" was not given; pass it as external.`,
          {
            location,
          },
        )
      }
      if (length === undefined) throw new LetheError('model-truncated', `External data "${location}" has no length.`)
      if (offset + length > file.length) {
        throw new LetheError(
          'model-truncated',
          `External data "${location}" ends early: ${Math.max(0, file.length - offset)} of ${length} bytes at ${offset}.`,
        )
      }
      // Alignment of the elements is the copy's.
      const piece = file.slice(offset, offset + length)
      pieces.push(piece)
      return piece
    },
  })
  const sha256 = await sha256Of(bytes)
  const digests = await Promise.all(pieces.map(sha256Of))
  const digest = digests.length === 0 ? sha256 : await sha256Of([sha256, ...digests].join('\n'))
  return { path: typeof source === 'string' ? source : '', model, sha256, digest }
}
