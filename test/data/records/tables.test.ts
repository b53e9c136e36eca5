import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Dataset } from '../../../src/data/dataset.js'
import { openDataset } from '../../../src/data/open-node.js'
import type { ModelForm, RecordOptions } from '../../../src/data/records/options.js'
import { toNumbers } from '../../../src/tensor/tensor.js'
import { newFolder } from '../../files/folder.js'

function write(lines: readonly string[] | string, file = 'data.csv'): string {
  const path = join(newFolder(), file)
  writeFileSync(path, typeof lines === 'string' ? lines : lines.join('\n'))
  return path
}

const all = <T>(data: Dataset, value: (i: number) => T): T[] => Array.from({ length: data.size }, (_, i) => value(i))

type Tensors = Record<string, [dtype: string, dims: readonly number[], values: number[]]>

async function tensorsOf(data: Dataset, i: number): Promise<Tensors> {
  const example = await data.read(i)
  if (example.kind !== 'tensors') throw new Error('expected tensors')
  return Object.fromEntries(Object.entries(example.tensors).map(([k, t]) => [k, [t.dtype, t.dims, toNumbers(t)]]))
}

const modelOf =
  (...inputs: ModelForm['inputs'][number][]): NonNullable<RecordOptions['model']> =>
  async () => ({ inputs })

describe('a plain table of numbers', () => {
  const lines = ['a,b,label,c', '1,2,0,3', '-4.5,1e-2,1,+.5', '7,8,2,9']

  it('needs no declaration: its columns in order are the vector x', async () => {
    const data = await openDataset(write(lines))
    expect([all(data, data.label), data.classes, data.attributes, all(data, data.id)]).toEqual([
      ...[[0, 1, 2], undefined, []],
      ['0', '1', '2'],
    ])
    expect(await tensorsOf(data, 1)).toEqual({ x: ['float32', [3], [-4.5, Math.fround(0.01), 0.5]] })
  })

  it.each([
    ['ends of line of several kinds', 'a,b,label,c\n1,2,0,3\r\n'],
    ['quotes', '"a","b","label","c"\r\n"1","2","0","3"\r\n'],
    ['semicolons', 'a;b;label;c\n1;2;0;3'],
    ['a mark of byte order and blank lines', '\uFEFFa,b,label,c\n\n1,2,0,3\n\n'],
    ['an index without a name, as pandas writes it', ',a,b,label,c\n0,1,2,0,3\n'],
    ['whole numbers with a point', 'a,b,label,c\n1.0,2.0,0.0,3.0\n'],
  ])('may come with %s', async (_, text) => {
    const data = await openDataset(write(text))
    expect([data.size, data.label(0), await tensorsOf(data, 0)]).toEqual([1, 0, { x: ['float32', [3], [1, 2, 3]] }])
  })

  it('may be separated by tabs', async () => {
    const data = await openDataset(write('a\tlabel\n1,5\t1\n'.replace(',', '.'), 'data.tsv'))
    expect(await tensorsOf(data, 0)).toEqual({ x: ['float32', [1], [1.5]] })
  })

  it('gives each row in any order, also rows over several lines', async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => `${i},"note\n""${i}""",${i % 7}`)
    const data = await openDataset(write(['n,note,label', ...rows]))
    for (const i of [2999, 0, 1, 2, 1500, 1501, 1502, 3, 2048]) {
      expect([await tensorsOf(data, i), data.label(i), data.attribute('note', i)]).toEqual([
        ...[{ x: ['float32', [1], [i]] }, i % 7],
        `note\n"${i}"`,
      ])
    }
  })

  it('may have names for classes, an id, and attributes that are no numbers', async () => {
    const data = await openDataset(write(['id,a,city,label', 'r1,1,Rome,yes', 'r2,2,Oslo,no']))
    expect([data.classes, all(data, data.label), all(data, data.id)]).toEqual([
      ['no', 'yes'],
      [1, 0],
      ['r1', 'r2'],
    ])
    expect([data.attributes, all(data, (i) => data.attribute('city', i))]).toEqual([['city'], ['Rome', 'Oslo']])
  })

  it('comes in parts: files of train and test', async () => {
    const folder = join(newFolder(), 'set')
    mkdirSync(folder)
    for (const part of ['train', 'test']) writeFileSync(join(folder, `my-${part}.csv`), 'a,label\n1,0\n')
    expect((await openDataset(folder, { split: 'all' })).size).toBe(2)
    expect((await openDataset(folder, { split: 'test' })).id(0)).toBe('test/0')
  })
})

