import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { clusters, floats, folderOfFile, good, labels, lethe, writeNpz } from './command.js'

const folder = folderOfFile()
const classes = 4

interface Share {
  readonly value: number
}
type Facts = Readonly<Record<string, { readonly accuracy: Share; readonly loss: number }>>
interface Forgotten {
  readonly plan: { readonly floor: string; readonly subject: string; readonly forgetCount: number }
  readonly verdict: { readonly state: string }
  readonly before: Facts
  readonly after: Facts
}
type Rows = Readonly<Record<string, readonly (Share & { readonly of: string | number; readonly n: number })[]>>
interface Evaluated {
  readonly models: readonly {
    readonly name: string
    readonly facts: Facts
    readonly overall: Rows
    readonly sets: Readonly<Record<string, Rows>>
  }[]
}

/** The one JSON document on stdout; parsing refuses a second one, and anything around it. */
async function json<T>(...args: string[]): Promise<T> {
  const text = await good(folder, [...args, '--json'])
  expect(text.endsWith('}\n')).toBe(true)
  return JSON.parse(text) as T
}

const sha256 = (name: string): string =>
  createHash('sha256')
    .update(readFileSync(join(folder, name)))
    .digest('hex')

const base = ['-m', 'model.onnx', '-d', 'train.npz']
const request = [...base, '-i', 'store.safetensors', '--test', 'test.npz']
let trained: { trainAccuracy: number; testAccuracy: number; sha256: string }
let stored: { count: number; sha256: string }
let forgotten: Forgotten

beforeAll(async () => {
  const { x, y } = clusters(400, classes, 1)
  writeNpz(join(folder, 'train.npz'), { x, y })
  const test = clusters(200, classes, 2)
  const ids = Int32Array.from({ length: 200 }, (_, i) => 1000 + i)
  writeNpz(join(folder, 'test.npz'), { ...test, ids: ['<i4', [200], ids] })
  // The records of class 1 alone, under the ids they had.
  const rows = Array.from({ length: 400 }, (_, i) => i).filter((row) => row % classes === 1)
  writeNpz(join(folder, 'alone.npz'), {
    x: floats(rows.length, 6, Float32Array.from(rows.flatMap((r) => [...x[2].subarray(r * 6, r * 6 + 6)]))),
    y: labels(rows.map(() => 1)),
    ids: ['<i4', [rows.length], Int32Array.from(rows)],
  })
  trained = await json(
    ...['train', '--arch', 'mlp', '-d', 'train.npz', '--test', 'test.npz', '-o', 'model.onnx'],
    ...['--epochs', '4', '--batch-size', '20', '--rate', '0.01'],
  )
  stored = await json('importance', ...base, '-o', 'store.safetensors')
  forgotten = await json('forget', ...request, '-f', 'class=1', '-o', 'forgotten.onnx')
})

