import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Dataset } from '../../src/data/dataset.js'
import { hairStyles } from '../../src/data/people/looks.js'
import { drawPeople, facePixels } from '../../src/data/people/people.js'
import { randomOf } from '../../src/data/people/random.js'

async function digest(data: Dataset, count: number): Promise<string> {
  const hash = createHash('sha256')
  for (let i = 0; i < count; i++) hash.update((await facePixels(data, Math.floor((i * data.size) / count))).pixels)
  return hash.digest('hex').slice(0, 16)
}

async function meanOf(data: Dataset, from: number, count: number): Promise<Float64Array> {
  const mean = new Float64Array(32 * 32 * 3)
  for (let i = from; i < from + count; i++) {
    const { pixels } = await facePixels(data, i)
    for (let k = 0; k < mean.length; k++) mean[k] = mean[k]! + pixels[k]! / count
  }
  return mean
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += (a[k]! - b[k]!) ** 2
  return Math.sqrt(sum / a.length)
}

describe('synthetic people', () => {
  it('have 3200 training and 800 test records by default, 8 families of 5', () => {
    const train = drawPeople({ split: 'train' })
    const test = drawPeople({ split: 'test' })
    expect([train.size, test.size, train.classes?.length]).toEqual([3200, 800, 8])
    expect(new Set(train.classes).size).toBe(8)
    expect(train.id(0)).toBe('train/p00/0000')
    expect(train.id(7 * 80 + 12)).toBe('train/p07/0012')
    expect(test.id(799)).toBe('test/p39/0019')
    expect(train.attribute('person', 7 * 80 + 12)).toBe('p07')
    expect(train.label(7 * 80 + 12)).toBe(1)
    expect(train.attribute('family', 7 * 80 + 12)).toBe(train.classes?.[1])
  })

  it('have unique ids, and every person has one family', () => {
    const data = drawPeople({ split: 'train', families: 21, personsPerFamily: 6, imagesPerPerson: 2 })
    const ids = new Set<string>()
    const families = new Map<string, Set<number>>()
    for (let i = 0; i < data.size; i++) {
      ids.add(data.id(i))
      const person = data.attribute('person', i)
      families.set(person, (families.get(person) ?? new Set()).add(data.label(i)))
    }
    expect(ids.size).toBe(data.size)
    expect(families.size).toBe(126)
    expect([...families.values()].every((labels) => labels.size === 1)).toBe(true)
    expect(new Set(data.classes).size).toBe(21)
  })

  it('are the same bytes on every machine and in every order of reading', async () => {
    expect(await digest(drawPeople({ split: 'train' }), 64)).toBe('76f40635000f0977')
    const data = drawPeople({ split: 'train', seed: 3 })
    const late = await facePixels(data, 1000)
    for (const i of [0, 999, 3199]) await data.read(i)
    expect((await facePixels(drawPeople({ split: 'train', seed: 3 }), 1000)).pixels).toEqual(late.pixels)
  })

  it('differ between splits, seeds and records', async () => {
    const train = drawPeople({ split: 'train' })
    const first = (await facePixels(train, 0)).pixels
    const others = [
      facePixels(drawPeople({ split: 'test' }), 0),
      facePixels(drawPeople({ split: 'train', seed: 1 }), 0),
      facePixels(train, 1),
    ]
    for (const other of await Promise.all(others)) expect(distance(first, other.pixels)).toBeGreaterThan(10)
  })

  it('keep their records when more pictures of each person are drawn', async () => {
    const few = drawPeople({ split: 'train', imagesPerPerson: 3 })
    const many = drawPeople({ split: 'train', imagesPerPerson: 9 })
    expect(few.id(4)).toBe(many.id(10))
    expect((await facePixels(few, 4)).pixels).toEqual((await facePixels(many, 10)).pixels)
  })

  it('look like themselves: the mean pictures of one person in two splits are nearer than those of any two persons', async () => {
    const train = drawPeople({ split: 'train', families: 4, personsPerFamily: 3, imagesPerPerson: 60 })
    const test = drawPeople({ split: 'test', families: 4, personsPerFamily: 3, imagesPerPerson: 60 })
    const persons = Array.from({ length: 12 }, (_, p) => p)
    const trained = await Promise.all(persons.map((p) => meanOf(train, p * 60, 60)))
    const tested = await Promise.all(persons.map((p) => meanOf(test, p * 60, 60)))
    for (const p of persons) {
      const nearest = persons.toSorted(
        (a, b) => distance(tested[p]!, trained[a]!) - distance(tested[p]!, trained[b]!),
      )[0]
      expect(nearest).toBe(p)
    }
  })

  it('use the whole range of brightness without being clipped for the most part', async () => {
    const data = drawPeople({ split: 'train', imagesPerPerson: 5 })
    let clipped = 0
    let sum = 0
    for (let i = 0; i < data.size; i++) {
      const { pixels, width, height, channels } = await facePixels(data, i)
      expect([width, height, channels, pixels.length]).toEqual([32, 32, 3, 3072])
      for (const value of pixels) {
        sum += value
        if (value === 0 || value === 255) clipped++
      }
    }
    expect(clipped / (data.size * 3072)).toBeLessThan(0.1)
    expect(sum / (data.size * 3072)).toBeGreaterThan(80)
    expect(sum / (data.size * 3072)).toBeLessThan(180)
  })

  const refused = [
    { options: { families: 0 }, text: /families must be a positive integer, got 0/ },
    { options: { personsPerFamily: 1.5 }, text: /personsPerFamily must be a positive integer, got 1.5/ },
    { options: { imagesPerPerson: Number.NaN }, text: /imagesPerPerson must be a positive integer, got NaN/ },
  ]
  it.each(refused)('refuse $options', ({ options, text }) => {
    expect(() => drawPeople({ split: 'train', ...options })).toThrow(text)
  })

  it('refuse an attribute that they do not have, and a record outside the set', () => {
    const data = drawPeople({ split: 'train' })
    expect(() => data.attribute('age', 0)).toThrow(expect.objectContaining({ code: 'attribute-unknown' }))
    expect(() => data.id(3200)).toThrow(expect.objectContaining({ code: 'internal' }))
  })
})

describe('random streams', () => {
  it('are uniform: mean 1/2 and variance 1/12, and bell has mean 0 and variance 1', () => {
    const random = randomOf('law')
    const n = 50_000
    let [sum, squares, bells, bellSquares] = [0, 0, 0, 0]
    for (let i = 0; i < n; i++) {
      const x = random.unit()
      const z = random.bell()
      sum += x
      squares += x * x
      bells += z
      bellSquares += z * z
    }
    expect(sum / n).toBeCloseTo(0.5, 2)
    expect(squares / n - (sum / n) ** 2).toBeCloseTo(1 / 12, 2)
    expect(bells / n).toBeCloseTo(0, 1)
    expect(bellSquares / n).toBeCloseTo(1, 1)
  })

  it('of neighbouring keys are unrelated: first draws of 2000 keys are uniform and uncorrelated', () => {
    const draws = Array.from({ length: 2000 }, (_, i) => randomOf(`0/train/p00/${i}`).unit())
    const mean = draws.reduce((a, b) => a + b) / draws.length
    let product = 0
    for (let i = 1; i < draws.length; i++) product += (draws[i]! - mean) * (draws[i - 1]! - mean)
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03)
    expect(Math.abs((product / draws.length) * 12)).toBeLessThan(0.1)
  })

  it('shuffle keeps every choice', () => {
    expect(randomOf('cards').shuffle(hairStyles).toSorted()).toEqual([...hairStyles].toSorted())
  })
})
