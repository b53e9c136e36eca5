import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { LetheError } from '../../errors.js'
import { readFault } from '../../files/fault.js'
import { concatenate, datasetOf } from '../columns.js'
import type { Dataset, ImageExample } from '../dataset.js'
import { missingSplit, type Reader, type Split } from './reader.js'

const imageName = /\.(jpe?g|png|webp)$/i
const splitNames = { train: ['train'], test: ['test', 'val', 'valid', 'validation'] } as const

/**
 * Folder of images: one folder per class, classes in the order of their names; jpeg, png and webp.
 *
 * Ids are paths relative to the folder, with forward slashes. Folders below a class are attribute `group`
 * (`cat/siamese/1.jpg` has group `siamese`). A folder of nothing but `train` and `test` (or `val`) has those as parts.
 * Pictures are decoded when read: three channels, alpha dropped, EXIF rotation ignored, as PyTorch's ImageFolder does.
 * Hidden files and files of other kinds are passed over.
 */
export const imageFolderReader: Reader = {
  name: 'image-folder',
  takes: 'a folder with one folder of jpeg, png or webp images per class',
  matches: ({ folders }) => folders.some(isShown),
  async open({ path, folders }, { split }) {
    const shown = folders.filter(isShown)
    const known: readonly string[] = [...splitNames.train, ...splitNames.test]
    if (shown.length === 0 || !shown.every((f) => known.includes(f))) {
      if (split === 'test') throw missingSplit(path, split, 'folders train and test; or name the test data by itself')
      return openClasses(path, '')
    }
    const wanted = partsOf(shown, split ?? 'train')
    if (wanted.length === 0) throw missingSplit(path, split ?? 'train', 'a folder of that name')
    const parts: Dataset[] = []
    for (const part of wanted) parts.push(await openClasses(path, part))
    checkSameClasses(path, parts)
    return concatenate(`${basename(path)}-${split ?? 'train'}`, parts)
  },
}

const isShown = (name: string): boolean => !name.startsWith('.')

function partsOf(folders: readonly string[], split: Split): string[] {
  const train = splitNames.train.filter((f) => folders.includes(f))
  // Where there are test and val, test is the one that was meant for the end.
  const test = splitNames.test.filter((f) => folders.includes(f)).slice(0, 1)
  return [...(split === 'test' ? [] : train), ...(split === 'train' ? [] : test)]
}

function checkSameClasses(path: string, parts: readonly Dataset[]): void {
  const lists = new Set(parts.map((p) => JSON.stringify(p.classes)))
  if (lists.size > 1) throw new LetheError('data-format', `The parts of "${path}" do not have the same class folders.`)
}

async function openClasses(root: string, part: string): Promise<Dataset> {
  const top = join(root, part)
  const classes = (await list(top)).folders
  const labels: number[] = []
  const ids: string[] = []
  const groups: string[] = []
  for (const [label, name] of classes.entries()) {
    for (const file of await walk(join(top, name), '')) {
      labels.push(label)
      ids.push([...(part ? [part] : []), name, file].join('/'))
      groups.push(file.split('/').slice(0, -1).join('/'))
    }
  }
  if (labels.length === 0) {
    throw new LetheError('data-format', `"${top}" holds no jpeg, png or webp image in a folder of a class.`, {
      path: top,
    })
  }
  return datasetOf({
    name: basename(root),
    classes,
    labels,
    id: (i) => ids[i]!,
    ...(groups.some((g) => g !== '') && { attributes: new Map([['group', (i: number) => groups[i]!]]) }),
    read: (i) => decode(join(root, ids[i]!), ids[i]!),
  })
}

/** Images below a folder, as sorted relative paths. */
async function walk(folder: string, below: string): Promise<string[]> {
  const { files, folders } = await list(join(folder, below))
  const path = (name: string): string => (below ? `${below}/${name}` : name)
  const found = files.filter((f) => imageName.test(f)).map(path)
  for (const name of folders) found.push(...(await walk(folder, path(name))))
  return found
}

/** Names in a folder, sorted by code unit so that every machine has the same order. */
async function list(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw readFault(error, folder)
  })
  const files: string[] = []
  const folders: string[] = []
  for (const entry of entries) {
    if (!isShown(entry.name)) continue
    const facts = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => undefined) : entry
    if (facts?.isFile()) files.push(entry.name)
    // A linked folder may lead back to where it lies; real folders cannot.
    else if (facts?.isDirectory() && !entry.isSymbolicLink()) folders.push(entry.name)
  }
  return { files: files.sort(), folders: folders.sort() }
}

/** Pixels of an image file. Throws `data-format` naming the record where it cannot be decoded. */
async function decode(path: string, id: string): Promise<ImageExample> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw readFault(error, path)
  })
  // Loaded with the first picture: it is large, and most data needs no decoder.
  const { default: sharp } = await import('sharp')
  const { data, info } = await sharp(bytes)
    .removeAlpha()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw new LetheError('data-format', `Image "${id}" cannot be decoded: ${String(cause)}.`, { id }, { cause })
    })
  if (info.channels !== 3)
    throw new LetheError('data-format', `Image "${id}" has ${info.channels} channels, expected 3.`)
  return {
    kind: 'image',
    width: info.width,
    height: info.height,
    channels: 3,
    pixels: new Uint8Array(data.buffer, data.byteOffset, data.length),
  }
}
