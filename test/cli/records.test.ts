import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { readStore, type Store } from '../../src/importance/store.js'
import { numbers } from '../small-graphs.js'
import { floats, folderOfFile, good, labels, lethe, writeNpz } from './command.js'

const folder = folderOfFile()
const at = (name: string): string => join(folder, name)
const fixtures = join(import.meta.dirname, '../fixtures')

const words = 'the river takes every name and gives none back a good dull film so'.split(' ')
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]']
/** A tokenizer of whole words, as many as the small BERT knows tokens. */
const tokenizer = {
  added_tokens: special.map((content, id) => ({ id, content, special: true })),
  normalizer: { type: 'Lowercase' },
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
  model: {
    type: 'WordLevel',
    unk_token: '[UNK]',
    vocab: Object.fromEntries([...special, ...words].map((w, i) => [w, i])),
  },
}
const names = ['sad', 'happy', 'angry', 'dull', 'odd']
const count = 12

/** Text of record n: two to five words, so that some are cut to the four that the model has room for. */
const textOf = (n: number): string =>
  Array.from({ length: 2 + (n % 4) }, (_, k) => words[(n * 5 + k * 3) % words.length]).join(' ')

function idsOf(n: number): number[] {
  const ids = textOf(n)
    .split(' ')
    .slice(0, 4)
    .map((w) => special.length + words.indexOf(w))
  return [2, ...ids, 3]
}

const storeOf = (name: string): Store => readStore(new Uint8Array(readFileSync(at(name))))
const padded = (rows: readonly number[][], length: number): BigInt64Array =>
  BigInt64Array.from(rows.flatMap((row) => Array.from({ length }, (_, i) => BigInt(row[i] ?? 0))))

beforeAll(() => {
  copyFileSync(join(fixtures, 'zoo/bert.dynamo.onnx'), at('bert.onnx'))
  copyFileSync(join(fixtures, 'models/text-lstm.torchscript.onnx'), at('lstm.onnx'))
  copyFileSync(join(fixtures, 'zoo/sklearn-mlp.skl2onnx.onnx'), at('mlp.onnx'))
})

describe('a text classifier', () => {
  const rows = Array.from({ length: count }, (_, n) => n)
  const config = ['--config', 'texts.json']

  beforeAll(async () => {
    mkdirSync(at('texts'))
    const lines = rows.map((n) => JSON.stringify({ text: textOf(n), label: names[n % 5], author: `a${n % 3}` }))
    writeFileSync(at('texts/train.jsonl'), lines.join('\n'))
    writeFileSync(at('texts/test.jsonl'), lines.slice(3, 8).reverse().join('\n'))
    writeFileSync(at('texts/tokenizer.json'), JSON.stringify(tokenizer))
    writeFileSync(
      at('texts.json'),
      JSON.stringify({ model: 'bert.onnx', data: 'texts', columns: { labelNames: names } }),
    )
    const { code, stderr } = await lethe(folder, ['importance', ...config, '-o', 'texts.safetensors'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/3 of 12 records are longer than 6 tokens and were cut/)
  })

  it('has the same importances for texts as for their token ids', async () => {
    writeNpz(at('tokens.npz'), {
      input_ids: ['<i8', [count, 6], padded(rows.map(idsOf), 6)],
      attention_mask: [
        '<i8',
        [count, 6],
        padded(
          rows.map((n) => idsOf(n).map(() => 1)),
          6,
        ),
      ],
      y: labels(rows.map((n) => n % 5)),
    })
    await good(folder, ['importance', '-m', 'bert.onnx', '-d', 'tokens.npz', '-o', 'tokens.safetensors'])
    expect(storeOf('texts.safetensors').importance.sums).toEqual(storeOf('tokens.safetensors').importance.sums)
  })

  it('is evaluated by the names of its classes, forgetting what an author wrote', async () => {
    const text = await good(folder, ['evaluate', ...config, '-f', 'author=a1', '--json'])
    const { data, models } = JSON.parse(text) as { data: string; models: { facts: Record<string, { n: number }> }[] }
    expect(data).toBe('test data')
    expect(Object.keys(models[0]!.facts)).toEqual(expect.arrayContaining(['forget', 'retain', 'test', 'unseen']))
    expect(await good(folder, ['evaluate', ...config])).toMatch(/^angry .*\n/m)
  })

  it('is forgotten from, by class', async () => {
    const plan = JSON.parse(
      await good(folder, ['plan', ...config, '-i', 'texts.safetensors', '-f', 'class=happy', '--json']),
    ) as unknown
    expect(plan).toMatchObject({ task: 'class', subject: 'class happy', forgetCount: 3 })
  })

  it('must be told the names of its classes where the data does not have them all', async () => {
    writeFileSync(at('one.jsonl'), JSON.stringify({ text: 'a film', label: 'sad' }))
    const flags = ['-m', 'bert.onnx', '-d', 'one.jsonl', '--tokenizer', 'texts/tokenizer.json', '-o', 'one.safetensors']
    const { code, stderr } = await lethe(folder, ['importance', ...flags])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^lethe: label-range: .* has 1 names \(sad\), but the model has 5 classes/),
    ])
  })

  it('with one input of any name takes token ids', async () => {
    const ids = rows.map((n) => Array.from(numbers(7, n + 1), (v) => Math.floor(Math.abs(v) * 11)))
    writeFileSync(at('ids.jsonl'), ids.map((row, n) => JSON.stringify({ input_ids: row, label: n % 5 })).join('\n'))
    writeNpz(at('ids.npz'), { x: ['<i8', [count, 7], padded(ids, 7)], y: labels(rows.map((n) => n % 5)) })
    for (const name of ['ids.jsonl', 'ids.npz'])
      await good(folder, ['importance', '-m', 'lstm.onnx', '-d', name, '-o', `${name}.safetensors`])
    expect(storeOf('ids.jsonl.safetensors').importance.sums).toEqual(storeOf('ids.npz.safetensors').importance.sums)
  })
})

