import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { LetheError } from '../../errors.js'
import type { Dataset } from '../dataset.js'
import type { Place } from '../readers/reader.js'
import type { RecordPart } from '../readers/record-parts.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { readTokenizer } from '../tokenizer/tokenizer-node.js'
import type { RecordOptions } from './options.js'
import type { RecordFile } from './record-file.js'
import { type RecordSource, recordsDataset } from './records.js'

/**
 * Data set of the files of records at a place; see `recordsDataset`. A tokenizer is the one that is named, else `tokenizer.json`
 * beside the data, else beside the model. Throws `not-found` where texts need one and there is none.
 */
export async function openRecords(
  place: Place,
  parts: readonly RecordPart[],
  options: RecordOptions = {},
  open: (path: string) => Promise<RecordFile>,
): Promise<Dataset> {
  const sources: RecordSource[] = []
  for (const { files, prefix } of parts) {
    for (const file of files) {
      const path = place.kind === 'file' ? place.path : join(place.path, file)
      sources.push({ file: await open(path), prefix })
    }
  }
  const ending = parts.map(({ prefix }) => prefix.replace('/', '')).join('-')
  const name = basename(place.path) + (ending && `-${ending}`)
  return recordsDataset(name, sources, options, (isNeeded) => findTokenizer(place, options, isNeeded))
}

async function findTokenizer(place: Place, options: RecordOptions, isNeeded: boolean): Promise<Tokenizer | undefined> {
  if (options.tokenizer !== undefined) return readTokenizer(options.tokenizer)
  const folders = [
    place.kind === 'file' ? dirname(place.path) : place.path,
    ...(options.modelPath === undefined ? [] : [dirname(options.modelPath)]),
  ]
  for (const folder of folders) {
    const path = join(folder, 'tokenizer.json')
    if (await isFile(path)) return readTokenizer(path)
  }
  if (!isNeeded) return undefined
  throw new LetheError(
    'not-found',
    `"${place.path}" holds texts, which need a tokenizer.json: put it beside the data or the model, or name it with --tokenizer or "tokenizer" in lethe.json.`,
    { path: place.path },
  )
}

async function isFile(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined)
  return facts?.isFile() ?? false
}
