import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Dataset } from '../../../src/data/dataset.js'
import { openDataset } from '../../../src/data/open-node.js'
import type { RecordOptions } from '../../../src/data/records/options.js'
import { toNumbers } from '../../../src/tensor/tensor.js'
import { newFolder } from '../../files/folder.js'

const fixtures = join(import.meta.dirname, '../../fixtures/data')

/** Writes records as JSON Lines, with a tokenizer beside them. */
function write(records: readonly unknown[], file = 'data.jsonl'): string {
  const folder = newFolder()
  copyFileSync(join(fixtures, 'wordpiece.json'), join(folder, 'tokenizer.json'))
  writeFileSync(join(folder, file), records.map((r) => (typeof r === 'string' ? r : JSON.stringify(r))).join('\n'))
  return join(folder, file)
}

const all = <T>(data: Dataset, value: (i: number) => T): T[] => Array.from({ length: data.size }, (_, i) => value(i))

async function numbersOf(data: Dataset, i: number): Promise<Record<string, number[]>> {
  const example = await data.read(i)
  if (example.kind !== 'tensors') throw new Error('expected tensors')
  return Object.fromEntries(Object.entries(example.tensors).map(([name, t]) => [name, toNumbers(t)]))
}

const model =
  (length: number, classes?: number): RecordOptions['model'] =>
  async () => ({
    inputs: [{ name: 'input_ids', dims: [length], dtype: 'int64' }],
    classes,
  })

describe('JSON Lines of texts', () => {
  it('have classes by name, ids, and every other scalar as an attribute', async () => {
    const path = write([
      { id: 'a', text: 'one', label: 'sad', person: 'p1', age: 7, ok: true, tags: ['x'], meta: { a: 1 } },
      '',
      { id: 2, text: 'two', label: 'happy', person: 'p2', extra: 'late', long: 'x'.repeat(257) },
    ])
    const data = await openDataset(path)
    expect([data.classes, all(data, data.label), all(data, data.id)]).toEqual([
      ['happy', 'sad'],
      [1, 0],
      ['a', '2'],
    ])
    expect([...data.attributes].sort()).toEqual(['age', 'extra', 'ok', 'person'])
    expect(data.attributes.map((name) => all(data, (i) => data.attribute(name, i)))).toEqual([
      ['p1', 'p2'],
      ['7', ''],
      ['true', ''],
      ['', 'late'],
    ])
    expect(Object.keys(await numbersOf(data, 0))).toEqual(['input_ids', 'attention_mask', 'token_type_ids'])
    expect(data.notes?.()).toEqual([])
  })

  it('read the same in any order, in blocks and one by one, with ends of line of any kind', async () => {
    const lines = Array.from({ length: 700 }, (_, i) => JSON.stringify({ text: `film ${i} é😀`, label: i % 3 }))
    const folder = newFolder()
    copyFileSync(join(fixtures, 'wordpiece.json'), join(folder, 'tokenizer.json'))
    writeFileSync(join(folder, 'data.ndjson'), `\uFEFF${lines.join('\r\n')}\r\n\r\n`)
    const data = await openDataset(join(folder, 'data.ndjson'), { format: 'jsonl' })
    expect(data.size).toBe(700)
    const forward = new Map<number, unknown>()
    for (const i of [0, 1, 2, 300, 301, 5, 698, 699]) forward.set(i, await numbersOf(data, i))
    for (let i = 699; i >= 0; i--) {
      const again = await numbersOf(data, i)
      if (forward.has(i)) expect(again).toEqual(forward.get(i))
    }
    expect(forward.get(300)).not.toEqual(forward.get(301))
    expect([data.id(699), data.label(698)]).toEqual(['699', 2])
  })

  it('may have no class: labels are 0, and there are no names', async () => {
    const data = await openDataset(write([{ text: 'a' }, { text: 'b' }]))
    expect([all(data, data.label), data.classes]).toEqual([[0, 0], undefined])
  })

  it('take the names of classes in the order they are declared, or that of the training data', async () => {
    const path = write([{ sentence: 'a', mood: 'sad' }])
    const columns = { label: 'mood', labelNames: ['sad', 'happy'] }
    expect((await openDataset(path, { records: { columns } })).label(0)).toBe(0)
    const classes = ['angry', 'happy', 'sad']
    expect((await openDataset(path, { records: { columns: { label: 'mood' }, classes } })).label(0)).toBe(2)
    await expect(
      openDataset(path, { records: { columns: { label: 'mood' }, model: model(8, 3) } }),
    ).rejects.toMatchObject({
      code: 'label-range',
      message: expect.stringMatching(/"mood" has 1 names \(sad\), but the model has 3 classes.*"columns.labelNames"/),
    })
  })

  it('are as long as the model takes, unless another length is named', async () => {
    const path = write([{ text: 'the river forgets', label: 0 }])
    const length = async (records: RecordOptions): Promise<number> =>
      (await numbersOf(await openDataset(path, { records }), 0)).input_ids!.length
    expect([
      await length({ model: model(6) }),
      await length({}),
      await length({ maxLength: 40, model: model(6) }),
    ]).toEqual([6, 12, 40])
    expect(await length({ model: model(-1) })).toBe(12)
  })

  it('come in parts: train and test files of a folder, their ids begun with the part', async () => {
    const path = write(
      [
        { text: 'a', label: 'x' },
        { text: 'b', label: 'y' },
      ],
      'train.jsonl',
    )
    const folder = join(path, '..')
    writeFileSync(join(folder, 'test.jsonl'), JSON.stringify({ text: 'c', label: 'y' }))
    writeFileSync(join(folder, 'validation.jsonl'), JSON.stringify({ text: 'd', label: 'y' }))
    const ids = async (split?: 'train' | 'test' | 'all'): Promise<string[]> => {
      const data = await openDataset(folder, split ? { split } : {})
      return all(data, data.id)
    }
    expect([await ids(), await ids('test'), await ids('all')]).toEqual([
      ['train/0', 'train/1'],
      ['test/0'],
      ['train/0', 'train/1', 'test/0'],
    ])
    expect((await openDataset(folder, { split: 'all' })).label(2)).toBe(1)
    await expect(openDataset(path, { split: 'test' })).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(/no test part/),
    })
  })

  it('find the tokenizer beside the model, or where they are told', async () => {
    const path = write([{ text: 'a', label: 0 }])
    const bare = newFolder()
    mkdirSync(join(bare, 'data'))
    copyFileSync(path, join(bare, 'data', 'data.jsonl'))
    const moved = join(bare, 'data', 'data.jsonl')
    await expect(openDataset(moved)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/need a tokenizer.json/),
    })
    const modelPath = join(path, '..', 'model.onnx')
    expect((await openDataset(moved, { records: { modelPath } })).size).toBe(1)
    const tokenizer = join(path, '..', 'tokenizer.json')
    expect((await openDataset(moved, { records: { tokenizer } })).size).toBe(1)
  })
})

