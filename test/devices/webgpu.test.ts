import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeGraph } from '../../src/onnx/model.js'
import { clusters, type Ended, folderOfFile, labels, lethe, writeNpz } from '../cli/command.js'
import { f32, mlpGraph } from '../small-graphs.js'
import { distance, largerThan, row, sums, weights } from '../web/compare.js'
import { swiftShader, withoutSwiftShader } from './swiftshader.js'

/** Kernels of WebGPU add in another order and take approximate square roots and exponentials. */
const tolerance = 1e-4
/** SwiftShader compiles every kernel of a gradient graph on the processor. */
const timeoutMs = 300_000

if (!swiftShader) console.log(`test/devices/webgpu.test.ts is skipped: ${withoutSwiftShader}`)

// All work is done by the built command in a process of its own: where a driver takes it along, a test fails and not the runner.
describe.skipIf(!swiftShader)('WebGPU in Node', () => {
  const folder = folderOfFile()
  const onCard = (args: readonly string[]): Promise<Ended> => lethe(folder, args, undefined, swiftShader)
  const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)))

  /** Arguments for a fixture model on fixed records. */
  function fixture(name: string, size: number): string[] {
    const { dims, classes } = row(name, size).shape
    const y = labels(Array.from({ length: size }, (_, i) => i % classes))
    const x = f32([size, ...dims], 7).data
    writeNpz(join(folder, `${name}.npz`), { x: ['<f4', [size, ...dims], x], y })
    return ['-m', join(import.meta.dirname, '../fixtures/models', name), '-d', `${name}.npz`]
  }

  it.each([
    { model: 'lenet.torchscript.onnx', way: ['--estimator', 'exact'] },
    { model: 'lenet.torchscript.onnx', way: ['--estimator', 'grouped', '--group-size', '4'] },
    { model: 'vit.torchscript.onnx', way: ['--estimator', 'exact'] },
    { model: 'vit.torchscript.onnx', way: ['--estimator', 'grouped', '--group-size', '4'] },
  ])(
    'has the importances of the CPU to 1e-4 of each tensor: $model $way',
    { timeout: timeoutMs },
    async ({ model, way }) => {
      const args = ['importance', ...fixture(model, 12), ...way]
      expect(await lethe(folder, [...args, '-o', 'cpu.store'])).toMatchObject({ code: 0 })
      expect(await onCard([...args, '-o', 'card.store', '--device', 'webgpu'])).toMatchObject({ code: 0 })
      const [there, here] = [sums(file('card.store')), sums(file('cpu.store'))]
      const most = Math.max(...[...here.values()].flat())
      // Key biases of attention have no gradient in truth: what is there is the rounding of each device.
      for (const [name, sum] of here) if (Math.max(...sum) < 1e-8 * most) [here, there].map((all) => all.delete(name))
      expect(distance(there, here)).toBeLessThan(tolerance)
    },
  )

  it('forgets as the CPU does, with the store of another device, and says which device did', {
    timeout: timeoutMs,
  }, async () => {
    writeFileSync(join(folder, 'mlp.onnx'), writeGraph(mlpGraph()))
    writeNpz(join(folder, 'data.npz'), clusters(40, 4, 1))
    writeNpz(join(folder, 'test.npz'), clusters(24, 4, 2))
    const base = ['-m', 'mlp.onnx', '-d', 'data.npz']
    expect(await lethe(folder, ['importance', ...base, '-o', 's.store'])).toMatchObject({ code: 0 })
    const forget = ['forget', ...base, '-i', 's.store', '--test', 'test.npz', '-f', 'class=0', '--alpha', '1']
    expect(await lethe(folder, [...forget, '-o', 'cpu.onnx'])).toMatchObject({ code: 0 })
    expect(await onCard([...forget, '-o', 'card.onnx', '--device', 'webgpu'])).toMatchObject({ code: 0 })
    const differs = distance(
      weights(file('card.onnx')),
      weights(file('cpu.onnx')),
      largerThan(sums(file('s.store')), 1e-7),
    )
    expect(differs).toBeLessThan(tolerance)
    const record = JSON.parse(readFileSync(join(folder, 'card.onnx.json'), 'utf8'))
    expect(Object.keys(record.software)).toContain('onnxruntime-node (webgpu)')
  })

  it('refuses a model whose gradients it gets wrong: a kernel for grouped convolutions of the runtime', {
    timeout: timeoutMs,
  }, async () => {
    const { code, stderr } = await onCard([
      'importance',
      ...fixture('cnn.torchscript.onnx', 8),
      ...['-o', 'wrong.store', '--device', 'webgpu'],
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^lethe: device-wrong: WebGPU gives wrong gradients for this model here: importances of ".+" are off by .* Work on the CPU: leave the device out\.$/m,
    )
  })
})
