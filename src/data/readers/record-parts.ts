import { missingSplit, type Place, type Split } from './reader.js'

const splitNames = { train: ['train'], test: ['test', 'validation', 'valid', 'val', 'dev'] } as const

/** `train.jsonl`, `train-00000-of-00002.parquet`, `my_data-test.csv`: which part a file name says it is. */
function splitOf(file: string): { readonly part: 'train' | 'test'; readonly name: string } | undefined {
  const words = file.toLowerCase().split(/[^a-z]+/)
  for (const part of ['train', 'test'] as const) {
    const name = splitNames[part].find((n) => words.includes(n))
    if (name !== undefined) return { part, name }
  }
  return undefined
}

/** Files of one part of the data, in order, and what stands before their ids. */
export interface RecordPart {
  readonly files: readonly string[]
  readonly prefix: string
}

/** True for one file of an ending, a folder with one whose name tells its part, or a folder of nothing but files with one. */
export function holdsRecords({ kind, files, folders }: Place, ending: RegExp): boolean {
  const own = files.filter((file) => ending.test(file) && !file.startsWith('.'))
  if (kind === 'file') return own.length > 0
  return own.some(splitOf) || (own.length > 0 && folders.every((name) => name.startsWith('.')))
}

/**
 * Parts of the data at a place: one file, or a folder of files. Files whose names tell `train`, `test` (or `validation`, where
 * there is no test) are those parts, and their ids begin with it; a folder of other files is all training data.
 * Throws `data-format` for a part that is not there.
 */
export function recordParts(place: Place, ending: RegExp, split: Split | undefined): RecordPart[] {
  const { path, kind } = place
  const own = place.files.filter((file) => ending.test(file) && !file.startsWith('.'))
  const named = kind === 'file' ? [] : own.flatMap((file) => ({ file, ...splitOf(file) }))
  const parts = (['train', 'test'] as const).flatMap((part): (RecordPart & { part: string })[] => {
    const of = named.filter((n) => n.part === part)
    // Where there are test and validation, test is the one that was meant for the end.
    const name = splitNames[part].find((n) => of.some((f) => f.name === n))
    const files = of.filter((f) => f.name === name).map((f) => f.file)
    return files.length > 0 ? [{ part, files, prefix: `${part}/` }] : []
  })
  if (parts.length === 0) {
    if (split === 'test') throw missingSplit(path, split, 'files named train and test; or name the test data by itself')
    return [{ files: own, prefix: '' }]
  }
  const wanted = parts.filter(({ part }) => split === 'all' || part === (split ?? 'train'))
  if (wanted.length === 0)
    throw missingSplit(path, split ?? 'train', `a file whose name begins with ${split ?? 'train'}`)
  return wanted
}