describe('JSON Lines of token ids', () => {
  it('are padded, their labels with −100, and keep masks and segments', async () => {
    const path = write([
      { input_ids: [5, 6, 7], labels: [-100, 1, 2], token_type_ids: [0, 0, 1], text: 'ignored' },
      { input_ids: [8], attention_mask: [1], labels: [0] },
      { input_ids: [1, 2, 3, 4, 5, 6] },
    ])
    const data = await openDataset(path, { records: { maxLength: 4 } })
    expect(await numbersOf(data, 0)).toEqual({
      input_ids: [5, 6, 7, 0],
      attention_mask: [1, 1, 1, 0],
      token_type_ids: [0, 0, 1, 0],
      labels: [-100, 1, 2, -100],
    })
    expect(await numbersOf(data, 1)).toMatchObject({ attention_mask: [1, 0, 0, 0], labels: [0, -100, -100, -100] })
    expect(data.notes?.()).toEqual([])
    expect(await numbersOf(data, 2)).toMatchObject({ input_ids: [1, 2, 3, 4], labels: [-100, -100, -100, -100] })
    expect(data.notes?.()).toEqual([expect.stringMatching(/^1 of 3 records are longer than 4 tokens/)])
    expect([data.attributes, all(data, data.label)]).toEqual([['text'], [0, 0, 0]])
  })

  it('of one length keep it, with a class of their own beside', async () => {
    const data = await openDataset(
      write([
        { input_ids: [1, 2, 3], label: 1 },
        { input_ids: [4, 5, 6], label: 0 },
      ]),
    )
    expect([(await numbersOf(data, 1)).input_ids, all(data, data.label)]).toEqual([
      [4, 5, 6],
      [1, 0],
    ])
  })
})

