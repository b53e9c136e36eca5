import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { LetheError } from '../../errors.js'
import { readFault } from '../../files/fault.js'
import { concatenate } from '../columns.js'
import type { Dataset } from '../dataset.js'
import type { StoredArray } from './array.js'
import { arraysDataset } from './arrays.js'
import { type ByteSource, memorySource } from './byte-source.js'
import { fileSource } from './file-source-node.js'
import { openIdx } from './idx.js'
import { missingSplit, type Reader } from './reader.js'

/** `train-images-idx3-ubyte`, `t10k-images.idx3-ubyte.gz`, `emnist-letters-test-images-idx3-ubyte.gz` … */
const imagesName = /^(?<family>.*?)(?<part>train|t10k|test)-images[-.]idx\d-[a-z]+(?:\.gz)?$/
/** The most a packed file may unpack to. */
const unpackedLimitBytes = 2 ** 31 - 1

/**
 * IDX, the format of MNIST and its family: a folder of image and label files under their usual names, or one image file
 * beside its label file; packed (`.gz`, unpacked into memory) or not. Ids are part and row: `train/123`.
 */
export const idxReader: Reader = {
  name: 'idx',
  takes:
    'the folder of MNIST-like files (train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz] …), or one images file',
  matches: ({ files }) => files.some((file) => imagesName.test(file)),
  async open({ path, kind, files }, { split = 'train' }) {
    if (kind === 'file') return openPart(path)
    const found = files.flatMap((file) => {
      const match = imagesName.exec(file)?.groups
      return match ? [{ file, family: match.family ?? '', part: partName(match.part) }] : []
    })
    const families = [...new Set(found.map(({ family }) => family))]
    if (families.length > 1) {
      throw new LetheError(
        'data-format',
        `"${path}" holds several data sets (${families.map((f) => f || 'unnamed').join(', ')}); name one images file.`,
        { path, families },
      )
    }
    const sets: Dataset[] = []
    for (const part of ['train', 'test'] as const) {
      // Where a file is there packed and not, one of them is enough.
      const file = found.find((f) => f.part === part)?.file
      if (file && (split === 'all' || split === part)) sets.push(await openPart(join(path, file)))
    }
    if (sets.length === 0) throw missingSplit(path, split, 'images and labels under the names of MNIST')
    return concatenate(`${basename(path)}-${split}`, sets)
  },
}

function partName(part: string | undefined): 'train' | 'test' {
  return part === 'train' ? 'train' : 'test'
}

async function openPart(imagesPath: string): Promise<Dataset> {
  const file = basename(imagesPath)
  const labelsStem = file
    .replace('-images', '-labels')
    .replace(/([-.])idx\d-/, '$1idx1-')
    .replace(/\.gz$/, '')
  const part = partName(imagesName.exec(file)?.groups?.part)
  const arrays = new Map<string, StoredArray>([
    ['x', await openIdx(file, await openMaybePacked(imagesPath))],
    ['y', await openIdx(labelsStem, await openLabels(dirname(imagesPath), labelsStem))],
  ])
  return arraysDataset(file, arrays, `${part}/`)
}

async function openLabels(folder: string, stem: string): Promise<ByteSource> {
  for (const name of [stem, `${stem}.gz`]) {
    const source = await openMaybePacked(join(folder, name)).catch((error: unknown) => {
      if (error instanceof LetheError && error.code === 'not-found') return undefined
      throw error
    })
    if (source) return source
  }
  throw new LetheError('not-found', `The labels file "${stem}" (or .gz) is not beside its images in "${folder}".`, {
    folder,
    stem,
  })
}

async function openMaybePacked(path: string): Promise<ByteSource> {
  if (!path.endsWith('.gz')) return fileSource(path)
  const packed = await readFile(path).catch((error: unknown) => {
    throw readFault(error, path)
  })
  const bytes = await promisify(gunzip)(packed, { maxOutputLength: unpackedLimitBytes }).catch((cause: unknown) => {
    throw new LetheError('data-format', `"${path}" cannot be unpacked; get the whole file again.`, { path }, { cause })
  })
  return memorySource(path, bytes)
}
