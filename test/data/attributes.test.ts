import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { withAttributes } from '../../src/data/attributes.js'
import { addAttributes } from '../../src/data/attributes-node.js'
import { newFolder } from '../files/folder.js'
import { smallDataset } from './small-dataset.js'

const data = smallDataset(3)

describe('attributes from a CSV', () => {
  it.each([
    { what: 'plain rows in any order', csv: 'id,place\nr2,c\nr0,a\nr1,b\n', values: ['a', 'b', 'c'] },
    { what: 'rows of other records', csv: 'id,place\nr0,a\nother,x\nr1,b\nr2,c', values: ['a', 'b', 'c'] },
    {
      what: 'quotes, commas, line ends, empty values',
      csv: '\uFEFFplace,id\r\n"a, ""b""\n",r0\r\n\r\n,"r1"\r\nx,r2\r\n',
      values: ['a, "b"\n', '', 'x'],
    },
    { what: 'an empty last value', csv: 'id,place\nr0,\nr1,b\nr2,', values: ['', 'b', ''] },
  ])('takes $what', ({ csv, values }) => {
    const more = withAttributes(data, csv, 'a.csv')
    expect([...more.attributes]).toEqual(['person', 'place'])
    expect([0, 1, 2].map((i) => more.attribute('place', i))).toEqual(values)
    expect([more.attribute('person', 2), more.label(2), more.id(2), more.classes]).toEqual([
      'p2',
      2,
      'r2',
      data.classes,
    ])
  })

  it('of other records alone leave the data as it is where that is allowed, and only there', () => {
    const csv = 'id,place\nother,a\n'
    expect(withAttributes(data, csv, 'a.csv', { ifAny: true })).toBe(data)
    expect(() => withAttributes(data, csv, 'a.csv')).toThrow(/no row of record "r0"/)
    expect(() => withAttributes(data, `${csv}r1,b\n`, 'a.csv', { ifAny: true })).toThrow(/no row of record "r0"/)
  })

  it.each([
    { csv: '', says: /must name the column id/ },
    { csv: 'name,place\n', says: /must name the column id/ },
    { csv: 'id,a,a\n', says: /each attribute once/ },
    { csv: 'id,place\nr0,a\n', says: /no row of record "r1"/ },
    { csv: 'id,place\nr0,a\nr0,b\n', says: /two rows of id "r0"/ },
    { csv: 'id,place\nr0\n', says: /id "r0" has 1 of 2 values/ },
    { csv: 'id,place\nr0,"a\n', says: /quotes are damaged/ },
  ])('refuses $csv', ({ csv, says }) => {
    expect(() => withAttributes(data, csv, 'a.csv')).toThrow(
      expect.objectContaining({ code: 'data-format', message: expect.stringMatching(says) }),
    )
  })

  it('reads the file', async () => {
    const path = join(newFolder(), 'a.csv')
    writeFileSync(path, 'id,place\nr0,a\nr1,b\nr2,c\n')
    expect((await addAttributes(data, path)).attribute('place', 1)).toBe('b')
    await expect(addAttributes(data, `${path}.no`)).rejects.toMatchObject({ code: 'not-found' })
  })
})
