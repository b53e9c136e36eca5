import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { readStore, type Store } from '../../src/importance/store.js'
import { writeGraph } from '../../src/onnx/model.js'
import { mlpGraph, numbers } from '../small-graphs.js'
import { clusters, convGraph, folderOfFile, good, lethe, writeNpz } from './command.js'

const folder = folderOfFile()
const at = (name: string): string => join(folder, name)
const kinds = ['ball', 'cup', 'kite', 'rocket']

/** Pictures of four kinds, in folders of their names; record n of a kind shows person p<n mod 3>. */
async function writePictures(name: string, each: number): Promise<string[]> {
  const ids: string[] = []
  for (const [k, kind] of kinds.entries()) {
    mkdirSync(at(join(name, kind)), { recursive: true })
    for (let n = 0; n < each; n++) {
      const pixels = Uint8Array.from(numbers(8 * 8 * 3, 10 * k + n + 1), (v) => 60 * k + 40 + v * 30)
      const id = `${kind}/${n}.png`
      await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
        .png()
        .toFile(at(join(name, id)))
      ids.push(id)
    }
  }
  return ids
}

async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse(await good(folder, [...args, '--json'])) as T
}
const storeOf = (name: string): Store => readStore(new Uint8Array(readFileSync(at(name))))

const config = ['--config', 'pictures.json']
const request = [...config, '-i', 'pictures.safetensors']

beforeAll(async () => {
  writeFileSync(at('conv.onnx'), writeGraph(convGraph()))
  writeFileSync(at('mlp.onnx'), writeGraph(mlpGraph()))
  const ids = await writePictures('train', 6)
  await writePictures('test', 3)
  // Rows of the training data alone would be enough; those of the test data are its first three of each kind, by the same ids.
  const people = ids.map((id, i) => `${id},p${i % 3}`)
  writeFileSync(at('people.csv'), `id,person\n${people.join('\n')}\n`)
  writeFileSync(at('two.csv'), `id,person\n${people.map((row) => row.replace('p2', 'p1')).join('\n')}\n`)
  const settings = { model: 'conv.onnx', data: 'train', attributes: 'people.csv' }
  writeFileSync(at('pictures.json'), JSON.stringify(settings))
  await good(folder, ['importance', ...config, '-o', 'pictures.safetensors'])

  const { x, y } = clusters(40, 4, 1)
  writeNpz(at('named.npz'), { features: x, y })
  writeFileSync(at('named.json'), JSON.stringify({ model: 'mlp.onnx', data: 'named.npz', inputs: { x: 'features' } }))
})

describe('attributes of a CSV', () => {
  it('of lethe.json name a person of a folder of pictures', async () => {
    const plan = await json('plan', ...request, '-f', 'person=p1')
    expect(plan).toMatchObject({ task: 'attribute', subject: 'person p1', forgetCount: 8, ratio: 3 })
  })

  it('of --attributes take the place of those of lethe.json', async () => {
    const plan = await json('plan', ...request, '--attributes', 'two.csv', '-f', 'person=p1')
    expect(plan).toMatchObject({ forgetCount: 16 })
  })

  it('may be of the training data alone: test data has no such people then', async () => {
    writeNpz(at('apart.npz'), {
      x: ['|u1', [8, 8, 8, 3], Uint8Array.from(numbers(8 * 192, 5), (v) => 128 + 100 * v)],
      y: ['<i4', [8], Int32Array.from({ length: 8 }, (_, i) => i % 4)],
    })
    const plan = await json('plan', ...request, '--test', 'apart.npz', '-f', 'person=p1')
    expect(plan).toMatchObject({ forgetCount: 8 })
    const { models } = await json<{ models: { facts: Record<string, unknown> }[] }>(
      ...['evaluate', ...config, '--test', 'apart.npz', '-f', 'person=p1'],
    )
    expect(Object.keys(models[0]!.facts).sort()).toEqual(['forget', 'retain', 'test'])
  })
})

describe('a selector', () => {
  it('names a class as the data does', async () => {
    const plan = await json('plan', ...request, '-f', 'class=rocket')
    expect(plan).toMatchObject({ task: 'class', subject: 'class rocket', forgetCount: 6 })
  })

  it.each([
    ['class=rokcet', '"train" has no class "rokcet"; it has ball, cup, kite, rocket. Did you mean "rocket"?'],
    ['person=p9', '"train" has no record with person "p9"; there are p0, p1, p2.'],
    ['persn=p1', '"train" has no attribute "persn"; it has person. Did you mean "person"?'],
    ['clas=cup', '"train" has no attribute "clas"; it has person. Did you mean "class"?'],
  ])('%s is told what there is, and what it is near to', async (text, says) => {
    const { code, stderr } = await lethe(folder, ['plan', ...request, '-f', text])
    expect({ code, stderr }).toEqual({ code: 1, stderr: `lethe: attribute-unknown: ${says}\n` })
  })
})

