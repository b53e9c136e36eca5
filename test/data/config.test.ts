import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/data/config-node.js'
import { newFolder } from '../files/folder.js'

function write(content: unknown): string {
  const path = join(newFolder(), 'lethe.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

describe('lethe.json', () => {
  it('has paths relative to itself, absolute once read', async () => {
    const path = write({ model: 'm.onnx', data: '../d', test: '/t', format: 'cifar', split: 'all', output: 'logits' })
    const folder = join(path, '..')
    expect(await readConfig(path)).toEqual({
      model: join(folder, 'm.onnx'),
      data: join(folder, '../d'),
      test: '/t',
      format: 'cifar',
      split: 'all',
      output: 'logits',
    })
  })

  it('tells how texts and tables are read', async () => {
    const records = {
      columns: {
        label: 'income',
        labelNames: ['low', 'high'],
        features: ['age', 'colour'],
        categories: { colour: ['red', 'blue'], size: { values: ['S', 'L'], as: 'code' } },
        fill: { age: 0, colour: 'red' },
        standardise: { age: { mean: 3, std: 2 } },
      },
      inputs: { numbers: ['age', 'colour'], years: 'age' },
      maxLength: 64,
    }
    const path = write({ ...records, tokenizer: 'hub/tokenizer.json' })
    expect(await readConfig(path)).toEqual({ ...records, tokenizer: join(path, '../hub/tokenizer.json') })
  })

  it('holds the preprocessing, or names a preprocessor_config.json', async () => {
    const preprocessing = { resize: { shortestEdge: 40 }, crop: { width: 32, height: 32 }, mean: 0.5, std: [1, 2, 3] }
    expect(await readConfig(write({ preprocessing }))).toEqual({ preprocessing })
    const path = write({ preprocessing: 'hub/preprocessor_config.json' })
    mkdirSync(join(path, '../hub'))
    writeFileSync(
      join(path, '../hub/preprocessor_config.json'),
      JSON.stringify({ size: 32, image_mean: [0.1, 0.2, 0.3] }),
    )
    expect((await readConfig(path)).preprocessing).toMatchObject({
      resize: { width: 32, height: 32 },
      mean: [0.1, 0.2, 0.3],
    })
  })

  it.each([
    { content: '{', field: undefined, says: /is not JSON/ },
    { content: [], field: '', says: /lethe.json": the file: / },
    { content: { modell: 'x' }, field: 'modell', says: /unrecognized key/ },
    { content: { model: 3 }, field: 'model', says: /expected string/ },
    { content: { split: 'val' }, field: 'split', says: /train/ },
    { content: { preprocessing: { crop: { width: 0, height: 1 } } }, field: 'preprocessing.crop.width', says: />0/ },
    { content: { preprocessing: { resize: { width: 2 } } }, field: 'preprocessing.resize.height', says: /expected/ },
    { content: { preprocessing: { means: [1] } }, field: 'preprocessing.means', says: /unrecognized/ },
    { content: { preprocessing: { mean: [1], std: [1, 2] } }, field: 'preprocessing.std', says: /as many numbers/ },
    { content: { preprocessing: { std: [1, 0, 1] } }, field: 'preprocessing.std.1', says: />0/ },
    { content: { inputs: { image: 1 } }, field: 'inputs.image', says: /expected string/ },
    { content: { maxLength: 0 }, field: 'maxLength', says: />0/ },
    { content: { columns: { lable: 'x' } }, field: 'columns.lable', says: /unrecognized/ },
    { content: { columns: { labelNames: ['a', 'a'] } }, field: 'columns.labelNames', says: /there once/ },
    {
      content: { columns: { standardise: { a: { mean: 0, std: 0 } } } },
      field: 'columns.standardise.a.std',
      says: />0/,
    },
    {
      content: { columns: { categories: { a: { values: ['x'] } } } },
      field: 'columns.categories.a.as',
      says: /one-hot/,
    },
  ])('refuses $content, naming the field', async ({ content, field, says }) => {
    const error = await readConfig(write(content)).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'config-invalid', message: expect.stringMatching(says) })
    if (field !== undefined) expect(error).toMatchObject({ data: { field } })
  })

  it('must exist', async () => {
    await expect(readConfig(join(newFolder(), 'lethe.json'))).rejects.toMatchObject({ code: 'not-found' })
  })
})
