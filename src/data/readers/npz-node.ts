import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import { LetheError } from '../../errors.js'
import { concatenate } from '../columns.js'
import type { Dataset } from '../dataset.js'
import type { StoredArray } from './array.js'
import { arraysDataset } from './arrays.js'
import { type ByteSource, memorySource } from './byte-source.js'
import { fileSource } from './file-source-node.js'
import { openNpy } from './npy.js'
import { missingSplit, type Reader, type Split } from './reader.js'
import { listZip, type ZipEntry } from './zip.js'

/**
 * NumPy archives: one array per model input, of the input's name (or `x`), and `y`; see `arraysDataset`.
 *
 * Arrays named `x_train`, `y_train`, `x_test`, `y_test` are parts to choose from by `split`; ids are then `train/0` ….
 * Uncompressed arrays are read row by row from the file, compressed ones are unpacked into memory.
 */
export const npzReader: Reader = {
  name: 'npz',
  takes: 'an .npz file with the arrays x (or one per model input) and y',
  matches: ({ kind, path }) => kind === 'file' && path.toLowerCase().endsWith('.npz'),
  async open({ path }, { split }) {
    return splitArrays(path, await readNpz(await fileSource(path)), split)
  },
}

/** `.npy` files: a folder of one file per array, as the archive would hold them. */
export const npyReader: Reader = {
  name: 'npy',
  takes: 'a folder with y.npy and x.npy (or one .npy per model input)',
  matches: ({ kind, files }) =>
    files.some((f) => (kind === 'file' ? f.endsWith('.npy') : /^y(_train|_test)?\.npy$/.test(f))),
  async open({ path, kind, files }, { split }) {
    if (kind === 'file') {
      throw new LetheError(
        'data-format',
        `"${path}" is one array, which has no labels; put it as x.npy beside y.npy and name the folder.`,
        { path },
      )
    }
    const arrays = new Map<string, StoredArray>()
    for (const file of files.filter((f) => f.endsWith('.npy'))) {
      const name = file.slice(0, -4)
      arrays.set(name, await openNpy(name, await fileSource(join(path, file))))
    }
    return splitArrays(path, arrays, split)
  },
}

/** Arrays of an `.npz` archive by name. Throws `data-format`, `data-unsafe`. */
export async function readNpz(source: ByteSource): Promise<Map<string, StoredArray>> {
  const arrays = new Map<string, StoredArray>()
  for (const entry of await listZip(source)) {
    if (!entry.name.endsWith('.npy')) continue
    const name = entry.name.slice(0, -4)
    if (arrays.has(name)) throw new LetheError('data-format', `"${source.name}" holds the array "${name}" twice.`)
    const content = entry.method === 'stored' ? entry.packed : await unpack(entry)
    arrays.set(name, await openNpy(name, content))
  }
  return arrays
}

async function unpack(entry: ZipEntry): Promise<ByteSource> {
  const packed = await entry.packed.read(0, entry.packed.sizeBytes)
  const bytes = await promisify(inflateRaw)(packed, { maxOutputLength: Math.max(entry.sizeBytes, 1) }).catch(
    (cause: unknown) => {
      throw new LetheError(
        'data-format',
        `"${entry.packed.name}" cannot be unpacked; get the whole file again.`,
        {},
        { cause },
      )
    },
  )
  if (bytes.length !== entry.sizeBytes || crc32(bytes) !== entry.crc32) {
    throw new LetheError('data-format', `"${entry.packed.name}" is damaged: its checksum does not fit.`)
  }
  return memorySource(entry.packed.name, bytes)
}

/** Data set of the arrays that belong to a split; arrays without parts are all one (training) part. */
async function splitArrays(
  path: string,
  arrays: ReadonlyMap<string, StoredArray>,
  split: Split | undefined,
): Promise<Dataset> {
  const name = basename(path)
  const parts = (['train', 'test'] as const).filter((part) => arrays.has(`y_${part}`))
  if (arrays.has('y') || parts.length === 0) {
    if (split === 'test')
      throw missingSplit(path, split, 'the arrays x_test and y_test; or name the test data by itself')
    return arraysDataset(name, arrays)
  }
  const wanted = parts.filter((part) => split === 'all' || part === (split ?? 'train'))
  if (wanted.length === 0)
    throw missingSplit(path, split ?? 'train', `the arrays x_${split ?? 'train'} and y_${split ?? 'train'}`)
  const sets: Dataset[] = []
  for (const part of wanted) sets.push(await arraysDataset(`${name} ${part}`, arraysOf(arrays, part), `${part}/`))
  return concatenate(name, sets)
}

/** Arrays of one part under their names without its ending; those that name no part belong to all. */
function arraysOf(arrays: ReadonlyMap<string, StoredArray>, part: 'train' | 'test'): Map<string, StoredArray> {
  const chosen = new Map<string, StoredArray>()
  for (const [name, array] of arrays) {
    const match = /^(.+)_(train|test|val)$/.exec(name)
    if (!match) chosen.set(name, array)
    else if (match[2] === part) chosen.set(match[1]!, array)
  }
  return chosen
}
