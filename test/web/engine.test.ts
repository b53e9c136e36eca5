import type { Browser, Page as Tab } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/engine/node/pool.js'
import { laws } from '../engine/contract.js'
import { distance, inPage, largerThan, row, sums, weights } from './compare.js'
import { bundle, chromiumPath, openTab, serveSite, startChromium, withoutChromium } from './site.js'
import { work } from './work.js'

/** Models of several kinds, with the examples that they are given. */
const models = [
  row('cnn.torchscript.onnx', 50),
  row('vit.torchscript.onnx', 50),
  row('resnet20-narrow.dynamo.onnx', 24),
  row('series-gru.torchscript.onnx', 24),
]

if (!chromiumPath) console.log(`test/web/engine.test.ts is skipped: ${withoutChromium}`)

describe.skipIf(!chromiumPath)('in Chromium', () => {
  let browser: Browser
  let site: Awaited<ReturnType<typeof serveSite>>
  let tab: Tab
  let plain: Tab
  const problems: string[] = []
  const open = (path: string): Promise<Tab> => openTab(browser, `${site.address}/${path}/`, problems)
  beforeAll(async () => {
    site = await serveSite((await bundle('test/web/page', 'web-tests')).folder)
    browser = await startChromium()
    tab = await open('isolated')
    plain = await open('plain')
  })
  afterAll(async () => {
    await browser?.close()
    await new Promise((closed) => site?.server.close(closed))
  })

  describe('the engine contract', () => {
    it.each(laws)('$title', async ({ title, expected }) => {
      expect(await tab.evaluate((t) => globalThis.lethe.law(t), title)).toEqual(expected)
    })
  })

  it('the page under test is cross-origin isolated, the other is not', async () => {
    expect(await tab.evaluate(() => crossOriginIsolated)).toBe(true)
    expect(await plain.evaluate(() => crossOriginIsolated)).toBe(false)
  })

  describe.each(models)('$file', ({ file, bytes, shape }) => {
    it('has the importances and the forgotten weights of Node to 1e-5, and the same bytes with two workers', async () => {
      const pool = createPool({ workers: 1 })
      const here = await work(bytes, shape, { pool }).finally(() => pool.close())
      const there = await inPage(tab, file, shape, { workers: 1 })
      expect(distance(sums(there.store), sums(here.store))).toBeLessThan(1e-5)
      const matters = largerThan(sums(here.store), 1e-7)
      expect(distance(weights(there.forgotten), weights(here.forgotten), matters)).toBeLessThan(1e-5)
      // Something was forgotten at all.
      expect(distance(weights(there.forgotten), weights(bytes))).toBeGreaterThan(1e-3)
      expect(there.sentence).toBe(here.sentence)
      expect(await inPage(tab, file, shape, { workers: 2 })).toEqual(there)
    })
  })

  it('grouped importances are those of Node, too', async () => {
    const { file, bytes, shape } = models[0]!
    const wish = { estimator: 'grouped', forget: false }
    const pool = createPool({ workers: 2 })
    const here = await work(bytes, shape, { pool }, wish).finally(() => pool.close())
    const there = await inPage(tab, file, shape, { workers: 2 }, wish)
    expect(distance(sums(there.store), sums(here.store))).toBeLessThan(1e-5)
  })

  it('two threads in a worker give the numbers of one, where the page is isolated', async () => {
    const { file, shape } = models[0]!
    const [one, two] = [
      await inPage(tab, file, shape, { workers: 1 }),
      await inPage(tab, file, shape, { workers: 1, threads: 2 }),
    ]
    expect(distance(sums(two.store), sums(one.store))).toBeLessThan(1e-5)
  })

  it('needs no special headers with one thread a worker, and gives the same bytes without them', async () => {
    const { file, shape } = models[0]!
    expect(await inPage(plain, file, shape, { workers: 2 })).toEqual(await inPage(tab, file, shape, { workers: 2 }))
  })

  it('stops between batches with `cancelled` and works on', async () => {
    const { file, shape } = models[0]!
    const args = [`/files/models/${file}`, shape.dims] as const
    const stopped = await tab.evaluate(([model, dims]) => globalThis.lethe.stop(model, dims, 64), args)
    expect(stopped).toMatchObject({ end: 'cancelled', total: 400, again: 400 })
    expect(stopped.done).toBeGreaterThanOrEqual(64)
    expect(stopped.done).toBeLessThan(400)
  })

  it('has one worker a core where nothing is said', async () => {
    const cores = await tab.evaluate(() => navigator.hardwareConcurrency)
    expect(await tab.evaluate(() => globalThis.lethe.open())).toBe(`${cores} onnxruntime-web 1.30.0`)
  })

  it('fetches nothing but the page, the models, and one WebAssembly file', () => {
    const own = site.asked.filter((path) => path.startsWith('/isolated/') || path.startsWith('/plain/'))
    const wasm = own.filter((path) => path.endsWith('.wasm'))
    expect(new Set(wasm.map((path) => path.replace(/^.*\//, ''))).size).toBe(1)
    expect(new Set(wasm.map((path) => path.replace(/-[^-]*$/, '')))).toEqual(
      new Set(['/isolated/assets/ort-wasm-simd-threaded', '/plain/assets/ort-wasm-simd-threaded']),
    )
  })

  it('says nothing on the console', () => {
    expect(problems).toEqual([])
  })

  describe('refuses with a code and what to do', () => {
    // After the law above: a missing file is on the console, too.
    const refusals = [
      {
        title: 'WebGPU that is not there',
        page: 'isolated',
        options: { device: 'webgpu' },
        message: /^device-missing: This browser has .*WebGPU.*use device 'wasm'\.$/,
      },
      {
        title: 'several workers on WebGPU',
        page: 'isolated',
        options: { device: 'webgpu', workers: 2 },
        message: /^usage: WebGPU takes one worker, got 2/,
      },
      {
        title: 'threads in a page that is not isolated',
        page: 'plain',
        options: { threads: 2 },
        message: /^usage: 2 threads in a worker need .*Cross-Origin-Opener-Policy: same-origin/,
      },
      {
        title: 'WebAssembly files that are not where the page says',
        page: 'isolated',
        options: { workers: 1, wasm: '/isolated/nowhere/' },
        message: /^engine-failed: onnxruntime-web cannot be loaded .*option wasm\.$/,
      },
      {
        title: 'a worker whose script is not there',
        page: 'isolated',
        options: { workers: 1, script: '/isolated/nowhere.js' },
        message: /^engine-failed: A worker of the runtime stopped: its script could not be loaded$/,
      },
    ] as const
    it.each(refusals)('$title', async ({ page, options, message }) => {
      const where = page === 'plain' ? plain : tab
      expect(await where.evaluate((o) => globalThis.lethe.open(o), options)).toMatch(message)
    })
  })
})