describe('a classifier of scikit-learn', () => {
  const x = numbers(20 * 6, 3).map((v) => 4 * v)
  const y = Array.from({ length: 20 }, (_, n) => n % 5)
  const header = 'a,b,c,label,d,e,f,city'
  const lines = y.map((label, n) => {
    const row = [...x.subarray(n * 6, n * 6 + 6)]
    return [...row.slice(0, 3), label, ...row.slice(3), n % 2 ? 'Rome' : 'Oslo'].join(',')
  })
  const flags = ['-m', 'mlp.onnx', '--output', 'probabilities']

  it('takes the numbers of a CSV as they stand, and forgets by any other column', async () => {
    writeFileSync(at('table.csv'), [header, ...lines].join('\n'))
    writeNpz(at('table.npz'), { X: floats(20, 6, x), y: labels(y) })
    for (const name of ['table.csv', 'table.npz'])
      await good(folder, ['importance', ...flags, '-d', name, '-o', `${name}.safetensors`])
    expect(storeOf('table.csv.safetensors').importance.sums).toEqual(storeOf('table.npz.safetensors').importance.sums)
    const text = await good(folder, ['evaluate', ...flags, '-d', 'table.csv', '-f', 'city=Rome', '--json'])
    const { models } = JSON.parse(text) as { models: { facts: Record<string, unknown> }[] }
    expect(Object.keys(models[0]!.facts)).toEqual(expect.arrayContaining(['forget', 'retain']))
  })

  it('is told in one line which columns do not fit', async () => {
    writeFileSync(at('wide.csv'), [`${header},g`, ...lines.map((line) => `${line},7`)].join('\n'))
    const { code, stderr } = await lethe(folder, ['importance', ...flags, '-d', 'wide.csv', '-o', 'wide.safetensors'])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^lethe: shape-mismatch: The model's input "X" takes 6 numbers a record, but the columns a, b, c, d, e, f, g of .* give 7; .*\n$/,
      ),
    ])
    writeFileSync(at('wide.json'), JSON.stringify({ columns: { features: ['a', 'b', 'c', 'd', 'e', 'f'] } }))
    await good(folder, ['importance', ...flags, '--config', 'wide.json', '-d', 'wide.csv', '-o', 'wide.safetensors'])
    expect(storeOf('wide.safetensors').importance.sums).toEqual(storeOf('table.csv.safetensors').importance.sums)
  })
})
