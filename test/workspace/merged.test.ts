import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { openForward } from '../../src/network/forward.js'
import { openNetwork } from '../../src/network/network.js'
import { randomExamples } from '../../src/network/random-examples.js'
import { readModel } from '../../src/onnx/model.js'
import { loadModel, modelBytes, openModelNetwork } from '../../src/workspace/model-node.js'

const pool = createPool({ workers: 1 })
afterAll(() => pool.close())

const forms = ['merged.torchscript', 'merged.dynamo', 'merged.dynamo-optimized']
const choices = [
  ['every parameter', () => true],
  // bn2.bias is a copy of bn1.bias in the TorchScript form: changing either must leave the other alone.
  ['the merged one alone', (name: string) => name === 'bn1.bias'],
  ['a copy of it alone', (name: string) => name === 'bn2.bias'],
] as const

describe('the file of a changed model computes what the changed network computes', () => {
  it.each(forms.flatMap((form) => choices.map(([what, takes]) => [form, what, takes] as const)))(
    '%s, %s',
    async (form, _, takes) => {
      const file = await loadModel(join(import.meta.dirname, `../fixtures/models/${form}.onnx`))
      const network = await openModelNetwork(file, pool, {})
      const values = (name: string): Float32Array => network.graph.initializers.get(name)!.data as Float32Array
      const all = new Map(network.parameters.map(({ name }) => [name, values(name)]))
      const changed = new Map(
        [...all].filter(([name]) => takes(name)).map(([name, v]) => [name, v.map((w, i) => 0.9 * w + 0.02 * (i + 1))]),
      )
      const written = await openNetwork(readModel(modelBytes(file, changed)).graph, engineOf(pool))
      const held = await openForward(network, pool, { varying: new Set(all.keys()) })
      await held.hold(new Map([...all, ...changed]))
      const plain = await openForward(written, pool)
      const examples = randomExamples(network, 4)
      const [expected, got] = [(await held.run(examples)).logits, (await plain.run(examples)).logits]
      expect(Math.max(...got.map((v, i) => Math.abs(v - expected[i]!)))).toBeLessThan(1e-5)
      await Promise.all([held.release(), plain.release()])
    },
  )
})
