import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { readStore, type Store } from '../../src/importance/store.js'
import { readModel } from '../../src/onnx/model.js'
import { numberAt, toNumbers } from '../../src/tensor/tensor.js'
import { folderOfFile, good, lethe } from './command.js'

const folder = folderOfFile()
const at = (name: string): string => join(folder, name)
const fixture = (name: string): string => join(import.meta.dirname, `../fixtures/tokens/${name}`)
const storeOf = (name: string): Store => readStore(new Uint8Array(readFileSync(at(name))))
const initializersOf = (name: string) => readModel(new Uint8Array(readFileSync(at(name)))).graph.initializers

interface Facts {
  readonly accuracy: { readonly value: number; readonly n: number }
  readonly loss: number
  readonly perplexity?: number
}
interface Forgotten {
  readonly plan: { readonly task: string; readonly target: string }
  readonly verdict: { readonly state: string; readonly sentence: string; readonly reasons: readonly string[] }
  readonly before: Readonly<Record<'forget' | 'retain' | 'test' | 'unseen', Facts>>
  readonly after: Readonly<Record<'forget' | 'retain' | 'test' | 'unseen', Facts>>
}

/** `forget --json` with these flags. */
async function forgotten(args: readonly string[]): Promise<Forgotten> {
  return JSON.parse(await good(folder, ['forget', ...args, '--json'])) as Forgotten
}

beforeAll(() => {
  for (const name of ['tagger.onnx', 'tagger-train.jsonl', 'tagger-unseen.jsonl']) copyFileSync(fixture(name), at(name))
  for (const name of ['writer.onnx', 'writer-train.jsonl', 'writer-unseen.jsonl']) copyFileSync(fixture(name), at(name))
})

