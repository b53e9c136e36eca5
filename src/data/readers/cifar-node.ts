import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { LetheError } from '../../errors.js'
import { concatenate, datasetOf } from '../columns.js'
import type { Dataset } from '../dataset.js'
import { type CifarForm, cifarForms, cifarImage, cifarLabels, countCifarRows } from './cifar.js'
import { fileSource } from './file-source-node.js'
import { missingSplit, type Place, type Reader, type Split } from './reader.js'
import { readRows } from './rows.js'

const fileOf = {
  'cifar-10': { train: /^data_batch_\d+\.bin$/, test: /^test_batch\.bin$/ },
  'cifar-100': { train: /^train\.bin$/, test: /^test\.bin$/ },
} as const

/**
 * CIFAR-10 and CIFAR-100, binary version: a folder of the published files, or one `.bin` file of that layout.
 *
 * Ids are file and row (`data_batch_1/123`); CIFAR-100's label is the fine one, and attribute `superclass` the coarse one.
 * Labels are read once, pictures when asked for.
 */
export const cifarReader: Reader = {
  name: 'cifar',
  takes:
    'the folder of the CIFAR-10 or CIFAR-100 binary version (data_batch_1.bin … or train.bin, test.bin), or one such .bin file',
  matches: (place) =>
    formOf(place) !== undefined || isPickled(place) || (place.kind === 'file' && place.path.endsWith('.bin')),
  async open(place, { split = 'train' }) {
    if (isPickled(place)) {
      throw new LetheError(
        'data-unsafe',
        `"${place.path}" is the Python version of CIFAR: pickled objects, which can run any code. Get the binary version.`,
        { path: place.path },
      )
    }
    const form = formOf(place)
    if (place.kind === 'file') return openLone(place.path, form)
    if (!form) throw new LetheError('data-format', `"${place.path}" is no folder of CIFAR's binary version.`)
    const files = inOrder(form, place.files, split)
    if (files.length === 0) throw missingSplit(place.path, split, 'the .bin files of the binary version')
    const names = await readNames(form, place.path)
    const parts = await Promise.all(files.map((file) => openFile(form, join(place.path, file), names)))
    return concatenate(`${form.name}-${split}`, parts)
  },
}

function isPickled(place: Place): boolean {
  const has = (file: string): boolean => place.files.includes(file)
  return place.kind === 'folder' && (has('data_batch_1') || (has('meta') && has('train') && has('test')))
}

function formOf(place: Place): CifarForm | undefined {
  return Object.values(cifarForms).find(({ name }) =>
    place.files.some((file) => fileOf[name].train.test(file) || fileOf[name].test.test(file)),
  )
}

/** Training files by their number, then the test file. */
function inOrder(form: CifarForm, files: readonly string[], split: Split): string[] {
  const { train, test } = fileOf[form.name]
  const numberOf = (file: string): number => Number(/\d+/.exec(file)?.[0] ?? 0)
  return [
    ...(split === 'test' ? [] : files.filter((f) => train.test(f)).sort((a, b) => numberOf(a) - numberOf(b))),
    ...(split === 'train' ? [] : files.filter((f) => test.test(f))),
  ]
}

/** A file of any name: its own name tells the form, else the row length that its size fits. */
async function openLone(path: string, named: CifarForm | undefined): Promise<Dataset> {
  const { sizeBytes } = await fileSource(path)
  const form =
    named ??
    Object.values(cifarForms).find(({ rowBytes }) => sizeBytes > 0 && sizeBytes % rowBytes === 0) ??
    cifarForms['cifar-10']
  return openFile(form, path, await readNames(form, dirname(path)))
}

interface Names {
  readonly classes: readonly string[] | undefined
  readonly superclasses: readonly string[] | undefined
}

async function readNames(form: CifarForm, folder: string): Promise<Names> {
  const lines = async (file: string, count: number): Promise<string[] | undefined> => {
    const text = await readFile(join(folder, file), 'utf8').catch(() => '')
    const names = text.split(/\r?\n/).filter((line) => line !== '')
    return names.length === count ? names : undefined
  }
  return form.name === 'cifar-10'
    ? { classes: await lines('batches.meta.txt', form.classes), superclasses: undefined }
    : {
        classes: await lines('fine_label_names.txt', form.classes),
        superclasses: await lines('coarse_label_names.txt', 20),
      }
}

async function openFile(form: CifarForm, path: string, names: Names): Promise<Dataset> {
  const source = await fileSource(path)
  const stem = basename(path, '.bin')
  const rows = readRows(source, 0, form.rowBytes, countCifarRows(form, source.sizeBytes, path))
  const id = (i: number): string => `${stem}/${i}`
  const labels = new Uint8Array(rows.count)
  const superclasses = new Uint8Array(rows.count)
  for (let i = 0; i < rows.count; i++) {
    const { label, superclass } = cifarLabels(form, await rows.row(i), id(i))
    labels[i] = label
    superclasses[i] = superclass
  }
  const superclass = (i: number): string => names.superclasses?.[superclasses[i]!] ?? String(superclasses[i])
  return datasetOf({
    name: stem,
    ...(names.classes && { classes: names.classes }),
    labels,
    id,
    ...(form.name === 'cifar-100' && { attributes: new Map([['superclass', superclass]]) }),
    read: async (i) => cifarImage(form, await rows.row(i)),
  })
}
