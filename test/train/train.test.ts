import { afterAll, describe, expect, it } from 'vitest'
import type { Pool } from '../../src/engine/engine.js'
import { createPool, engineOf } from '../../src/engine/node/pool.js'
import type { Graph } from '../../src/graph/graph.js'
import type { Examples } from '../../src/network/examples.js'
import { openNetwork } from '../../src/network/network.js'
import { writeGraph } from '../../src/onnx/model.js'
import { type Tensor, tensor } from '../../src/tensor/tensor.js'
import { NetworkBuilder } from '../../src/train/architectures/builder.js'
import { findOptimiser } from '../../src/train/optimisers/index.js'
import type { Slots } from '../../src/train/optimisers/optimiser.js'
import { findSchedule } from '../../src/train/schedule.js'
import { type TrainOptions, train } from '../../src/train/train.js'
import { smallExamples } from '../small-examples.js'
import { mlpGraph, numbers } from '../small-graphs.js'

const one = createPool({ workers: 1 })
const two = createPool({ workers: 2 })
afterAll(() => Promise.all([one.close(), two.close()]))

/** Convolution and batch norm on pictures [2, 6, 6] of three classes. */
function pictureGraph(): Graph {
  let state = 0
  const random = (): number => numbers(++state, 9).at(-1)! / 2 + 0.5
  const b = new NetworkBuilder(random)
  const x = b.relu(b.batchNorm(b.conv('input', 'conv', [2, 4], 3), 'bn', 4))
  const rows = b.op('Flatten', [b.op('GlobalAveragePool', [x])])
  return b.finish({ name: 'input', dims: [2, 6, 6] }, b.linear(rows, 'fc', [4, 3]), 3)
}

function pictures(size: number, change: Partial<Examples> = {}): Examples {
  const all = numbers(size * 72, 5)
  return {
    size,
    labels: Int32Array.from({ length: size }, (_, i) => i % 3),
    id: (row) => `r${row}`,
    async load(rows) {
      const data = new Float32Array(rows.length * 72)
      for (const [i, row] of rows.entries()) data.set(all.subarray(row * 72, (row + 1) * 72), i * 72)
      return { input: tensor('float32', [rows.length, 2, 6, 6], data) }
    },
    ...change,
  }
}

const base: TrainOptions = { epochs: 3, batchSize: 10, rate: 0.05, seed: 4, augmentation: { crop: 1, flip: true } }

async function bytesOf(options: TrainOptions, pool: Pool = one, examples = pictures(44)): Promise<Uint8Array> {
  return writeGraph(await train(await openNetwork(pictureGraph(), engineOf(pool)), pool, examples, options))
}

/** A checkpoint in memory. */
function memory(): NonNullable<TrainOptions['checkpoint']> & { bytes?: Uint8Array } {
  return {
    async load() {
      return this.bytes
    },
    async save(bytes) {
      this.bytes = bytes
    },
  }
}

/** Trains until the first step of epoch 2 and leaves the checkpoint of epoch 1. */
async function interrupted(): Promise<ReturnType<typeof memory>> {
  const checkpoint = memory()
  const abort = new AbortController()
  const onStep: TrainOptions['onStep'] = ({ epoch }) => epoch === 1 && abort.abort()
  await expect(bytesOf({ ...base, checkpoint, signal: abort.signal, onStep })).rejects.toMatchObject({
    code: 'cancelled',
  })
  return checkpoint
}

