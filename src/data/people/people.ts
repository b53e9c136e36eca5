import { LetheError } from '../../errors.js'
import type { Dataset, ImageExample } from '../dataset.js'
import { castPersons, nameFamilies } from './looks.js'
import { randomOf } from './random.js'
import { drawScene, faceSide } from './scene.js'

export interface PeopleOptions {
  /** Which draws: training and test pictures of a person never coincide. */
  readonly split: 'train' | 'test'
  /** Decides families, persons and pictures. Default 0. */
  readonly seed?: number
  /** Number of classes. Default 8. */
  readonly families?: number
  /** Default 5. */
  readonly personsPerFamily?: number
  /** Default 80 in training, 20 in test. */
  readonly imagesPerPerson?: number
}

/**
 * The synthetic people: 32×32 colour pictures of invented persons, labelled by family; no real person is in it.
 *
 * Label `f` is a family (`classes[f]` its invented name); attributes `person` (`p07`) and `family`; ids like
 * `train/p07/0012`, person after person. Pictures are drawn when read and depend on seed and id only, bit for bit on
 * every machine; the same persons appear in both splits, in different pictures. Persons of a family share most traits
 * and have some of other families, so that a person never seen is placed in the right family clearly less often than
 * one seen in training. Throws `usage` where a count is not a positive integer.
 */
export function drawPeople(options: PeopleOptions): Dataset {
  const { split, seed = 0, families = 8, personsPerFamily = 5 } = options
  const imagesPerPerson = options.imagesPerPerson ?? (split === 'train' ? 80 : 20)
  for (const [name, count] of Object.entries({ families, personsPerFamily, imagesPerPerson })) {
    if (!Number.isInteger(count) || count < 1) {
      throw new LetheError('usage', `Synthetic people: ${name} must be a positive integer, got ${count}.`)
    }
  }
  const classes = nameFamilies(families)
  const looks = castPersons(seed, families, personsPerFamily)
  const digits = Math.max(2, String(looks.length - 1).length)
  const size = looks.length * imagesPerPerson

  const personOf = (i: number): number => {
    if (!Number.isInteger(i) || i < 0 || i >= size) {
      throw new LetheError('internal', `Synthetic people: record ${i} is outside 0…${size - 1}.`)
    }
    return Math.floor(i / imagesPerPerson)
  }
  const label = (i: number): number => Math.floor(personOf(i) / personsPerFamily)
  const person = (i: number): string => `p${String(personOf(i)).padStart(digits, '0')}`
  const id = (i: number): string => `${split}/${person(i)}/${String(i % imagesPerPerson).padStart(4, '0')}`

  return {
    name: `people-${split}`,
    size,
    classes,
    attributes: ['person', 'family'],
    id,
    label,
    attribute(name, i) {
      if (name === 'person') return person(i)
      if (name === 'family') return classes[label(i)]!
      throw new LetheError('attribute-unknown', `Synthetic people have the attributes person and family, not ${name}.`)
    },
    read(i): ImageExample {
      const pixels = drawScene(looks[personOf(i)]!, randomOf(`${seed}/${id(i)}`))
      return { kind: 'image', width: faceSide, height: faceSide, channels: 3, pixels }
    },
  }
}

/** Picture `i` of a data set of images, for reports. Throws `data-format` where the record is not an image. */
export async function facePixels(dataset: Dataset, i: number): Promise<ImageExample> {
  const example = await dataset.read(i)
  if (example.kind === 'image') return example
  throw new LetheError('data-format', `Record ${dataset.id(i)} of ${dataset.name} is not an image.`)
}
