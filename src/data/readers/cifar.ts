import { LetheError } from '../../errors.js'
import type { ImageExample } from '../dataset.js'

/** Layout of the two CIFAR binary formats: a row is the label bytes, then 32×32 pixels in planes R, G, B. */
export interface CifarForm {
  readonly name: 'cifar-10' | 'cifar-100'
  readonly labelBytes: 1 | 2
  readonly rowBytes: number
  readonly classes: number
}

const side = 32
const plane = side * side

/** Source of both layouts: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version". */
export const cifarForms = {
  'cifar-10': { name: 'cifar-10', labelBytes: 1, rowBytes: 1 + 3 * plane, classes: 10 },
  'cifar-100': { name: 'cifar-100', labelBytes: 2, rowBytes: 2 + 3 * plane, classes: 100 },
} as const satisfies Record<string, CifarForm>

/** Number of coarse labels (superclasses) of CIFAR-100. */
const superclasses = 20

/** Rows in a file of the given size. Throws `data-format` where it is no whole number of them. */
export function countCifarRows(form: CifarForm, sizeBytes: number, file: string): number {
  if (sizeBytes > 0 && sizeBytes % form.rowBytes === 0) return sizeBytes / form.rowBytes
  throw new LetheError(
    'data-format',
    `"${file}" has ${sizeBytes} bytes, which is no whole number of ${form.name} rows of ${form.rowBytes} bytes. Get the whole file again.`,
    { file, sizeBytes },
  )
}

/** Class of a row, and for CIFAR-100 its superclass. Throws `data-format` for a label outside the format's classes. */
export function cifarLabels(form: CifarForm, row: Uint8Array, id: string): { label: number; superclass: number } {
  const superclass = form.labelBytes === 2 ? row[0]! : 0
  const label = row[form.labelBytes - 1]!
  if (label < form.classes && superclass < superclasses) return { label, superclass }
  throw new LetheError(
    'data-format',
    `Record "${id}" has label ${label >= form.classes ? label : superclass}, which ${form.name} does not have; the file is damaged or of another format.`,
    { id, label, superclass },
  )
}

/** Picture of a row: planes to interleaved channels. */
export function cifarImage(form: CifarForm, row: Uint8Array): ImageExample {
  const pixels = new Uint8Array(3 * plane)
  for (let c = 0; c < 3; c++) {
    const from = form.labelBytes + c * plane
    for (let p = 0; p < plane; p++) pixels[p * 3 + c] = row[from + p]!
  }
  return { kind: 'image', width: side, height: side, channels: 3, pixels }
}