describe('the result of training', () => {
  it('has the same bytes with one worker and with two, and others with another seed', async () => {
    const bytes = await bytesOf(base)
    expect(await bytesOf(base, two)).toEqual(bytes)
    expect(await bytesOf({ ...base, seed: 5 })).not.toEqual(bytes)
  })

  it('has the bytes of an uninterrupted training after an interruption, whatever the optimiser', async () => {
    for (const optimiser of ['sgd', 'adam']) {
      const options = { ...base, optimiser, rate: 0.01 }
      const checkpoint = memory()
      const abort = new AbortController()
      const stopped = bytesOf({
        ...options,
        checkpoint,
        signal: abort.signal,
        onStep: ({ epoch }) => epoch === 1 && abort.abort(),
      })
      await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
      const seen: number[] = []
      const resumed = await bytesOf({ ...options, checkpoint, onStep: ({ done }) => seen.push(done) })
      expect(resumed).toEqual(await bytesOf(options))
      // Four steps an epoch: the first epoch is told at once, the other two are done.
      expect(seen).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12])
    }
  })

  it('is still in the checkpoint at the end: the caller removes it, once the model is in a safe place', async () => {
    const checkpoint = memory()
    const bytes = await bytesOf({ ...base, checkpoint })
    const seen: object[] = []
    expect(await bytesOf({ ...base, checkpoint, onStep: (at) => seen.push(at) })).toEqual(bytes)
    expect(seen).toEqual([{ done: 12, total: 12, epoch: 2, loss: expect.any(Number) }])
  })
})

describe('the checkpoint of another training is refused', () => {
  const renamed = pictures(44, { id: (row) => `other${row}` })
  const relabelled = pictures(44, { labels: Int32Array.from({ length: 44 }, (_, i) => (i === 43 ? 0 : i % 3)) })
  const rows: readonly { what: string; options?: Partial<TrainOptions>; examples?: Examples }[] = [
    { what: 'another seed', options: { seed: 5 } },
    { what: 'more epochs', options: { epochs: 4 } },
    { what: 'another batch size', options: { batchSize: 12 } },
    { what: 'another rate', options: { rate: 0.06 } },
    { what: 'another momentum', options: { momentum: 0.8 } },
    { what: 'another weight decay', options: { weightDecay: 0 } },
    { what: 'another optimiser', options: { optimiser: 'adam' } },
    { what: 'another schedule', options: { schedule: 'step' } },
    { what: 'other augmentation', options: { augmentation: { crop: 2, flip: true } } },
    { what: 'more examples', examples: pictures(45) },
    { what: 'other ids', examples: renamed },
    { what: 'another label', examples: relabelled },
  ]
  it.each(rows)('$what', async ({ options, examples }) => {
    const checkpoint = await interrupted()
    await expect(bytesOf({ ...base, ...options, checkpoint }, one, examples)).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
    })
  })

  it('another network, and bytes that are no checkpoint', async () => {
    const { bytes } = await interrupted()
    const graph = pictureGraph()
    const weight = graph.initializers.get('conv.weight')!
    const other = { ...graph, initializers: new Map([...graph.initializers, ['conv.weight', opposite(weight)]]) }
    const opened = await openNetwork(other, engineOf(one))
    for (const [net, kept] of [
      [opened, bytes],
      [await openNetwork(graph, engineOf(one)), new TextEncoder().encode('no checkpoint')],
    ] as const) {
      const checkpoint = { load: async () => kept, save: async () => {} }
      await expect(train(net, one, pictures(44), { ...base, checkpoint })).rejects.toMatchObject({
        code: 'checkpoint-mismatch',
      })
    }
  })
})

const opposite = (t: Tensor): Tensor =>
  tensor(
    'float32',
    t.dims,
    (t.data as Float32Array).map((v) => -v),
  )

describe('one step', () => {
  const g = Float64Array.of(0.5, -0.25, 0)
  const settings = { momentum: 0.9, weightDecay: 0.01 }

  it('of sgd is v ← μ·v + g + δ·w, w ← w − η·v', () => {
    const w = Float32Array.of(1, 2, -3)
    const slots: Slots = new Map()
    const expected = { w: [1, 2, -3], v: [0, 0, 0] }
    for (const [step, rate] of [0.1, 0.05].entries()) {
      findOptimiser('sgd').step(w, g, 'w', slots, { rate, step: step + 1, settings })
      expected.v = expected.v.map((v, i) => 0.9 * v + g[i]! + 0.01 * expected.w[i]!)
      expected.w = expected.w.map((v, i) => v - rate * expected.v[i]!)
      for (const [i, v] of expected.w.entries()) expect(w[i]).toBeCloseTo(v, 6)
    }
  })

  it('of adam has the size of the rate at first, whatever the gradient', () => {
    const w = Float32Array.of(1, 2, 4)
    findOptimiser('adam').step(w, g, 'w', new Map(), { rate: 0.1, step: 1, settings: { ...settings, weightDecay: 0 } })
    expect([...w].map((v) => Number(v.toFixed(5)))).toEqual([0.9, 2.1, 4])
  })
})

