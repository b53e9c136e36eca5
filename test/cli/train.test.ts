import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { readModel } from '../../src/onnx/model.js'
import { numbers } from '../small-graphs.js'
import { clusters, folderOfFile, good, labels, lethe, writeNpz } from './command.js'

const folder = folderOfFile()
const at = (name: string): string => join(folder, name)

interface Told {
  readonly loss: number
  readonly rate: number
  readonly trainAccuracy: number
  readonly testAccuracy?: number
}
const told = async (...args: string[]): Promise<Told> =>
  JSON.parse(await good(folder, ['train', ...args, '--json'])) as Told

/** A folder of pictures in two classes: bright ones and dark ones. */
async function writePictures(name: string, each: number): Promise<void> {
  for (const [i, kind] of ['bright', 'dark'].entries()) {
    mkdirSync(at(join(name, kind)), { recursive: true })
    for (let n = 0; n < each; n++) {
      const pixels = Uint8Array.from(numbers(8 * 8 * 3, 1 + 2 * n + i), (v) => (i === 0 ? 200 : 40) + v * 30)
      const png = sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } }).png()
      await png.toFile(at(join(name, kind, `${n}.png`)))
    }
  }
}

describe('lethe train', () => {
  it('learns a folder of pictures, with crop and flip', async () => {
    await writePictures('pictures', 16)
    const args = ['-d', 'pictures', '--test', 'pictures', '--arch', 'cnn', '--epochs', '4', '--batch-size', '8']
    const { trainAccuracy, testAccuracy, rate } = await told(...args, '--crop', '1', '--flip', '-o', 'pictures.onnx')
    // The rate that is told is the one used, not the one given.
    expect({ trainAccuracy, testAccuracy, rate }).toEqual({ trainAccuracy: 1, testAccuracy: 1, rate: 0.1 })
    const { proto, graph } = readModel(readFileSync(at('pictures.onnx')))
    expect(graph.inputs).toEqual([{ name: 'input', dtype: 'float32', dims: ['batch', 3, 8, 8] }])
    const facts = Object.fromEntries(proto.metadataProps.map(({ key, value }) => [key, value]))
    expect(facts).toMatchObject({ 'lethe.arch': 'cnn', 'lethe.rate': '0.1', 'lethe.seed': '0', 'lethe.flip': 'true' })
    expect(existsSync(at('pictures.onnx.part'))).toBe(false)
  })

  it('stopped by Ctrl-C keeps a checkpoint; the same command ends with the bytes of a run left alone', async () => {
    writeNpz(at('data.npz'), clusters(2_000, 4, 1))
    const args = (out: string): string[] => [
      ...['train', '-d', 'data.npz', '--arch', 'mlp', '--epochs', '8', '--batch-size', '20', '--rate', '0.01'],
      ...['-o', out],
    ]
    const partial = at('stopped.onnx.part')
    let watching: ReturnType<typeof setInterval> | undefined
    const stopped = await lethe(folder, args('stopped.onnx'), (_, child) => {
      watching ??= setInterval(() => {
        // A checkpoint is there after the first epoch.
        if (!existsSync(partial)) return
        clearInterval(watching)
        child.kill('SIGINT')
      }, 2)
    })
    expect({ code: stopped.code, stdout: stopped.stdout }).toEqual({ code: 1, stdout: '' })
    expect(stopped.stderr).toMatch(/\nlethe: cancelled: Stopped\. Run the same command again to go on/)
    expect(existsSync(at('stopped.onnx'))).toBe(false)

    // Neither another seed nor other data goes on from it.
    writeNpz(at('other.npz'), clusters(2_000, 4, 2))
    for (const other of [
      [...args('stopped.onnx'), '--seed', '1'],
      args('stopped.onnx').map((a) => (a === 'data.npz' ? 'other.npz' : a)),
    ]) {
      const { code, stderr } = await lethe(folder, other)
      expect(code).toBe(1)
      expect(stderr).toMatch(/^lethe: checkpoint-mismatch: .+; delete it to begin anew/m)
    }

    // A model that cannot be written costs nothing.
    mkdirSync(at('stopped.onnx'))
    const unwritten = await lethe(folder, args('stopped.onnx'))
    expect(unwritten.stderr).toMatch(/^lethe: unwritable: "stopped\.onnx" cannot be written/m)
    expect(existsSync(partial)).toBe(true)
    rmdirSync(at('stopped.onnx'))

    const resumed = await lethe(folder, [...args('stopped.onnx'), '--json'])
    expect(resumed.code).toBe(0)
    // The first line tells what was there already, in whole epochs of 100 steps.
    expect(resumed.stderr).toMatch(/\ntraining {2}[1-9]00 \/ 800 steps\n/)
    expect(existsSync(partial)).toBe(false)
    const alone = await told(...args('alone.onnx').slice(1))
    expect((JSON.parse(resumed.stdout) as Told).loss).toBe(alone.loss)
    expect(readFileSync(at('stopped.onnx')).equals(readFileSync(at('alone.onnx')))).toBe(true)
  })

  it.each([
    {
      what: 'test data with a class the training data has not, before any work',
      args: ['-d', 'small.npz', '--test', 'more.npz', '--arch', 'mlp'],
      says: 'label-range: Record "5" has label 5; the model has 5 classes (0 to 4). Check the data or choose the right output.',
    },
    {
      what: 'pictures for an architecture of pictures, where there are none',
      args: ['-d', 'small.npz', '--arch', 'resnet20'],
      says: 'usage: resnet20 takes images [channels, height, width]; the data has [6]. Use --arch mlp.',
    },
    {
      what: 'an unknown architecture',
      args: ['-d', 'small.npz', '--arch', 'vgg'],
      says: 'usage: No architecture is called "vgg"; there are mlp, cnn, resnet20, resnet18, vit-tiny.',
    },
    {
      what: 'no epochs',
      args: ['-d', 'small.npz', '--arch', 'mlp', '--epochs', '0'],
      says: 'usage: Training needs at least one epoch, got 0.',
    },
    {
      what: 'flips of features',
      args: ['-d', 'small.npz', '--arch', 'mlp', '--flip'],
      says: 'usage: Crop and flip are for images [channels, height, width]; the data has [6]. Leave them out.',
    },
    {
      what: 'a rate that makes numbers overflow',
      args: ['-d', 'small.npz', '--arch', 'mlp', '--rate', '1e30', '--batch-size', '8'],
      says: 'value-not-finite: The training loss is not finite in epoch 1; lower --rate.',
    },
  ])('refuses $what', async ({ args, says }) => {
    if (!existsSync(at('small.npz'))) {
      const { x } = clusters(40, 5, 1)
      writeNpz(at('small.npz'), { x, y: labels(Array.from({ length: 40 }, (_, i) => i % 5)) })
      writeNpz(at('more.npz'), { x, y: labels(Array.from({ length: 40 }, (_, i) => i % 6)) })
    }
    const before = readdirSync(folder)
    const { code, stdout, stderr } = await lethe(folder, ['train', ...args, '-o', 'refused.onnx'])
    expect({ code, stdout, line: stderr.trimEnd().split('\n').at(-1) }).toEqual({
      code: says.startsWith('usage') ? 2 : 1,
      stdout: '',
      line: `lethe: ${says}`,
    })
    expect(readdirSync(folder)).toEqual(before)
  })
})
