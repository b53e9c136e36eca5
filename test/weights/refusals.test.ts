import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Graph } from '../../src/graph/graph.js'
import { writeSafetensors } from '../../src/safetensors/safetensors.js'
import { type Tensor, tensor, toNumbers } from '../../src/tensor/tensor.js'
import { exportWeights } from '../../src/weights/export-node.js'
import { f32 } from '../small-graphs.js'
import { copy, dictOf, halved, modelOf, takenBytes } from './dict.js'

type Tensors = Readonly<Record<string, Tensor>>

const all = (dims: readonly number[], value: number): Tensor => {
  const t = f32(dims)
  return tensor('float32', dims, new Float32Array(t.data.length).fill(value))
}
const times = (t: Tensor, factor: number): Tensor =>
  ({ ...t, data: Float32Array.from(toNumbers(t), (v) => v * factor) }) as Tensor

const fc = { 'fc.weight': f32([6, 5], 1), 'fc.bias': f32([6], 2) }
const conv: Tensors = { 'conv.weight': f32([4, 3, 3, 3], 3), 'bn.weight': all([4], 1), 'bn.running_var': all([4], 0.5) }
const folded: Tensors = { ...fc, 'conv.weight': times(conv['conv.weight']!, 0.7), 'conv.bias': f32([4], 4) }

interface Row {
  readonly what: string
  readonly dict: Tensors
  readonly forgotten: Tensors
  readonly original?: Tensors
  readonly says: RegExp
}

const rows: readonly Row[] = [
  {
    what: 'batch norm folded into a convolution of the same name',
    dict: { ...fc, ...conv },
    forgotten: folded,
    says: /^Initializers "conv\.weight" \[4,3,3,3\], "conv\.bias" \[4\] may have changed, .* batch norm was folded/,
  },
  {
    what: 'the same beside the model before forgetting: those that changed alone',
    dict: { ...fc, ...conv },
    forgotten: { ...folded, 'conv.weight': halved(folded['conv.weight']!) },
    original: folded,
    says: /^Initializer "conv\.weight" \[4,3,3,3\] changed, .* export again with batch norm kept \(optimize=False/,
  },
  {
    what: 'a vector that no tensor is like, which may have been a parameter',
    dict: fc,
    forgotten: { ...fc, scale: f32([3]) },
    says: /^Initializer "scale" \[3\] may have changed, .*; give the model before forgetting with --original/,
  },
  {
    what: 'the same, changed',
    dict: fc,
    forgotten: { ...fc, scale: all([1], 0.2) },
    original: { ...fc, scale: all([1], 0.5) },
    says: /^Initializer "scale" \[1\] changed, .*; export again without folding/,
  },
  {
    what: 'a part of a fused tensor that the state dict lacks',
    dict: { q: f32([4, 8], 1) },
    forgotten: {
      x: tensor('float32', [8, 8], Float32Array.from([...f32([4, 8], 1).data, ...f32([4, 8], 9).data].map(Number))),
    },
    says: /^Initializer "x" \[8,8\] may have changed/,
  },
  {
    what: 'weights that changed beyond recognition under another name',
    dict: { w: f32([6, 5]), v: f32([6, 5], 2) },
    forgotten: { x: halved(f32([6, 5]), 0, 2), v: f32([6, 5], 2) },
    says: /^Initializer "x" \[6,5\] may have changed, .* --original/,
  },
  {
    what: 'weights that are alike two tensors',
    dict: { a: f32([40], 1), b: halved(f32([40], 1), 5, 50) },
    forgotten: { x: halved(f32([40], 1), 7, 50) },
    says: /^Initializer "x" \[40\] may have changed, and could be several tensors .*--original/,
  },
  {
    what: 'a state dict of another model',
    dict: { w: f32([6, 5], 8), b: f32([6], 9) },
    forgotten: fc,
    says: /--like is of another model or training/,
  },
  {
    what: 'a state dict of another training, with the same names',
    dict: { 'fc.weight': f32([6, 5], 8), 'fc.bias': f32([6], 9) },
    forgotten: fc,
    says: /--like is of another model or training/,
  },
  {
    what: 'another model in place of that before forgetting',
    dict: fc,
    forgotten: fc,
    original: { 'fc.weight': f32([6, 5], 1) },
    says: /^Initializer "fc\.bias" of the forgotten model is not there: --original is another model/,
  },
  {
    what: 'one tensor that two initializers hold and change differently',
    dict: { table: f32([10, 4]) },
    forgotten: { table: halved(f32([10, 4]), 3, 50), x: halved(f32([10, 4]), 8, 50) },
    says: /^Tensor "table" is "table" and "x" in the model, which have changed differently/,
  },
]

describe('weights that cannot come back', () => {
  it.each(rows)('are refused: $what', ({ dict, forgotten, original, says }) => {
    const work = () => takenBytes(modelOf(forgotten), dictOf(dict), original && modelOf(original))
    expect(work).toThrow(expect.objectContaining({ code: 'weights-unmapped', message: expect.stringMatching(says) }))
  })

  it('leave no file, where the last tensor alone is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lethe-weights-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const like = join(folder, 'like.safetensors')
    writeFileSync(like, writeSafetensors(Object.entries({ a: f32([6, 5], 5), table: f32([10, 4]) })))
    const forgotten = modelOf({ a: f32([6, 5], 5), ...rows.at(-1)!.forgotten })
    await expect(exportWeights(forgotten, like, join(folder, 'out'))).rejects.toMatchObject({
      code: 'weights-unmapped',
    })
    expect(readdirSync(folder)).toEqual(['like.safetensors'])
  })
})