describe('a small classifier, from training to evaluation', () => {
  it('is trained to tell its classes apart, and written whole', () => {
    expect(trained.testAccuracy).toBeGreaterThan(0.95)
    expect(trained.sha256).toBe(sha256('model.onnx'))
  })

  it('has its importances stored, of every record', () => {
    expect(stored).toMatchObject({ count: 400, sha256: sha256('store.safetensors') })
  })

  it('is inspected: ready, with its parameters', async () => {
    const seen = await json('inspect', 'model.onnx')
    expect(seen).toMatchObject({ ready: true, classes, sha256: sha256('model.onnx'), problems: [] })
  })

  it('changes the chosen parameters alone', async () => {
    interface Planned {
      readonly layers: readonly { readonly name: string }[]
    }
    const planned = await json<Planned>('plan', ...request, '-f', 'class=1', '--only', '*.weight', '--except', 'head.*')
    expect(planned.layers.length).toBeGreaterThan(0)
    for (const { name } of planned.layers) expect(name).toMatch(/^(?!head\.).*\.weight$/)
  })

  it('has its gradients checked', async () => {
    expect(await json('check', 'model.onnx', '--examples', '2')).toMatchObject({ isRight: true, model: 'model.onnx' })
  })

  it('has a plan made that writes nothing', async () => {
    const before = readdirSync(folder).map((name) => [name, sha256(name)])
    const plan = await json<{ forgetCount: number; ratio: number; trials: unknown[] }>(
      'plan',
      ...request,
      '-f',
      'class=1',
    )
    expect(plan).toMatchObject({ forgetCount: 100, ratio: 4, subject: 'class 1', floor: 'kept' })
    expect(plan.trials.length).toBeGreaterThan(1)
    expect(readdirSync(folder).map((name) => [name, sha256(name)])).toEqual(before)
  })

  it('forgets a class and keeps the rest', () => {
    expect(forgotten.before.forget!.accuracy.value).toBeGreaterThan(0.95)
    expect(forgotten.after.forget!.accuracy.value).toBeLessThan(0.05)
    expect(forgotten.plan.floor).toBe('kept')
    expect(forgotten.after.retain!.accuracy.value).toBeGreaterThan(0.95)
  })

  it('has a record written whose digests are those of the files', () => {
    const record: unknown = JSON.parse(readFileSync(join(folder, 'forgotten.onnx.json'), 'utf8'))
    expect(record).toMatchObject({
      command: 'forget',
      inputs: {
        model: { name: 'model.onnx', sha256: sha256('model.onnx') },
        store: { name: 'store.safetensors', sha256: sha256('store.safetensors') },
        data: { name: 'train.npz', count: 400 },
        forget: { count: 100, selectors: ['class=1'] },
      },
      outputs: { model: { name: 'forgotten.onnx', sha256: sha256('forgotten.onnx') } },
      settings: {
        forget: ['class=1'],
        strength: { kind: 'auto' },
        estimator: { estimator: 'exact' },
        preprocessing: {},
      },
      evaluation: { before: forgotten.before, after: forgotten.after },
    })
  })

  it('is evaluated from its file with the numbers that forget has told', async () => {
    const { models } = await json<Evaluated>(
      ...['evaluate', ...base, '-m', 'forgotten.onnx', '--test', 'test.npz', '-f', 'class=1'],
    )
    expect(models.map(({ name }) => name)).toEqual(['model.onnx', 'forgotten.onnx'])
    for (const [i, told] of [forgotten.before, forgotten.after].entries()) {
      const { facts } = models[i]!
      for (const name of ['forget', 'unseen', 'retain', 'test']) {
        const set = told[name]!
        expect(facts[name]?.accuracy).toEqual(set.accuracy)
        // Weights that are fed and weights of a file are multiplied in another order, in float32.
        expect(Math.abs(facts[name]!.loss / set.loss - 1)).toBeLessThan(1e-4)
      }
    }
  })

  it('is measured per class on forget set, retained data and test data', async () => {
    const { models } = await json<Evaluated>('evaluate', ...base, '--test', 'test.npz', '-f', 'class=1')
    const { overall, sets, facts } = models[0]!
    const of = (rows: Rows | undefined): unknown => rows?.['class-accuracy']?.map((row) => row.of)
    expect(of(sets.forget)).toEqual([1])
    expect(of(sets.retain)).toEqual([0, 2, 3])
    expect(of(overall)).toEqual([0, 1, 2, 3])
    expect(sets.forget?.accuracy?.[0]).toMatchObject(facts.forget!.accuracy)
    const rows = sets.retain!['class-accuracy']!
    const right = rows.reduce((sum, { value, n }) => sum + value * n, 0)
    expect(right / rows.reduce((sum, { n }) => sum + n, 0)).toBeCloseTo(facts.retain!.accuracy.value, 12)
  })

  it('is told about in tables without --json', async () => {
    const text = await good(folder, ['evaluate', ...base, '--test', 'test.npz', '-f', 'class=1'])
    expect(text).toMatch(/^accuracy on forget set\s+model\.onnx\s+records$/m)
    expect(text).toMatch(/^accuracy on retained training data\s+model\.onnx\s+records$/m)
    expect(text).toMatch(/^accuracy on test data\s+model\.onnx\s+records$/m)
    expect(text).toMatch(/^accuracy, forget set\s+\d/m)
  })
})

describe('--quiet', () => {
  it('leaves nothing on stderr of a command that goes well', async () => {
    const { code, stderr } = await lethe(folder, ['evaluate', ...base, '-f', 'class=1', '--quiet'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

describe('without training data, the forget records alone', () => {
  const args = ['-m', 'model.onnx', '-i', 'store.safetensors', '-d', 'alone.npz', '-f', 'class=1']

  it('are forgotten, and the floor is told to be not checked', async () => {
    const { code, stdout, stderr } = await lethe(folder, ['forget', ...args, '-o', 'alone.onnx', '--json'])
    expect(code).toBe(0)
    expect(stderr).toContain('warning: no retained data and no --probe: the floor is not checked.\n')
    const result = JSON.parse(stdout) as Forgotten
    expect(result.plan).toMatchObject({ floor: 'not checked', forgetCount: 100, subject: 'class 1' })
    expect(result.after.forget!.accuracy.value).toBeLessThan(0.05)
  })

  it('have the floor checked on --probe data', async () => {
    const plan = await json('plan', ...args, '--probe', 'test.npz')
    expect(plan).toMatchObject({ floor: 'kept', forgetCount: 100 })
  })

  it('are the whole of the request where no class is named', async () => {
    const plan = await json('plan', ...args.slice(0, -2), '-f', 'all', '--test', 'test.npz')
    expect(plan).toMatchObject({ task: 'records', forgetCount: 100 })
  })
})
