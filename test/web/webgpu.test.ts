import type { Browser, Page as Tab } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/engine/node/pool.js'
import { distance, inPage, row, sums } from './compare.js'
import { bundle, chromiumPath, openTab, serveSite, startChromium, withoutChromium } from './site.js'
import { work } from './work.js'

/** Chromium draws with SwiftShader, its own renderer on the processor: right, not fast, and there without a graphics card. */
const swiftShader = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan']

/** Kernels of WebGPU add in another order and take approximate square roots and exponentials. */
const tolerance = 1e-4
const wish = { forget: false }
const { file, bytes, shape } = row('lenet.torchscript.onnx', 8)
/** SwiftShader compiles every kernel of a gradient graph: half a minute on two cores. */
const timeoutMs = 300_000

if (!chromiumPath) console.log(`test/web/webgpu.test.ts is skipped: ${withoutChromium}`)

describe.skipIf(!chromiumPath)('WebGPU in Chromium', () => {
  let browser: Browser
  let site: Awaited<ReturnType<typeof serveSite>>
  let tab: Tab
  const problems: string[] = []
  beforeAll(async () => {
    site = await serveSite((await bundle('test/web/page', 'webgpu-tests')).folder)
    browser = await startChromium(swiftShader)
    tab = await openTab(browser, `${site.address}/isolated/`, problems)
  })
  afterAll(async () => {
    await browser?.close()
    await new Promise((closed) => site?.server.close(closed))
  })

  it('has one worker, whatever the cores', async () => {
    expect(await tab.evaluate(() => globalThis.lethe.open({ device: 'webgpu' }))).toBe(
      '1 onnxruntime-web (webgpu) 1.30.0',
    )
  })

  it('has the importances of Node to 1e-4', { timeout: timeoutMs }, async () => {
    const pool = createPool({ workers: 1 })
    const here = await work(bytes, shape, { pool }, wish).finally(() => pool.close())
    const there = await inPage(tab, file, shape, { device: 'webgpu' }, wish)
    expect(distance(sums(there.store), sums(here.store))).toBeLessThan(tolerance)
    expect(problems).toEqual([])
  })

  it('refuses a model whose gradients it gets wrong: a kernel for grouped convolutions of the runtime', {
    timeout: timeoutMs,
  }, async () => {
    const grouped = row('cnn.torchscript.onnx', 8)
    const args = [`/files/models/${grouped.file}`, grouped.shape, { device: 'webgpu' }] as const
    expect(await tab.evaluate(([a, s, o]) => globalThis.lethe.refusal(a, s, o), args)).toMatch(
      /^device-wrong: WebGPU gives wrong gradients for this model here: importances of ".+" are off by .* Use device 'wasm'\.$/,
    )
  })
})