describe('declared columns', () => {
  const lines = ['age,colour,size,income,person', '30,red,S,high,p1', ',blue,,low,p2', '50,green,L,high,p1']
  const columns = {
    label: 'income',
    labelNames: ['low', 'high'],
    features: ['size', 'age', 'colour'],
    categories: { colour: ['red', 'green', 'blue'], size: { values: ['S', 'M', 'L'], as: 'code' as const } },
    fill: { age: 40, size: 'M' },
    standardise: { age: { mean: 40, std: 10 } },
  }

  it('fill in, standardise, and encode categories one-hot or as codes', async () => {
    const data = await openDataset(write(lines), { records: { columns } })
    expect([all(data, data.label), data.classes]).toEqual([
      [1, 0, 1],
      ['low', 'high'],
    ])
    expect([await tensorsOf(data, 0), await tensorsOf(data, 1), await tensorsOf(data, 2)].map((t) => t.x![2])).toEqual([
      [0, -1, 1, 0, 0],
      [1, 0, 0, 0, 1],
      [2, 1, 0, 1, 0],
    ])
    expect([...data.attributes].sort()).toEqual(['colour', 'person', 'size'])
    expect(all(data, (i) => data.attribute('colour', i))).toEqual(['red', 'blue', 'green'])
  })

  it('fill several inputs: codes as integers, one column as it is', async () => {
    const inputs = { numbers: ['age', 'colour'], codes: ['size'], years: 'age' }
    const data = await openDataset(write(lines), { records: { columns, inputs } })
    expect(await tensorsOf(data, 0)).toEqual({
      numbers: ['float32', [4], [-1, 1, 0, 0]],
      codes: ['int64', [1], [0]],
      age: ['float32', [1], [-1]],
    })
  })

  it('have a tensor each where the model has an input for each, in its types', async () => {
    const model = modelOf({ name: 'b', dims: [1], dtype: 'int64' }, { name: 'a', dims: [1], dtype: 'float32' })
    const data = await openDataset(write(['a,b,c,label', '1.5,2,7,0']), { records: { model } })
    expect(await tensorsOf(data, 0)).toEqual({ b: ['int64', [1], [2]], a: ['float32', [1], [1.5]] })
  })

  it('take the shape and type that the model declares', async () => {
    const model = modelOf({ name: 'x', dims: [2, 1], dtype: 'int64' })
    const data = await openDataset(write(['a,b,label', '1,2,0']), { records: { model } })
    expect(await tensorsOf(data, 0)).toEqual({ x: ['int64', [2, 1], [1, 2]] })
  })

  it('may be lists of numbers in JSON Lines, beside truth values and numbers', async () => {
    const path = write(['{"v":[1,2],"t":true,"n":3,"label":0}', '{"n":6,"v":[4,5],"t":false,"label":1}'], 'd.jsonl')
    const data = await openDataset(path, { records: { columns: { features: ['n', 'v', 't'] } } })
    expect((await tensorsOf(data, 1)).x).toEqual(['float32', [4], [6, 4, 5, 0]])
  })
})