describe('a classifier of tokens that knows 32 records by heart', () => {
  const model = ['-m', 'tagger.onnx', '-d', 'tagger-train.jsonl']

  beforeAll(async () => {
    const text = await good(folder, ['importance', ...model, '-o', 'tagger.safetensors', '--workers', '2'])
    expect(text).toMatch(/32 examples, 38 parameter tensors, exact, mean loss 0\.00\d+ \(token-classification\)/)
  })

  it('is seen for what it is, without data', async () => {
    const text = await good(folder, ['inspect', 'tagger.onnx'])
    expect(text).toMatch(/^loss {4}token-classification on "logits", 5 classes$/m)
    expect(text).toMatch(/^exact {3}per-example gradients in batches$/m)
  })

  it('has gradients that its own differences confirm', async () => {
    expect(await good(folder, ['check', ...model, '--examples', '4'])).toMatch(/all 38 gradients are right/)
  })

  it('is evaluated by its tokens: by class, by record, and all', async () => {
    const text = await good(folder, ['evaluate', ...model, '--test', 'tagger-unseen.jsonl', '-f', 'author=a1'])
    expect(text).toMatch(/^accuracy on tokens of forget set .* tokens$/m)
    expect(text).toMatch(/^mean of records +100\.00 % +4 records$/m)
    expect(text).toMatch(/^all tokens +100\.00 % +\d+$/m)
    expect(text).not.toMatch(/perplexity/)
  })

  it('forgets an author, and the record of the run names the loss', async () => {
    const flags = [...model, '--test', 'tagger-unseen.jsonl', '-i', 'tagger.safetensors', '-f', 'author=a1']
    const { plan, before, after, verdict } = await forgotten([...flags, '-o', 'tagger.out.onnx'])
    expect([plan.task, plan.target]).toEqual(['attribute', expect.stringMatching(/^mean loss .* unseen data/)])
    expect(before.forget.accuracy).toMatchObject({ value: 1, n: 4 })
    expect(after.forget.loss).toBeGreaterThan(100 * before.forget.loss)
    expect(after.retain.accuracy.value).toBeGreaterThan(before.retain.accuracy.value - 0.011)
    expect(verdict.reasons[0]).toMatch(/^Accuracy on tokens of the records to forget \(4\)/)
    expect(JSON.parse(readFileSync(at('tagger.out.onnx.json'), 'utf8'))).toMatchObject({
      settings: { loss: 'token-classification' },
    })
  })

  it('groups by an attribute, as records have no class', async () => {
    const flags = ['--estimator', 'grouped', '--group-by', 'author', '-o', 'tagger.grouped.safetensors']
    await good(folder, ['importance', ...model, ...flags])
    const { importance, facts } = storeOf('tagger.grouped.safetensors')
    expect([importance.count, importance.classCounts, facts.loss]).toEqual([32, [], 'token-classification'])
    const request = [...model, '-i', 'tagger.grouped.safetensors', '-f', 'author=a2', '-o', 'tagger.grouped.onnx']
    const { after } = await forgotten([...request, '--share', '0.5'])
    expect(after.forget.accuracy.n).toBe(4)
  })

  it('goes on where it was stopped, to the same bytes', async () => {
    const out = ['importance', ...model, '-o', 'tagger.again.safetensors', '--workers', '1']
    let isStopped = false
    await lethe(folder, out, (stderr, child) => {
      if (isStopped || !stderr.includes('importance  16 / 32')) return
      isStopped = child.kill('SIGINT')
    })
    await good(folder, out)
    expect(readFileSync(at('tagger.again.safetensors'))).toEqual(readFileSync(at('tagger.safetensors')))
  })

  it.each([
    [
      'another loss than its store',
      ['--loss', 'next-token'],
      /^lethe: store-mismatch: .*token-classification, not next-token/,
    ],
  ])('refuses %s', async (_, flags, message) => {
    const request = ['plan', ...model, '-i', 'tagger.safetensors', '-f', 'author=a1', ...flags]
    const { code, stderr } = await lethe(folder, request)
    expect([code, stderr.trim().split('\n').at(-1)]).toEqual([1, expect.stringMatching(message)])
  })

  it.each([
    [
      'a record without a labelled token',
      { labels: [-100, -100, -100] },
      /data-format: Record "odd" has no labelled token/,
    ],
    [
      'a class that the model does not have',
      { labels: [0, 5, -100] },
      /label-range: Record "odd" has label 5 at token 1; .* 5 classes/,
    ],
    ['a record without labels', { labels: null }, /data-format: Record "odd" has no labelled token/],
  ])('refuses %s before any work, by its id', async (_, fields, message) => {
    const odd = { id: 'odd', input_ids: [3, 4, 5], author: 'a9', ...fields }
    writeFileSync(at('odd.jsonl'), `${readFileSync(at('tagger-train.jsonl'), 'utf8')}${JSON.stringify(odd)}\n`)
    const { code, stderr } = await lethe(folder, ['importance', '-m', 'tagger.onnx', '-d', 'odd.jsonl', '-o', 'odd.st'])
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)])
    expect(stderr).not.toMatch(/^importance/m)
  })

  it('is refused data without labels', async () => {
    const { code, stderr } = await lethe(folder, [
      'importance',
      '-m',
      'tagger.onnx',
      '-d',
      'writer-train.jsonl',
      '-o',
      'x.st',
    ])
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^lethe: loss-unsupported: .* no labels of tokens/)])
  })
})

