import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { LetheError } from '../errors.js'
import { readFault } from '../files/fault.js'
import type { Dataset } from './dataset.js'
import { readers } from './readers/index.js'
import type { Place, Reader, ReaderOptions } from './readers/reader.js'

export interface OpenOptions extends ReaderOptions {
  /** Name of a reader. Default: the first that knows the names at the path. */
  readonly format?: string
}

/**
 * Data set at a path, by the reader that knows it.
 *
 * Data without parts is all training data: `split: 'test'` is refused for it.
 * Throws `not-found`, `unreadable`, `data-format` (naming the formats that are known), `data-unsafe`.
 */
export async function openDataset(path: string, options: OpenOptions = {}): Promise<Dataset> {
  const place = await look(resolve(path), path)
  const reader = options.format === undefined ? recognise(place) : findReader(options.format)
  const dataset = await reader.open(place, options)
  if (dataset.size > 0) return dataset
  throw new LetheError('data-format', `"${path}" holds no records.`, { path })
}

/** Reader of a name. Throws `usage` with the names that there are. */
export function findReader(name: string): Reader {
  const reader = readers.find((r) => r.name === name)
  if (reader) return reader
  const known = readers.map((r) => r.name).join(', ')
  throw new LetheError('usage', `There is no data format "${name}"; known are ${known}.`, { name })
}

function recognise(place: Place): Reader {
  const reader = readers.find((r) => r.matches(place))
  if (reader) return reader
  const known = readers.map((r) => `${r.name}: ${r.takes}`).join('; ')
  throw new LetheError('data-format', `"${place.path}" is of no known data format. Known: ${known}.`, {
    path: place.path,
  })
}

async function look(full: string, path: string): Promise<Place> {
  const guard = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      const fault = readFault(error, path)
      if (fault.code !== 'not-found') throw fault
      throw new LetheError('not-found', `There is no data at "${path}".`, { path }, { cause: error })
    })
  const facts = await guard(stat(full))
  if (!facts.isDirectory()) return { path: full, kind: 'file', files: [basename(full)], folders: [] }
  const entries = await guard(readdir(full, { withFileTypes: true }))
  const isFolder = await Promise.all(
    entries.map(async (e) => {
      if (!e.isSymbolicLink()) return e.isDirectory()
      const target = await stat(join(full, e.name)).catch(() => undefined)
      return target?.isDirectory() ?? false
    }),
  )
  const names = (folders: boolean): string[] =>
    entries
      .filter((_, i) => isFolder[i] === folders)
      .map((e) => e.name)
      .sort()
  return { path: full, kind: 'folder', files: names(false), folders: names(true) }
}