describe('JSON Lines refuse', () => {
  const text = { text: 'a', label: 0 }
  it.each<{ what: string; records: unknown[]; code?: string; says: RegExp; records2?: RecordOptions }>([
    {
      what: 'what is no JSON',
      records: [text, '{"text": '],
      says: /data.jsonl" line 2 is not JSON .*write one object a line/,
    },
    { what: 'a list', records: [text, '', [1]], says: /line 3 is a list, expected an object/ },
    { what: 'a number', records: ['7'], says: /line 1 is 7, expected an object/ },
    { what: 'NaN', records: ['{"text":"a","label":NaN}'], says: /line 1 is not JSON/ },
    {
      what: 'deep nesting',
      records: [text, `{"text":"a","label":0,"x":${'['.repeat(300_000)}`],
      says: /line 2 is not JSON/,
    },
    { what: 'a text that is none', records: [text, { text: 3, label: 0 }], says: /line 2: "text" is 3, expected text/ },
    { what: 'a missing text', records: [text, { label: 0 }], says: /line 2: "text" is missing, expected text/ },
    { what: 'a missing label', records: [text, { text: 'b' }], says: /line 2: the label "label" is missing/ },
    {
      what: 'a label of another kind',
      records: [text, { text: 'b', label: 'x' }],
      says: /line 1 has the label 0 and .* line 2 the label "x"/,
    },
    {
      what: 'a label of parts',
      records: [text, { text: 'b', label: { a: 1 } }],
      says: /the label "label" is an object/,
    },
    {
      what: 'a negative label',
      records: [{ text: 'b', label: -1 }],
      code: 'label-range',
      says: /line 1 has label "-1".*left out/,
    },
    { what: 'a label and a half', records: [{ text: 'b', label: 1.5 }], code: 'label-range', says: /has label "1.5"/ },
    {
      what: 'an id twice',
      records: [
        { id: 1, ...text },
        { id: '1', ...text },
      ],
      says: /id "1" twice/,
    },
    { what: 'an id that is missing', records: [{ id: 1, ...text }, text], says: /line 2: the id "id" is missing/ },
    {
      what: 'an id beyond the digits of a number',
      records: ['{"id":9007199254740993,"text":"a","label":0}'],
      says: /"id" is an integer beyond 2\^53/,
    },
    {
      what: 'token ids that are text',
      records: [{ input_ids: [1] }, { input_ids: ['a'] }],
      says: /line 2: "input_ids" is a list of texts, expected a list of whole numbers/,
    },
    {
      what: 'token ids and a half',
      records: [{ input_ids: [1, 2.5] }],
      says: /a list with 2.5, expected a list of whole numbers/,
    },
    { what: 'negative token ids', records: [{ input_ids: [-1] }], says: /a list with a negative number/ },
    { what: 'no token ids', records: [{ input_ids: [1] }, { input_ids: [] }], says: /line 2: "input_ids" is empty/ },
    {
      what: 'labels of another length',
      records: [{ input_ids: [1, 2], labels: [0] }],
      says: /"labels" has 1 numbers, expected as many as "input_ids" has: 2/,
    },
    { what: 'an empty file', records: [], says: /holds no records/ },
    {
      what: 'a field that is not there',
      records: [text],
      code: 'config-invalid',
      says: /"columns.text" names the column "txt".*Did you mean "text"/,
      records2: { columns: { text: 'txt' } },
    },
    {
      what: 'a name that is not declared',
      records: [{ text: 'a', label: 'sda' }],
      code: 'label-range',
      says: /"sda", expected one of sad, happy. Did you mean "sad"/,
      records2: { columns: { labelNames: ['sad', 'happy'] } },
    },
  ])('$what', async ({ records, code = 'data-format', says, records2 }) => {
    const error = await openDataset(write(records), records2 ? { records: records2 } : {}).catch((e: unknown) => e)
    expect(error).toMatchObject({ code, message: expect.stringMatching(says) })
  })

  it('bytes that are no UTF-8', async () => {
    const path = write([])
    writeFileSync(path, Buffer.from('{"text":"caf\xe9","label":0}', 'latin1'))
    await expect(openDataset(path)).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(/line 1 is not UTF-8/),
    })
  })

  it('nothing for their names: keys of prototypes are fields like any other', async () => {
    const data = await openDataset(write(['{"text":"a","label":0,"__proto__":"p","constructor":"c"}']))
    expect([...data.attributes].sort()).toEqual(['__proto__', 'constructor'])
    expect(data.attribute('__proto__', 0)).toBe('p')
    expect(Object.prototype).not.toHaveProperty('p')
  })
})
