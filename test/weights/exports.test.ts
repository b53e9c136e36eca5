import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readModel } from '../../src/onnx/model.js'
import { readSafetensors } from '../../src/safetensors/safetensors.js'
import { isFloat, numberAt, toBytes } from '../../src/tensor/tensor.js'
import { type Exported, exportWeights } from '../../src/weights/export-node.js'
import { describePlace } from '../../src/weights/place.js'
import { halved } from './dict.js'

const at = (name: string): string => `${import.meta.dirname}/../fixtures/weights/${name}`
const graph = (name: string) => readModel(readFileSync(at(name))).graph
const folder = mkdtempSync(join(tmpdir(), 'lethe-weights-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** PyTorch exported the network before and after it halved elements 7, 60, 113 … of each parameter of the state dict. */
const exports = [
  // Running statistics and num_batches_tracked are no parameters.
  {
    name: 'cnn',
    forgotten: 'cnn.forgotten',
    form: 'convolutions with batch norm kept',
    buffers: /running_|num_batches/,
    matched: { name: 12 },
  },
  // The optimiser transposed the linear layers, renamed them, and merged two equal norms without a trace.
  {
    name: 'fused',
    forgotten: 'fused.forgotten',
    form: 'fused qkv in bfloat16',
    matched: { name: 23, 'value, transposed': 8, merged: 1 },
  },
  {
    name: 'renamed',
    forgotten: 'renamed.forgotten',
    form: 'linear layers as onnx::MatMul_…',
    matched: { name: 28, 'value, transposed': 12 },
  },
  {
    name: 'mha',
    forgotten: 'mha.forgotten',
    form: 'in_proj of nn.MultiheadAttention',
    matched: { name: 8, 'value, transposed': 2 },
  },
  {
    name: 'bert',
    forgotten: 'bert.forgotten',
    form: 'BERT of transformers, in float16',
    matched: { name: 19, 'value, transposed': 6 },
  },
]

describe.each(exports)('the forgotten weights of $name ($form)', ({ name, forgotten, buffers, matched }) => {
  it.each([
    ['alone', undefined],
    ['beside the model before forgetting', `${name}.onnx`],
  ])('come back to the state dict bit by bit, %s', async (_, original) => {
    const out = join(folder, `${name}.out`)
    const like = readSafetensors(readFileSync(at(`${name}.safetensors`)))
    const { tensors } = await exportWeights(graph(`${forgotten}.onnx`), at(`${name}.safetensors`), out, {
      original: original === undefined ? undefined : graph(original),
    })
    const made = readSafetensors(readFileSync(out))
    expect([...made.tensors.keys()]).toEqual([...like.tensors.keys()])
    expect(made.metadata).toEqual({ format: 'pt' })
    for (const [tensor, old] of like.tensors) {
      const expected = isFloat(old.dtype) && !buffers?.test(tensor) ? halved(old) : old
      expect({ tensor, bytes: toBytes(made.tensors.get(tensor)!.data) }).toEqual({
        tensor,
        bytes: toBytes(expected.data),
      })
    }
    expect(waysOf(tensors)).toEqual(matched)
  })
})

/** How many tensors were matched in each way. */
function waysOf(tensors: readonly Exported[]): Record<string, number> {
  const ways: Record<string, number> = {}
  for (const { by, place } of tensors.flatMap(({ matches }) => matches)) {
    const way = [by, describePlace(place)].filter(Boolean).join(', ')
    ways[way] = (ways[way] ?? 0) + 1
  }
  return ways
}

describe('the fixtures', () => {
  it('hold models whose weights did change, under names that the state dict lacks', () => {
    for (const { name, forgotten } of exports) {
      const [before, after] = [graph(`${name}.onnx`), graph(`${forgotten}.onnx`)]
      const like = readSafetensors(readFileSync(at(`${name}.safetensors`)))
      const moved = [...after.initializers].filter(([n, t]) => {
        const old = before.initializers.get(n)!
        return t.data.some((_, i) => numberAt(t, i) !== numberAt(old, i))
      })
      expect(moved.length).toBeGreaterThan(6)
      const foreign = moved.filter(([n]) => !like.tensors.has(n))
      expect(foreign.length > 0).toBe(name !== 'cnn')
    }
  })
})
