import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readSafetensors, writeSafetensors } from '../../src/safetensors/safetensors.js'
import { f32 } from '../small-graphs.js'
import { folderOfFile, good, lethe } from './command.js'

const folder = folderOfFile()
const at = (name: string): string => join(folder, name)
const fixtures = join(import.meta.dirname, '../fixtures/weights')

beforeAll(() => {
  for (const name of ['mha.onnx', 'mha.forgotten.onnx', 'mha.safetensors']) copyFileSync(join(fixtures, name), at(name))
  writeFileSync(at('other.safetensors'), writeSafetensors([['w', f32([3, 4])]]))
  writeFileSync(at('noise.safetensors'), 'This is no state dict.')
  mkdirSync(at('taken'))
})

const command = ['export', 'weights', 'mha.forgotten.onnx', '--like', 'mha.safetensors']

const printed = z.object({
  model: z.string(),
  like: z.string(),
  original: z.string().optional(),
  output: z.string(),
  sha256: z.string().length(64),
  tensors: z.array(
    z.object({
      name: z.string(),
      dtype: z.string(),
      dims: z.array(z.number()),
      changed: z.number(),
      from: z.array(z.object({ initializer: z.string(), by: z.string(), isTransposed: z.boolean() })),
    }),
  ),
})

describe('lethe export weights', () => {
  it('prints each tensor with where it is from, how that was found and how much changed', async () => {
    const text = await good(folder, [...command, '-o', 'out.safetensors', '--quiet'])
    expect(text).toMatchInlineSnapshot(`
      "tensor                                          from         matched by  changed
      ─────────────────────────  ─────────────────────────  ─────────────────  ───────  ──────
      attention.in_proj_bias        attention.in_proj_bias               name        1   of 24
      attention.in_proj_weight            onnx::MatMul_180  value, transposed        4  of 192
      attention.out_proj.bias      attention.out_proj.bias               name        1    of 8
      attention.out_proj.weight  attention.out_proj.weight               name        2   of 64
      embed.bias                                embed.bias               name        1    of 8
      embed.weight                        onnx::MatMul_179  value, transposed        1   of 48
      head.bias                                  head.bias               name        0    of 5
      head.weight                              head.weight               name        1   of 40
      norm.bias                                  norm.bias               name        1    of 8
      norm.weight                              norm.weight               name        1    of 8

      out.safetensors: 13 elements changed in 9 of 10 tensors; 0 copied that no initializer holds
      "
    `)
  })

  it('writes a file like the given one, and says the same as JSON, also beside the model before forgetting', async () => {
    const [, ...made] = await Promise.all(
      [[], ['--original', 'mha.onnx']].map(async (original, i) => {
        const text = await good(folder, [...command, '-o', `json-${i}`, '--json', ...original])
        return printed.parse(JSON.parse(text))
      }),
    )
    const [told] = made
    expect(told!.tensors.find(({ name }) => name === 'attention.in_proj_weight')).toEqual({
      name: 'attention.in_proj_weight',
      dtype: 'float32',
      dims: [24, 8],
      changed: 4,
      from: [{ initializer: 'onnx::MatMul_180', by: 'value', isTransposed: true }],
    })
    expect(readFileSync(at('json-1'))).toEqual(readFileSync(at('json-0')))
    const [old, out] = ['mha.safetensors', 'json-1'].map((name) => readFileSync(at(name)))
    expect(out!.length).toBe(old!.length)
    expect([...readSafetensors(out!).tensors.keys()]).toEqual([...readSafetensors(old!).tensors.keys()])
  })

  it.each([
    [
      'another thing than weights',
      ['export', 'graph', 'mha.onnx', '--like', 'x', '-o', 'no'],
      2,
      /^lethe: usage: "graph"/,
    ],
    ['no state dict', ['export', 'weights', 'mha.onnx', '-o', 'no'], 2, /^lethe: usage: --like is missing/],
    ['no output', command, 2, /^lethe: usage: -o is missing/],
    ['an output that is read', [...command, '-o', './mha.safetensors'], 2, /would replace "mha\.safetensors"/],
    ['a folder as output', [...command, '-o', 'taken'], 1, /^lethe: unwritable: /],
    [
      'no such model',
      ['export', 'weights', 'a.onnx', '--like', 'mha.safetensors', '-o', 'no'],
      1,
      /^lethe: not-found: /,
    ],
    ['no such state dict', ['export', 'weights', 'mha.onnx', '--like', 'a', '-o', 'no'], 1, /^lethe: not-found: /],
    [
      'a folder as state dict',
      ['export', 'weights', 'mha.onnx', '--like', 'taken', '-o', 'no'],
      1,
      /^lethe: unreadable: /,
    ],
    [
      'no state dict in the file',
      ['export', 'weights', 'mha.onnx', '--like', 'noise.safetensors', '-o', 'no'],
      1,
      /^lethe: data-format: The safetensors file /,
    ],
    [
      'the state dict of another model',
      ['export', 'weights', 'mha.forgotten.onnx', '--like', 'other.safetensors', '-o', 'no'],
      1,
      /^lethe: weights-unmapped: .* --like is of another model/,
    ],
  ])('refuses %s, and writes nothing', async (_, args, exit, says) => {
    const { code, stdout, stderr } = await lethe(folder, [...args, '-q'])
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
    expect(stderr.trimEnd()).toMatch(says)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(existsSync(at('no'))).toBe(false)
  })
})