describe('an array of another name', () => {
  it('fills the input that lethe.json names it for', async () => {
    await good(folder, ['importance', '--config', 'named.json', '-o', 'named.safetensors'])
    const { x, y } = clusters(40, 4, 1)
    writeNpz(at('plain.npz'), { x, y })
    await good(folder, ['importance', '-m', 'mlp.onnx', '-d', 'plain.npz', '-o', 'plain.safetensors'])
    expect(storeOf('named.safetensors').importance.sums).toEqual(storeOf('plain.safetensors').importance.sums)
  })

  it('is known to the store, so that a request needs no lethe.json', async () => {
    const plan = ['plan', '-m', 'mlp.onnx', '-d', 'named.npz', '-i', 'named.safetensors', '-f', 'class=1']
    expect(await json(...plan)).toMatchObject({ task: 'class', forgetCount: 10 })
    const other = ['plan', '-m', 'mlp.onnx', '-d', 'named.npz', '-i', 'plain.safetensors', '-f', 'class=1']
    expect((await lethe(folder, other)).stderr).toMatch(/^lethe: data-format: .* no tensor for model input "x"/m)
  })

  it('must be in the data, and its input in the model', async () => {
    const refused = async (inputs: Record<string, string>): Promise<string> => {
      writeFileSync(at('wrong.json'), JSON.stringify({ model: 'mlp.onnx', data: 'named.npz', inputs }))
      return (await lethe(folder, ['importance', '--config', 'wrong.json', '-o', 'wrong.safetensors'])).stderr
    }
    expect(await refused({ x: 'feature' })).toMatch(/^lethe: data-format: Record "0" has no tensor for model input "x"/)
    expect(await refused({ y: 'features' })).toBe(
      'lethe: config-invalid: "inputs" names an array for "y", but the model\'s inputs are x.\n',
    )
  })
})

describe('--group-by', () => {
  const grouped = [...config, '--estimator', 'grouped', '--group-size', '4']
  const importance = async (name: string, ...more: string[]): Promise<Store> => {
    await good(folder, ['importance', ...grouped, ...more, '-o', name])
    return storeOf(name)
  }

  it('forms groups within each person: the sums of one and of the others are those of all', async () => {
    const all = await importance('grouped.safetensors', '--group-by', 'person')
    expect(all.importance.settings).toEqual({ estimator: 'grouped', groupSize: 4, groupBy: 'person' })
    const one = await importance('one.safetensors', '--group-by', 'person', '--where', 'person=p1')
    const others = await importance('others.safetensors', '--group-by', 'person', '--where', '!person=p1')
    for (const [name, sums] of all.importance.sums) {
      const most = Math.max(...sums)
      // Batches of other sizes add the same float32 gradients in another order.
      sums.forEach((sum, i) => {
        const parts = one.importance.sums.get(name)![i]! + others.importance.sums.get(name)![i]!
        expect(Math.abs(parts - sum)).toBeLessThan(1e-5 * most)
      })
    }
    const mixed = await importance('mixed.safetensors')
    expect(mixed.importance.sums).not.toEqual(all.importance.sums)
  })

  it('is kept by plan and forget, so that the person is a part of the whole', async () => {
    await importance('kept.safetensors', '--group-by', 'person')
    const base = [...config, '-i', 'kept.safetensors', '-f', 'person=p1', '--share', '0.5']
    const { record } = await json<{ record: string }>('forget', ...base, '-o', 'kept.onnx')
    expect(JSON.parse(readFileSync(at(record), 'utf8'))).toMatchObject({
      settings: { estimator: { estimator: 'grouped', groupSize: 4, groupBy: 'person' } },
    })
    writeFileSync(at('bare.json'), JSON.stringify({ data: 'train' }))
    const bare = ['--config', 'bare.json', '-m', 'conv.onnx', '-i', 'kept.safetensors', '-f', 'class=cup']
    expect((await lethe(folder, ['plan', ...bare])).stderr).toBe(
      'lethe: attribute-unknown: "train" has no attribute "person"; it has none beside the class.\n',
    )
  })
})
