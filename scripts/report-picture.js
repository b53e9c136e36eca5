// @ts-check
// A picture of the upper part of a report, for the README. Needs Chromium (CHROMIUM or /usr/bin/chromium).
// Usage: node scripts/report-picture.js report.html docs/images/report.png
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const [report = 'report.html', out = 'docs/images/report.png', height = '1180'] = process.argv.slice(2)
const profile = mkdtempSync(join(tmpdir(), 'lethe-chromium-'))
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  viewport: { width: 1000, height: Number(height) },
})
const page = await context.newPage()
await page.goto(pathToFileURL(resolve(report)).href)
await page.screenshot({ path: out, fullPage: height === '0' })
await context.close()
rmSync(profile, { recursive: true, force: true })
