import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openDataset } from '../../../src/data/open-node.js'
import { readTokenizer, timeLimit } from '../../../src/data/tokenizer/tokenizer-node.js'
import { toNumbers } from '../../../src/tensor/tensor.js'
import { newFolder } from '../../files/folder.js'

const fixture = (name: string): string => join(import.meta.dirname, `../../fixtures/data/${name}.json`)

const rowsSchema = z.array(
  z.object({
    text: z.string().optional(),
    words: z.array(z.string()).optional(),
    ner_tags: z.array(z.number()).optional(),
    labels: z.array(z.number()).optional(),
    text_pair: z.string().optional(),
    length: z.number(),
    input_ids: z.array(z.number()),
    attention_mask: z.array(z.number()),
    token_type_ids: z.array(z.number()),
    isCut: z.boolean(),
  }),
)

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

describe.each([
  ['wordpiece', 'wordpiece-tokens'],
  ['byte-bpe', 'byte-bpe-tokens'],
  ['split-bpe', 'split-bpe-tokens'],
  ['unigram', 'unigram-tokens'],
  ['precompiled', 'precompiled-tokens'],
])('%s', (name, tokens) => {
  const rows = rowsSchema.parse(json(fixture(tokens)))

  it.each([
    ...[64, 12, 7].flatMap((length) => [[length, 'texts'] as const, [length, 'pairs'] as const]),
    ...[64, 7].map((length) => [length, 'words'] as const),
  ])(
    'at %i tokens gives the ids, masks, segments and classes of %s as Python does, and tells what was cut',
    async (length, kind) => {
      const kindOf = (r: (typeof rows)[number]): string =>
        r.words ? 'words' : r.text_pair === undefined ? 'texts' : 'pairs'
      const expected = rows.filter((r) => r.length === length && kindOf(r) === kind)
      expect(expected.length).toBeGreaterThan(2)
      const folder = newFolder()
      copyFileSync(fixture(name), join(folder, 'tokenizer.json'))
      const lines = expected.map(({ text, text_pair, words, ner_tags }) =>
        JSON.stringify({ text, text_pair, words, ner_tags }),
      )
      writeFileSync(join(folder, 'texts.jsonl'), lines.join('\n'))
      const data = await openDataset(join(folder, 'texts.jsonl'), { records: { maxLength: length } })
      expect(data.size).toBe(expected.length)
      for (const [i, row] of expected.entries()) {
        const example = await data.read(i)
        const tensors = example.kind === 'tensors' ? example.tensors : {}
        const got = Object.fromEntries(Object.entries(tensors).map(([key, t]) => [key, toNumbers(t)]))
        const { input_ids, attention_mask, token_type_ids, labels } = row
        expect([lines[i], got]).toEqual([
          lines[i],
          { input_ids, attention_mask, token_type_ids, ...(labels && { labels }) },
        ])
      }
      const cut = expected.filter((r) => r.isCut).length
      const told =
        cut === 0 ? [] : [expect.stringMatching(`^${cut} of ${data.size} records are longer than ${length} tokens`)]
      expect(data.notes?.()).toEqual(told)
    },
  )

  it('cuts at the length of its file where nobody says one', async () => {
    expect((await readTokenizer(fixture(name))).maxLength).toBe(12)
  })
})

describe('a tokenizer', () => {
  const form = (more: object = {}): object => ({
    model: { type: 'WordLevel', vocab: { '[UNK]': 0, a: 1, b: 2 }, unk_token: '[UNK]' },
    pre_tokenizer: { type: 'Whitespace' },
    ...more,
  })
  const write = (content: unknown): string => {
    const path = join(newFolder(), 'tokenizer.json')
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }

  it('of whole words knows those of its vocabulary', async () => {
    const tokenizer = await readTokenizer(write(form()))
    expect(tokenizer.encode('b a zebra', undefined, 5)).toEqual({ ids: [2, 1, 0], typeIds: [0, 0, 0], isCut: false })
    expect(tokenizer.encode('b a', 'a', 2)).toMatchObject({ ids: [2, 1], typeIds: [0, 1], isCut: true })
  })

  it('has no more names for words than its vocabulary, whatever they are called', async () => {
    const text =
      '{"model":{"type":"WordLevel","vocab":{"[UNK]":0,"__proto__":1},"unk_token":"[UNK]"},"pre_tokenizer":{"type":"WhitespaceSplit"}}'
    const tokenizer = await readTokenizer(write(text))
    expect(tokenizer.encode('__proto__ constructor toString', undefined, 9).ids).toEqual([1, 0, 0])
  })

  it.each([
    ['{', /is not JSON/],
    [[], /is no tokenizer that Lethe can use: the file: /],
    [{ vocab: { a: 1 } }, /is no tokenizer .*: model: /],
    [form({ model: { type: 'Markov' } }), /it cannot be used: Unknown TokenizerModel type: Markov/],
    [form({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }), /it cannot be used: /],
    [form({ pre_tokenizer: { type: 'Martian' } }), /it cannot be used: Unknown PreTokenizer type: Martian/],
    [form({ normalizer: { type: 'Precompiled', precompiled_charsmap: '!' } }), /precompiled_charsmap is no base64/],
    [form({ normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } }), /precompiled_charsmap is damaged/],
    [form({ added_tokens: 7 }), /: added_tokens: /],
    [form({ truncation: { max_length: -3 } }), /: truncation.max_length: /],
    [form({ post_processor: { type: 'TemplateProcessing', single: 3 } }), /: post_processor/],
    ['['.repeat(200_000), /is not JSON/],
  ])('%j is refused by name', async (content, says) => {
    await expect(readTokenizer(write(content))).rejects.toMatchObject({
      code: 'data-format',
      message: expect.stringMatching(says),
    })
  })

  it('must have room for text beside its special tokens', async () => {
    const tokenizer = await readTokenizer(fixture('wordpiece'))
    expect(() => tokenizer.encode('a', undefined, 2)).toThrow(/no room for text beside the 2 special tokens/)
    expect(tokenizer.encode('a b', undefined, 3).ids).toHaveLength(3)
  })

  it('that backtracks without end is stopped', () => {
    const limited = timeLimit(50)
    expect(() => limited(() => /^(a+)+$/.test(`${'a'.repeat(60)}b`))).toThrow(/timed out/)
    let done = false
    limited(() => {
      done = true
    })
    expect(done).toBe(true)
  })
})