describe('weights that did not change', () => {
  it.each([
    ['folded ones', { ...fc, ...conv }, folded],
    ['constants', fc, { ...fc, scale: f32([3]) }],
  ])('need no place in the state dict: %s', (_, dict: Tensors, model: Tensors) => {
    const forgotten = { ...model, 'fc.weight': halved(fc['fc.weight']) }
    const taken = takenBytes(modelOf(forgotten), dictOf(dict), modelOf(model))
    expect(taken).toEqual(takenBytes(modelOf({}), dictOf({ ...dict, 'fc.weight': halved(fc['fc.weight']) })))
  })

  it('need none either where they are zeros, or a number without an axis', () => {
    const forgotten = modelOf({ ...fc, mask: all([4], 0), scale: all([], 0.125) })
    expect(takenBytes(forgotten, dictOf(fc))).toEqual(takenBytes(modelOf(fc), dictOf(fc)))
  })
})

describe('tensors of one value', () => {
  const ones = all([20], 1)
  const changed = halved(ones, 7, 10)
  const dict = { 'layer.2.norm.weight': ones, 'layer.10.norm.weight': ones, other: f32([3, 4]) }
  const taken = (graph: Graph, original?: Graph) => takenBytes(graph, dictOf(dict), original)
  const expected = (second: Tensor, tenth: Tensor) =>
    takenBytes(modelOf({}), dictOf({ 'layer.2.norm.weight': second, 'layer.10.norm.weight': tenth, other: dict.other }))

  it('merged by the exporter and written apart by Lethe go to the tensors of their names', () => {
    const original = modelOf({ other: dict.other, 'layer.2.norm.weight': ones }, [
      copy('layer.2.norm.weight', 'layer.10.norm.weight'),
    ])
    const apart = modelOf({ other: dict.other, 'layer.2.norm.weight': ones, 'layer.10.norm.weight': changed })
    for (const before of [undefined, original]) expect(taken(apart, before)).toEqual(expected(ones, changed))
  })

  it('whose copies have lost their names as well go where the nodes that use them say', () => {
    const use = (input: string, name: string) => ({ ...copy(input, ''), op: 'Mul', name, outputs: [`${name}:0`] })
    const third = { ...dict, 'layer.11.norm.weight': ones }
    const nodes = [
      copy('x', 'c'),
      use('x', '/layer.2/norm/Mul'),
      use('c', '/layer.10/norm/Mul'),
      use('y', '/layer.11/norm/Mul'),
    ]
    const forgotten = modelOf({ other: dict.other, y: ones, x: changed }, nodes)
    expect(takenBytes(forgotten, dictOf(third))).toEqual({
      ...expected(changed, changed),
      ...takenBytes(modelOf({}), dictOf({ 'layer.11.norm.weight': ones })),
    })
  })

  it('merged for good change together', () => {
    const merged = modelOf({ other: dict.other, 'layer.2.norm.weight': changed })
    expect(taken(merged)).toEqual(expected(changed, changed))
  })

  it('under lost names go where the node that uses them says, else in their order', () => {
    const lost = { other: dict.other, x: changed, y: ones }
    const use = (input: string, name: string) => ({ ...copy(input, ''), op: 'Mul', name, outputs: [`${name}:0`] })
    const told = modelOf(lost, [use('x', '/layer.10/norm/Mul'), use('y', '/layer.2/norm/Mul')])
    expect(taken(told)).toEqual(expected(ones, changed))
    expect(taken(modelOf(lost))).toEqual(expected(changed, ones))
  })
})

describe('names', () => {
  it('match with a prefix of modules in front of either', () => {
    const bare = { 'norm.weight': all([8], 1), 'head.norm.weight': all([8], 1), 'fc.weight': f32([6, 5]) }
    const prefixed = Object.fromEntries(Object.entries(bare).map(([name, t]) => [`model.vit.${name}`, t]))
    const changes = (t: Tensors, name: string): Tensors => ({ ...t, [name]: halved(t[name]!, 3, 50) })
    for (const [dict, model, name] of [
      [bare, prefixed, 'norm.weight'],
      [prefixed, bare, 'model.vit.norm.weight'],
    ] as const) {
      const inModel = Object.keys(model).find((n) => n.endsWith(name) || name.endsWith(`vit.${n}`))!
      expect(takenBytes(modelOf(changes(model, inModel)), dictOf(dict))).toEqual(
        takenBytes(modelOf({}), dictOf(changes(dict, name))),
      )
    }
  })

  it('are believed where most of a tensor has shrunk, and not where its numbers are others', () => {
    const forgotten = { ...fc, 'fc.weight': halved(fc['fc.weight'], 5, 1) }
    expect(takenBytes(modelOf(forgotten), dictOf(fc))).toEqual(takenBytes(modelOf({}), dictOf(forgotten)))
    const grown = { ...fc, 'fc.weight': times(forgotten['fc.weight'], 3) }
    expect(() => takenBytes(modelOf(grown), dictOf(fc))).toThrow(/"fc\.weight" \[6,5\] may have changed/)
  })
})
