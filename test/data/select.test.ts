import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseIds, parseSelector, type Selector, select } from '../../src/data/select.js'
import { readSelectors } from '../../src/data/select-node.js'
import { newFolder } from '../files/folder.js'
import { smallDataset } from './small-dataset.js'

const data = smallDataset(30)

function selector(text: string): Selector {
  const written = parseSelector(text)
  if (written.kind !== 'ids-file') return written
  return { kind: 'ids', ids: written.path.split('+'), minus: written.minus }
}
const rows = (...texts: string[]): number[] => [...select(data, texts.map(selector))]
const where = (test: (i: number) => boolean): number[] => Array.from({ length: 30 }, (_, i) => i).filter(test)

describe('select', () => {
  it.each([
    { texts: ['class=bee'], test: (i: number) => i % 3 === 1 },
    { texts: ['class=1'], test: (i: number) => i % 3 === 1 },
    { texts: ['label=0,2'], test: (i: number) => i % 3 !== 1 },
    { texts: ['class=ant,2'], test: (i: number) => i % 3 !== 1 },
    { texts: ['person=p3'], test: (i: number) => i % 5 === 3 },
    { texts: ['person=p3,p1'], test: (i: number) => i % 5 === 3 || i % 5 === 1 },
    { texts: ['class=bee', 'person=p3'], test: (i: number) => i % 3 === 1 || i % 5 === 3 },
    { texts: ['class=bee', '!person=p3'], test: (i: number) => i % 3 === 1 && i % 5 !== 3 },
    { texts: ['!person=p3', 'class=bee'], test: (i: number) => i % 3 === 1 && i % 5 !== 3 },
    { texts: ['!class=bee'], test: (i: number) => i % 3 !== 1 },
    { texts: ['ids=r4+r2+r9', ' ! label = 0 '], test: (i: number) => i === 4 || i === 2 },
  ])('$texts: repeated ones join, ! takes out', ({ texts, test }) => {
    expect(rows(...texts)).toEqual(where(test))
  })

  it('draws as many random records as asked, by seed, none that is taken out, in any order of the data', () => {
    const draw = (seed: number, order?: number[]): string[] => {
      const set = smallDataset(30, order)
      const chosen = select(set, [selector('random=8'), selector('!class=ant')], { seed })
      return [...chosen].map((i) => set.id(i)).sort()
    }
    const turned = Array.from({ length: 30 }, (_, i) => (i * 7 + 3) % 30)
    expect(draw(1)).toHaveLength(8)
    expect(draw(1)).toEqual(draw(1, turned))
    expect(draw(1)).not.toEqual(draw(2))
    expect(draw(1).every((id) => Number(id.slice(1)) % 3 !== 0)).toBe(true)
  })

  it('draws every record equally often', () => {
    const counts = new Array<number>(30).fill(0)
    for (let seed = 0; seed < 1500; seed++) for (const i of select(data, [selector('random=6')], { seed })) counts[i]!++
    // 1500 draws of 6 of 30: mean 300, standard deviation 15.5; five deviations.
    expect(Math.min(...counts)).toBeGreaterThan(300 - 78)
    expect(Math.max(...counts)).toBeLessThan(300 + 78)
  })

  it.each([
    { texts: [], code: 'forget-empty', says: /No record of "small"/ },
    { texts: ['class=bee', '!class=bee'], code: 'forget-empty', says: /No record/ },
    { texts: ['label=7'], code: 'forget-empty', says: /No record/ },
    { texts: ['class=ant,bee,cow'], code: 'forget-all', says: /All 30 records/ },
    { texts: ['random=30'], code: 'forget-all', says: /All 30 records/ },
    { texts: ['random=31'], code: 'usage', says: /random=31 .* 30/ },
    { texts: ['ids=r1+q1+q2+q3+q4'], code: 'id-unknown', says: /"q1", "q2", "q3" and 1 more; its ids look like "r0"/ },
    { texts: ['class=fox'], code: 'attribute-unknown', says: /no class "fox"; it has ant, bee, cow/ },
    { texts: ['class=4'], code: 'attribute-unknown', says: /no class "4"/ },
    { texts: ['person=p9'], code: 'attribute-unknown', says: /person "p9"; there are p0, p1, p2, p3, p4/ },
    { texts: ['source=x'], code: 'attribute-unknown', says: /no attribute "source"; it has person/ },
  ])('refuses $texts: $code', ({ texts, code, says }) => {
    expect(() => rows(...texts)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(says) }))
  })

  it.each([
    { texts: ['class=fox'], left: [] },
    { texts: ['class=bee,fox'], left: where((i) => i % 3 === 1) },
    { texts: ['person=p9'], left: [] },
    { texts: ['person=p9,p3'], left: where((i) => i % 5 === 3) },
    { texts: ['source=x'], left: [] },
    { texts: ['label=7'], left: [] },
  ])('$texts: takes what there is where that may be nothing', ({ texts, left }) => {
    expect([...select(data, texts.map(selector), { allowNone: true })]).toEqual(left)
  })

  it('accepts all records where that is allowed', () => {
    expect(select(data, [selector('class=ant,bee,cow')], { allowAll: true })).toHaveLength(30)
    expect(select(data, [], { allowAll: true })).toHaveLength(30)
  })

  it.each(['', 'class', 'class=', '=3', 'class=a,,b', 'label=x', 'label=-1', 'random=0', 'random=1.5', 'random=1,2'])(
    'refuses the text "%s"',
    (text) => {
      expect(() => parseSelector(text)).toThrow(expect.objectContaining({ code: 'usage' }))
    },
  )
})

describe('ids of a file', () => {
  it('are one a line, whatever the line ends', async () => {
    const path = join(newFolder(), 'ids.txt')
    writeFileSync(path, '\uFEFFcat/a 1.png\r\n\ncat/b.png\ncat/b.png\n')
    expect(await readSelectors([`!ids=${path}`])).toEqual([
      { kind: 'ids', ids: ['cat/a 1.png', 'cat/b.png'], minus: true },
    ])
    expect(parseIds('')).toEqual([])
    await expect(readSelectors(['ids=/no/such/file'])).rejects.toMatchObject({ code: 'not-found' })
  })
})
