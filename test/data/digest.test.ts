import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { datasetOf } from '../../src/data/columns.js'
import { digestDataset } from '../../src/data/digest-node.js'
import { drawPeople } from '../../src/data/people/people.js'
import { smallDataset } from './small-dataset.js'

describe('digestDataset', () => {
  it('is SHA-256 over ids, labels, forms and bytes, as documented', async () => {
    const hash = createHash('sha256').update('lethe-data-1\n')
    for (let i = 0; i < 100; i++) {
      hash.update(`["r${i}",${i % 3},"tensors",[["x","float32",[2]]]]\n`)
      hash.update(new Uint8Array(Float32Array.of(i, -i).buffer))
    }
    const seen: number[] = []
    expect(await digestDataset(smallDataset(100), (done) => seen.push(done))).toBe(hash.digest('hex'))
    expect(seen).toEqual([64, 100])
  })

  it('changes with any id, label or pixel', async () => {
    const people = drawPeople({ split: 'test', families: 2, personsPerFamily: 1, imagesPerPerson: 2 })
    const columns = {
      name: 'p',
      labels: [0, 0, 1, 1],
      id: (i: number) => people.id(i),
      read: (i: number) => people.read(i),
    }
    const flipped = async (i: number) => {
      const example = await people.read(i)
      if (example.kind !== 'image' || i !== 3) return example
      return { ...example, pixels: example.pixels.map((v, k) => (k === 700 ? v ^ 1 : v)) }
    }
    const digests = await Promise.all(
      [
        columns,
        { ...columns, labels: [0, 0, 1, 0] },
        { ...columns, id: (i: number) => people.id(i) + (i === 2 ? 'a' : '') },
        { ...columns, read: flipped },
      ].map((c) => digestDataset(datasetOf(c))),
    )
    expect(new Set(digests).size).toBe(4)
    expect(digests[0]).toBe(await digestDataset(people))
  })
})