describe('the rate', () => {
  it.each([
    ['constant', [1, 1, 1, 1, 1]],
    ['cosine', [1, 0.8535534, 0.5, 0.1464466, 0]],
    ['step', [1, 1, 0.1, 0.01, 0.01]],
  ] as const)('of %s at 0, ¼, ½, ¾ and 1', (name, expected) => {
    const schedule = findSchedule(name)
    for (const [i, value] of expected.entries()) expect(schedule(i / 4)).toBeCloseTo(value, 6)
  })
})

describe('training is refused', () => {
  const refuses = async (options: Partial<TrainOptions>, examples: Examples = pictures(44)): Promise<unknown> =>
    bytesOf({ ...base, ...options }, one, examples).catch((error: unknown) => error)

  it.each([
    ['no epoch', { epochs: 0 }, /at least one epoch, got 0/],
    ['a step of one example', { batchSize: 1 }, /at least 2 examples, got a batch size of 1/],
    ['an unknown optimiser', { optimiser: 'lion' }, /"lion"; there are sgd, adam/],
    ['an unknown schedule', { schedule: 'noam' }, /"noam"; there are constant, cosine, step/],
  ] as const)('for %s', async (_, options, message) => {
    expect(await refuses(options)).toMatchObject({ code: 'usage', message: expect.stringMatching(message) })
  })

  it('for one example, and for a label outside the classes', async () => {
    expect(await refuses({}, pictures(1))).toMatchObject({ code: 'usage', message: expect.stringMatching(/got 1\./) })
    const wrong = pictures(44, { labels: Int32Array.from({ length: 44 }, () => 3) })
    expect(await refuses({}, wrong)).toMatchObject({ code: 'label-range' })
  })

  it('for crop and flip of what is no picture', async () => {
    const network = await openNetwork(mlpGraph(), engineOf(one))
    await expect(train(network, one, smallExamples(20), base)).rejects.toMatchObject({
      code: 'usage',
      message: 'Crop and flip are for images [channels, height, width]; the data has [6]. Leave them out.',
    })
  })

  it('once the loss is not finite, naming the epoch', async () => {
    const error = await refuses({ rate: 1e38, epochs: 2, schedule: 'constant' })
    expect(error).toMatchObject({
      code: 'value-not-finite',
      message: expect.stringMatching(/in epoch 1; lower --rate/),
    })
  })

  it('where the data cannot be read, and the pool can go on', async () => {
    let loads = 0
    const broken = pictures(44, {
      load: async (rows) => {
        if (++loads === 4) throw new Error('gone')
        return pictures(44).load(rows)
      },
    })
    expect(await refuses({}, broken)).toMatchObject({ message: 'gone' })
    expect((await bytesOf({ ...base, epochs: 1 })).length).toBeGreaterThan(0)
  })

  it('for batch norm that has no training mode, or whose statistics are shared', async () => {
    const graph = pictureGraph()
    const old = await openNetwork({ ...graph, opsets: new Map([['', 13]]) }, engineOf(one))
    await expect(train(old, one, pictures(44), base)).rejects.toMatchObject({
      code: 'model-unsupported',
      message: expect.stringMatching(/opset 13, which has no training mode/),
    })
    const norm = graph.nodes.find((n) => n.op === 'BatchNormalization')!
    const again = { ...norm, name: 'again', inputs: [norm.outputs[0]!, ...norm.inputs.slice(1)], outputs: ['twice'] }
    const nodes = graph.nodes.flatMap((n) =>
      n === norm ? [n, again] : [{ ...n, inputs: n.inputs.map((i) => (i === norm.outputs[0] ? 'twice' : i)) }],
    )
    const tied = await openNetwork({ ...graph, nodes }, engineOf(one))
    await expect(train(tied, one, pictures(44), base)).rejects.toMatchObject({
      code: 'model-unsupported',
      message: expect.stringMatching(/"again" shares its running statistics/),
    })
  })
})
