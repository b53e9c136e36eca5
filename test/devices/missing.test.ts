import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createDevicePool, createPool, devices } from '../../src/engine/node/pool.js'
import { writeGraph } from '../../src/onnx/model.js'
import { clusters, folderOfFile, lethe, writeNpz } from '../cli/command.js'
import { mlpGraph } from '../small-graphs.js'

const cuda = join(
  import.meta.dirname,
  `../../node_modules/onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime_providers_cuda.so`,
)
const hasCuda = existsSync(cuda)
if (hasCuda) console.log('test/devices/missing.test.ts: the row of CUDA is skipped, its libraries are here')

describe('a device that is not there', () => {
  const folder = folderOfFile()
  writeFileSync(join(folder, 'mlp.onnx'), writeGraph(mlpGraph()))
  writeNpz(join(folder, 'data.npz'), clusters(12, 4, 1))
  const args = ['importance', '-m', 'mlp.onnx', '-d', 'data.npz', '-o', 'out.store']
  const isLinux = process.platform === 'linux' && process.arch === 'x64'

  it.skipIf(hasCuda || !isLinux)(
    'is refused in one line that names what is missing and what to install: CUDA',
    async () => {
      const { code, stdout, stderr } = await lethe(folder, [...args, '--device', 'cuda'])
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/^lethe: device-missing: CUDA cannot be used here: [^\n]+ Or leave --device out [^\n]+\n$/)
      expect(stderr).toContain(
        'onnxruntime-node lacks libonnxruntime_providers_shared.so and libonnxruntime_providers_cuda.so',
      )
      expect(existsSync(join(folder, 'out.store'))).toBe(false)
    },
  )

  it.skipIf(!isLinux)('is refused with what to install: WebGPU without a driver', async () => {
    const none = { ...process.env, VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' }
    const { code, stderr } = await lethe(folder, [...args, '--device', 'webgpu'], undefined, none)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^lethe: device-missing: WebGPU cannot be used here: .+(install|apt-get).+$/m)
    expect(existsSync(join(folder, 'out.store'))).toBe(false)
  })

  it('is refused by name where no device is called so', async () => {
    const { code, stderr } = await lethe(folder, [...args, '--device', 'tpu'])
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^lethe: usage: .*Expected cpu or webgpu or cuda/)])
  })
})

describe('a pool on a device', () => {
  it('is the pool of threads on the CPU, whose name no store has to change', async () => {
    const [pool, plain] = [await createDevicePool({ device: 'cpu', workers: 2 }), createPool({ workers: 2 })]
    expect([pool.workers, pool.engine]).toEqual([2, plain.engine])
    await Promise.all([pool.close(), plain.close()])
    expect(devices[0]).toBe('cpu')
  })

  it('takes one worker on WebGPU', async () => {
    await expect(createDevicePool({ device: 'webgpu', workers: 2 })).rejects.toMatchObject({ code: 'usage' })
  })
})