describe('a table is refused, by row and column, for', () => {
  const model = modelOf({ name: 'X', dims: [3], dtype: 'float32' })
  const two = modelOf({ name: 'u', dims: [1], dtype: 'float32' }, { name: 'v', dims: [1], dtype: 'float32' })
  const whole = modelOf({ name: 'x', dims: [1], dtype: 'int64' })
  const colour = { categories: { c: ['red', 'blue'] } }
  it.each<{ what: string; text: string; code?: string; says: RegExp; records?: RecordOptions }>([
    {
      what: 'a missing number',
      text: 'a,label\n1,0\n,1',
      says: /line 3: the column "a" has no value; declare one in "columns.fill"/,
    },
    { what: 'NaN', text: 'a,label\n1,0\nNaN,1', says: /line 3: the column "a" has no value/ },
    {
      what: 'a late text',
      text: `a,label\n${'1,0\n'.repeat(1500)}x1,1`,
      says: /line 1502: the column "a" is the text "x1", expected a number/,
    },
    { what: 'a missing label', text: 'a,label\n1,', says: /line 2: the label "label" is missing/ },
    {
      what: 'no label column',
      text: 'a,target\n1,0',
      says: /has no column "label"; it has a, target. .*"columns.label"/,
    },
    { what: 'no numbers', text: 'a,label\nx,0', says: /no column of numbers beside the label; it has a, label/ },
    { what: 'short rows', text: 'a,b,label\n1,2,0\n1,2', says: /is no table: .*expect 3, got 2 on line 3/ },
    { what: 'quotes that do not end', text: 'a,label\n"1,0\n2,1', says: /is no table: Quote Not Closed/ },
    { what: 'a column twice', text: 'a,a,label\n1,2,0', says: /line 1 has the column "a" twice/ },
    { what: 'an empty file', text: '', says: /holds no records/ },
    { what: 'a header alone', text: 'a,label\n', says: /holds no records/ },
    {
      what: 'text as a feature',
      text: 'a,c,label\n1,red,0',
      says: /"c" of .* holds text; declare its values in "columns.categories"/,
      records: { columns: { features: ['c'] } },
    },
    {
      what: 'an unknown category',
      text: 'c,label\nrde,0',
      says: /line 2: the column "c" is the text "rde", .* red, blue. Did you mean "red"/,
      records: { columns: { ...colour, features: ['c'] } },
    },
    {
      what: 'an unknown column',
      text: 'width,label\n1,0',
      code: 'config-invalid',
      says: /"columns.features" names the column "widht".*it has width, label. Did you mean "width"/,
      records: { columns: { features: ['widht'] } },
    },
    {
      what: 'an unknown input',
      text: 'a,label\n1,0',
      code: 'config-invalid',
      says: /"inputs" names columns for "Y", but the model's inputs are X/,
      records: { inputs: { Y: ['a'] }, model },
    },
    {
      what: 'too few columns for the model',
      text: 'a,label\n1,0',
      code: 'shape-mismatch',
      says: /input "X" takes 3 numbers a record, but the columns a of .* give 1/,
      records: { model },
    },
    {
      what: 'inputs that are no columns',
      text: 'a,label\n1,0',
      says: /takes the inputs u, v, which are not all columns .*say in "inputs"/,
      records: { model: two },
    },
    {
      what: 'fractions where the model takes integers',
      text: 'a,label\n1.5,0',
      code: 'dtype-mismatch',
      says: /line 2: the input "x" takes whole numbers, but one of a is 1.5/,
      records: { model: whole },
    },
    { what: 'a label as text among numbers', text: 'a,label\n1,0\n2,cat', says: /expected numbers or names alone/ },
  ])('$what', async ({ text, code = 'data-format', says, records }) => {
    const attempt = async (): Promise<unknown> => (await openDataset(write(text), records ? { records } : {})).read(0)
    const error = await attempt().catch((e: unknown) => e)
    expect(error).toMatchObject({ code, message: expect.stringMatching(says) })
  })

  it('bytes that are no UTF-8, and records without end', async () => {
    const path = write('')
    writeFileSync(path, Buffer.from('caf\xe9,label\n1,0', 'latin1'))
    await expect(openDataset(path)).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(/is not UTF-8/),
    })
    writeFileSync(path, `a,label\n"${'x'.repeat(17 << 20)}`)
    await expect(openDataset(path)).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(/is no table: Max Record Size/),
    })
    writeFileSync(path, `label${',x'.repeat(20_000)}\n`)
    await expect(openDataset(path)).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(/more than 16384 fields/),
    })
  })
})