describe('a small GPT-2 that knows 32 texts by heart', () => {
  const special = ['[PAD]', '[UNK]', '[CLS]']
  const words = Array.from({ length: 61 }, (_, i) => `w${i}`)
  const model = ['-m', 'writer.onnx', '-d', 'writer.jsonl']
  const rows = readFileSync(fixture('writer-train.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; input_ids: readonly number[]; author: string })

  beforeAll(async () => {
    const tokenizer = {
      added_tokens: special.map((content, id) => ({ id, content, special: true })),
      pre_tokenizer: { type: 'Whitespace' },
      model: {
        type: 'WordLevel',
        unk_token: '[UNK]',
        vocab: Object.fromEntries([...special, ...words].map((w, i) => [w, i])),
      },
    }
    writeFileSync(at('tokenizer.json'), JSON.stringify(tokenizer))
    const texts = rows.map(({ id, input_ids, author }) => {
      return JSON.stringify({ id, text: input_ids.map((t) => words[t - special.length]).join(' '), author })
    })
    writeFileSync(at('writer.jsonl'), texts.join('\n'))
    await good(folder, ['importance', ...model, '-o', 'writer.safetensors'])
  })

  it('has the same importances for texts as for their token ids, the shared table once', async () => {
    const flags = ['-m', 'writer.onnx', '-d', 'writer-train.jsonl', '--loss', 'next-token', '--max-length', '7']
    await good(folder, ['importance', ...flags, '-o', 'ids.safetensors'])
    const [texts, ids] = [storeOf('writer.safetensors'), storeOf('ids.safetensors')]
    expect(texts.importance.sums).toEqual(ids.importance.sums)
    expect(texts.facts.loss).toBe('next-token')
    expect([...texts.importance.sums.keys()].filter((name) => /wte|lm_head|val_/.test(name))).toEqual([
      'model.lm_head.weight',
    ])
  })

  it('is seen with its shared table and its vocabulary', async () => {
    const text = await good(folder, ['inspect', 'writer.onnx'])
    expect(text).toMatch(/^loss {4}next-token on "logits", 64 tokens of the vocabulary$/m)
    expect(text).toMatch(/^tied {4}val_\d+ is a transposed copy of model\.lm_head\.weight: one parameter$/m)
  })

  it('forgets records by their ids; both copies of the shared table change alike', async () => {
    writeFileSync(
      at('ids.txt'),
      rows
        .slice(0, 4)
        .map(({ id }) => id)
        .join('\n'),
    )
    const flags = [...model, '--test', 'writer-unseen.jsonl', '-i', 'writer.safetensors', '-f', 'ids=ids.txt']
    const { plan, before, after, verdict } = await forgotten([
      ...flags,
      '--share',
      '0.6',
      '--lambda',
      '0.1',
      '-o',
      'out.onnx',
    ])
    expect([plan.task, plan.target]).toEqual(['records', expect.stringMatching(/^mean loss of the records/)])
    expect(before.forget.perplexity).toBeLessThan(1.5)
    expect(after.forget.perplexity).toBeGreaterThan(2 * before.forget.perplexity!)
    expect(after.retain.perplexity! - before.retain.perplexity!).toBeLessThan(
      after.forget.perplexity! - before.forget.perplexity!,
    )
    expect(verdict.reasons.join('\n')).toMatch(/Accuracy on tokens of/)
    const [old, now] = [initializersOf('writer.onnx'), initializersOf('out.onnx')]
    const copy = [...now].find(([name, t]) => name.startsWith('val_') && t.dims.join() === '16,64')![1]
    const table = now.get('model.lm_head.weight')!
    expect(table.data).not.toEqual(old.get('model.lm_head.weight')!.data)
    expect(toNumbers(copy)).toEqual(toNumbers(copy).map((_, i) => numberAt(table, (i % 64) * 16 + Math.floor(i / 64))))
  })

  it('is evaluated with its perplexity', async () => {
    const text = await good(folder, ['evaluate', ...model, '-m', 'out.onnx', '--test', 'writer-unseen.jsonl'])
    expect(text).toMatch(/^\(perplexity\) +\d+ +\d+ +\d+$/m)
    const { models } = JSON.parse(await good(folder, ['evaluate', ...model, '-f', 'author=a1', '--json'])) as {
      models: { overall: Record<string, unknown[]>; facts: { forget: Facts } }[]
    }
    expect(models[0]!.facts.forget.perplexity).toBeLessThan(1.5)
    expect(models[0]!.overall['class-accuracy']).toEqual([])
  })

  it('takes the loss from lethe.json, which must be one that there is', async () => {
    const config = { model: 'writer.onnx', data: 'writer.jsonl', loss: 'next-token' }
    writeFileSync(at('writer.json'), JSON.stringify(config))
    const text = await good(folder, ['evaluate', '--config', 'writer.json'])
    expect(text).toMatch(/^accuracy on tokens of data/m)
    writeFileSync(at('wrong.json'), JSON.stringify({ ...config, loss: 'hinge' }))
    const { code, stderr } = await lethe(folder, ['evaluate', '--config', 'wrong.json'])
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^lethe: config-invalid: .*loss/)])
  })
})
