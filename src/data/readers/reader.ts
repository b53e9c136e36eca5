import { LetheError } from '../../errors.js'
import type { Dataset } from '../dataset.js'
import type { RecordOptions } from '../records/options.js'

export type Split = 'train' | 'test' | 'all'

export interface ReaderOptions {
  /** Which part of data that comes in parts. Default 'train'. */
  readonly split?: Split
  /** How records with named fields are read. */
  readonly records?: RecordOptions
}

/** What lies at a path: a file, or a folder and the names in it (sorted by code unit). */
export interface Place {
  readonly path: string
  readonly kind: 'file' | 'folder'
  /** Names of the files in the folder; of a file, its own name. */
  readonly files: readonly string[]
  /** Names of the folders in the folder. */
  readonly folders: readonly string[]
}

/** One format of data: how it is recognised and opened. All readers have this shape. */
export interface Reader {
  /** Name for `--format`. */
  readonly name: string
  /** What it takes, for messages: "folder of …". */
  readonly takes: string
  /** True where the names at a place are those of this format; contents are not looked at. */
  matches(place: Place): boolean
  /** The data. Throws `data-format`, `data-unsafe`, `not-found`, `unreadable`. */
  open(place: Place, options: ReaderOptions): Promise<Dataset>
}

/** Coded error for a part of the data that is not there. */
export function missingSplit(path: string, split: Split, expected: string): LetheError {
  return new LetheError('data-format', `"${path}" has no ${split} part; expected ${expected}.`, { path, split })
}
