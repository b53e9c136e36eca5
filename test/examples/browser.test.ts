import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readModel } from '../../src/onnx/model.js'
import { chromiumPath, startChromium, withoutChromium } from '../web/site.js'

// The page is made of browser/index.html, browser/main.js and browser/style.css.
const server = 'examples/browser/serve.js'
const root = join(import.meta.dirname, '../..')

if (!chromiumPath) console.log(`test/examples/browser.test.ts is skipped: ${withoutChromium}`)

describe.skipIf(!chromiumPath)('the example in the browser', () => {
  let process_: ChildProcess
  let browser: Browser
  let address = ''
  beforeAll(async () => {
    process_ = spawn(process.execPath, [server, '0'], { cwd: root })
    const said: string[] = []
    await new Promise<void>((ready, failed) => {
      process_.stdout!.on('data', (text) => {
        address = /open (http\S+)/.exec(String(text))?.[1] ?? ''
        if (address) ready()
      })
      process_.stderr!.on('data', (text) => said.push(String(text)))
      process_.on('exit', () => failed(new Error(`The server ended: ${said.join('')}`)))
    })
    expect(said).toEqual([])
    browser = await startChromium()
  })
  afterAll(async () => {
    await browser?.close()
    process_.removeAllListeners('exit')
    process_.kill()
    await once(process_, 'exit')
  })

  it('stops when asked, then forgets a class, shows what came of it and hands out the model', async () => {
    const page = await browser.newPage()
    const problems: string[] = []
    page.on('console', (message) => problems.push(message.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(address)
    await page.click('#start:enabled')
    await page.click('#stop')
    await page.click('#start:enabled')
    expect(await page.isHidden('#problem')).toBe(true)
    await page.waitForSelector('#result:not([hidden])', { timeout: 110_000 })
    expect(await page.textContent('#verdict')).toMatch(/^forgotten.*Almery/)
    const rows = await page.locator('#rows tr').allTextContents()
    expect(rows[0]).toMatch(/^Almery, training pictures(9\d|100)\.\d %[01]\.\d %$/)
    expect(rows[3]).toMatch(/^the other classes, unseen pictures9\d\.\d %9\d\.\d %$/)
    expect(await page.locator('#faces li').count()).toBe(6)
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')])
    const model = readModel(new Uint8Array(readFileSync(await download.path())))
    expect(model.graph.outputs[0]!.dims.at(-1)).toBe(4)
    expect(problems).toEqual([])
  })
})
