import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { readStore } from '../../src/importance/store.js'
import { clusters, floats, folderOfFile, good, labels, lethe, writeNpz } from './command.js'

const folder = folderOfFile()
const base = ['-m', 'model.onnx', '-d', 'train.npz']
const storeOf = (name: string) => readStore(new Uint8Array(readFileSync(join(folder, name))))

interface Forgotten {
  readonly plan: { readonly ratio: number }
  readonly before: { readonly retain: { readonly accuracy: { readonly value: number } } }
  readonly after: Readonly<Record<'forget' | 'retain', { readonly accuracy: { readonly value: number } }>>
}
const forget = async (store: string, ...more: string[]): Promise<Forgotten> => {
  const args = ['forget', ...base, '-i', store, '--test', 'test.npz', '-f', 'class=2', '-o', `${store}.onnx`, '--json']
  return JSON.parse(await good(folder, [...args, ...more])) as Forgotten
}

beforeAll(async () => {
  writeNpz(join(folder, 'train.npz'), clusters(1200, 4, 1))
  writeNpz(join(folder, 'test.npz'), clusters(200, 4, 2))
  await good(folder, ['train', '--arch', 'mlp', '-d', 'train.npz', '-o', 'model.onnx', '--epochs', '8'])
  await good(folder, ['importance', ...base, '-o', 'all'])
})

describe('importances of a sample', () => {
  it('--examples N: a store that says what it is a sample of, and forgets as one of all data does', async () => {
    const text = await good(folder, ['importance', ...base, '-o', 'some', '--examples', '400'])
    expect(text).toMatch(/^some {2}400 of 1,200 examples, /)
    const { importance, population } = storeOf('some')
    expect(importance.population).toEqual({ count: 1200, classCounts: [300, 300, 300, 300] })
    expect([importance.classCounts, population!.length]).toEqual([[100, 100, 100, 100], 1200])
    const [part, whole] = [await forget('some'), await forget('all')]
    expect([part.plan.ratio, whole.plan.ratio]).toEqual([4, 4])
    for (const { after } of [part, whole]) {
      expect(after.forget.accuracy.value).toBeLessThan(0.02)
      expect(after.retain.accuracy.value).toBeGreaterThan(0.98)
    }
  })

  it('--examples auto: stops where two halves decide alike, and tells how many that took', async () => {
    // Records of a class hardly differ: a few of them tell what all do.
    const { x, y } = clusters(1200, 4, 5)
    const near = x[2].map((v, i) => (i % 6 === Math.floor(i / 6) % 4 ? 2 : 0) + 0.01 * v)
    writeNpz(join(folder, 'near.npz'), { x: floats(1200, 6, near), y })
    await good(folder, ['train', '--arch', 'mlp', '-d', 'near.npz', '-o', 'near.onnx', '--epochs', '8'])
    const args = ['importance', '-m', 'near.onnx', '-d', 'near.npz', '-o', 'auto', '--examples', 'auto']
    const { code, stdout, stderr } = await lethe(folder, args)
    expect(code).toBe(0)
    const { population, count } = storeOf('auto').importance
    expect(count).toBeLessThan(600)
    expect(population!.stages!.at(-1)!.answers).toBeGreaterThanOrEqual(0.99)
    expect(stdout).toMatch(new RegExp(`^auto {2}${count} of 1,200 examples`))
    expect(stderr).toMatch(
      new RegExp(`^two halves of ${count} examples select alike for .*, and answer alike for .*$`, 'm'),
    )
  })

  it('--examples auto: takes all of the data where the halves never do', async () => {
    // Labels without any relation to the records: what a class has in common is chance.
    const { x } = clusters(600, 4, 7)
    const y = Array.from({ length: 600 }, (_, i) => Math.floor(4 * Math.abs(Math.sin(9301 * i + 49297))) % 4)
    writeNpz(join(folder, 'chance.npz'), { x, y: labels(y) })
    const args = ['importance', '-m', 'model.onnx', '-d', 'chance.npz', '-o', 'every', '--examples', 'auto']
    const { stdout, stderr } = await lethe(folder, [...args, '--estimator', 'grouped', '--group-size', '4'])
    expect(stdout).toMatch(/^every {2}600 examples/)
    expect(stderr).toMatch(/select alike for \d\d\.\d\d % of the weights/m)
    expect(storeOf('every').population).toBe(undefined)
  })

  it('records that the sample did not look at can be forgotten, others cannot', async () => {
    const text = await good(folder, ['plan', ...base, '-i', 'some', '-f', 'random=20', '--share', '0.3'])
    expect(text).toMatch(/20 records/)
    const other = ['plan', '-m', 'model.onnx', '-d', 'test.npz', '-i', 'some', '-f', 'random=5', '--share', '0.3']
    writeNpz(join(folder, 'more.npz'), clusters(1300, 4, 3))
    other[4] = 'more.npz'
    const { code, stderr } = await lethe(folder, [...other, '-f', 'class=1'])
    expect([code, stderr.trim().split('\n').at(-1)]).toEqual([1, expect.stringMatching(/^lethe: forget-unseen: /)])
  })

  it.each([
    [['--examples', 'many'], 2, /--examples is a whole number from 1, or auto; got "many"/],
    [['--examples', '0'], 2, /--examples is a whole number/],
    [['--examples', '100', '--estimator', 'batch-mean'], 2, /batch-mean depends on the order of all data/],
  ])('%s is wrong use', async (flags, expected, message) => {
    const { code, stderr } = await lethe(folder, ['importance', ...base, '-o', 'none', ...flags])
    expect([code, stderr.trim().split('\n').at(-1)]).toEqual([expected, expect.stringMatching(message)])
  })
})
