import { afterAll, describe, expect, it } from 'vitest'
import { uniforms } from '../../src/data/random.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import { openForward } from '../../src/network/forward.js'
import { openNetwork } from '../../src/network/network.js'
import { sizeOf, tensor } from '../../src/tensor/tensor.js'
import { architectures, findArchitecture } from '../../src/train/architectures/index.js'
import { train } from '../../src/train/train.js'
import { numbers } from '../small-graphs.js'

const pool = createPool({ workers: 2 })
afterAll(() => pool.close())

interface Row {
  readonly arch: string
  readonly dims: readonly number[]
  readonly weights: number
  /** Where the number comes from. */
  readonly because: string
  /** Steps until the loss is compared; 0 where one would take too long. */
  readonly steps: number
}

const linear = (from: number, to: number): number => from * to + to
const block = 4 * linear(192, 192) + linear(192, 768) + linear(768, 192) + 4 * 192

const rows: readonly Row[] = [
  {
    arch: 'mlp',
    dims: [3, 32, 32],
    weights: linear(3072, 256) + linear(256, 128) + linear(128, 10),
    because: 'three linear layers',
    steps: 2,
  },
  {
    arch: 'cnn',
    dims: [3, 32, 32],
    weights: 9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 128) + 2 * (16 + 32 + 64 + 128) + linear(128, 10),
    because: 'four convolutions without bias, batch norms, a linear layer',
    steps: 2,
  },
  // 269,722 with parameter-free shortcuts (option A of the paper, as commonly counted) and two projections with batch norm.
  {
    arch: 'resnet20',
    dims: [3, 32, 32],
    weights: 269_722 + 16 * 32 + 32 * 64 + 2 * (32 + 64),
    because: 'projection shortcuts (option B)',
    steps: 2,
  },
  { arch: 'resnet18', dims: [3, 32, 32], weights: 11_173_962, because: 'the usual CIFAR form', steps: 0 },
  {
    arch: 'vit-tiny',
    dims: [3, 32, 32],
    weights: 3 * 16 * 192 + 64 * 192 + 12 * block + 2 * 192 + linear(192, 10),
    because: 'patches of 4, 64 positions, 12 blocks, norm and head',
    steps: 1,
  },
]

it('every architecture has a row', () => {
  expect(rows.map((r) => r.arch)).toEqual(architectures.map((a) => a.name))
})

describe.each(rows)('$arch', ({ arch, dims, weights, because, steps }) => {
  it(`has ${weights} weights: ${because}`, async () => {
    const graph = findArchitecture(arch).build({ dims, classes: 10 }, uniforms(1))
    const network = await openNetwork(graph, engineOf(pool))
    expect(network.parameters.reduce((n, p) => n + sizeOf(p.dims), 0)).toBe(weights)
    expect(network.classes).toBe(10)
    // Buffers are the running statistics, and nothing else.
    for (const name of network.buffers) expect(name).toMatch(/\.running_(mean|var)$/)
  })

  // ResNet-18 takes too long to train here; it answers, below.
  if (steps === 0) return
  it('learns: a step on a few pictures makes their loss smaller', async () => {
    const small = [3, 16, 16]
    const size = 8
    const data = numbers(size * sizeOf(small), 3)
    const examples = {
      size,
      labels: Int32Array.from({ length: size }, (_, i) => i % 4),
      id: String,
      load: async (picked: readonly number[]) => {
        const out = new Float32Array(picked.length * sizeOf(small))
        for (const [i, row] of picked.entries())
          out.set(data.subarray(row * sizeOf(small), (row + 1) * sizeOf(small)), i * sizeOf(small))
        return { input: tensor('float32', [picked.length, ...small], out) }
      },
    }
    const graph = findArchitecture(arch).build({ dims: small, classes: 4 }, uniforms(2))
    const losses: number[] = []
    await train(await openNetwork(graph, engineOf(pool)), pool, examples, {
      epochs: steps + 1,
      batchSize: size,
      rate: arch === 'vit-tiny' ? 0.002 : 0.02,
      schedule: 'constant',
      seed: 1,
      onStep: ({ loss }) => losses.push(loss),
    })
    expect(losses.length).toBe(steps + 1)
    expect(losses.at(-1)).toBeLessThan(losses[0]!)
  })
})

it('resnet18 answers', async () => {
  const graph = findArchitecture('resnet18').build({ dims: [3, 8, 8], classes: 5 }, uniforms(1))
  const network = await openNetwork(graph, engineOf(pool))
  const forward = await openForward(network, pool, { batch: 2 })
  const scores = await forward.run({
    size: 2,
    labels: Int32Array.of(0, 1),
    id: String,
    load: async () => ({ input: tensor('float32', [2, 3, 8, 8], numbers(2 * 192)) }),
  })
  await forward.release()
  expect(scores.logits.length).toBe(10)
})

describe('vit-tiny cuts pictures of many sizes into patches', () => {
  it.each([
    [28, 28, 4],
    [32, 32, 4],
    [30, 30, 5],
    [64, 64, 8],
    [96, 48, 12],
    [224, 224, 16],
  ])('%i × %i into patches of %i', (height, width, patch) => {
    const graph = findArchitecture('vit-tiny').build({ dims: [1, height, width], classes: 2 }, () => 0.5)
    expect(graph.initializers.get('patch_embed.weight')!.dims).toEqual([192, 1, patch, patch])
    expect(graph.initializers.get('pos_embed')!.dims).toEqual([1, (height * width) / patch ** 2, 192])
  })

  it('and refuses those that no patch divides', () => {
    expect(() => findArchitecture('vit-tiny').build({ dims: [1, 29, 29], classes: 2 }, () => 0.5)).toThrow(
      /29 × 29 does not divide into any of 4 pixels or more/,
    )
  })
})

it('pictures are asked for by name where the data holds features', () => {
  expect(() => findArchitecture('cnn').build({ dims: [6], classes: 2 }, () => 0.5)).toThrow(
    'cnn takes images [channels, height, width]; the data has [6]. Use --arch mlp.',
  )
})

it('pictures that three halvings leave nothing of are refused by cnn', () => {
  const build = (side: number) => () => findArchitecture('cnn').build({ dims: [3, side, side], classes: 2 }, () => 0.5)
  expect(build(7)).toThrow('cnn takes images of at least 8×8; the data has 7×7. Use --arch mlp or --resize.')
  expect(build(8)).not.toThrow()
})
