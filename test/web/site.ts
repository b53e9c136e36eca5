import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { extname, join, resolve } from 'node:path'
import { type Browser, chromium, type Page as Tab } from 'playwright-core'
import { build } from 'vite'

const root = resolve(import.meta.dirname, '../..')
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
}

/** Where Chromium is, or undefined: `LETHE_CHROMIUM`, else the place of Debian's package. */
export const chromiumPath = [process.env.LETHE_CHROMIUM, '/usr/bin/chromium'].find((p) => p && existsSync(p))

/** Why a test is skipped where there is no Chromium. */
export const withoutChromium =
  'needs Chromium: install it (Debian: apt-get install chromium) or name its program in LETHE_CHROMIUM'

/** Chromium without a profile, that talks to nobody but the page. */
export function startChromium(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(args.length > 0 ? args : ['--disable-gpu']),
    ],
  })
}

/** A page of the tests, ready to be asked; what it says on the console is added to `problems`. */
export async function openTab(browser: Browser, address: string, problems: string[]): Promise<Tab> {
  const tab = await browser.newPage()
  tab.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  tab.on('pageerror', (error) => problems.push(error.message))
  await tab.goto(address)
  await tab.waitForFunction(() => 'lethe' in globalThis)
  return tab
}

/** Modules and files of a bundle that Vite has made. */
export interface Bundle {
  readonly folder: string
  readonly files: readonly { readonly name: string; readonly sizeBytes: number; readonly text: string }[]
  readonly modules: readonly string[]
}

/** A folder's index.html and what it imports, bundled as docs/browser.md says, into `name` of the cache. */
export async function bundle(from: string, name: string): Promise<Bundle> {
  const folder = join(root, 'node_modules/.cache/lethe', name)
  rmSync(folder, { recursive: true, force: true })
  const result = await build({
    configFile: false,
    root: resolve(root, from),
    base: './',
    logLevel: 'silent',
    worker: { format: 'es' },
    build: { outDir: folder, target: 'esnext', emptyOutDir: true, assetsInlineLimit: 0 },
  })
  if (Array.isArray(result) || !('output' in result)) throw new Error('Vite gave no single bundle.')
  return {
    folder,
    files: result.output.map((o) => ({
      name: o.fileName,
      sizeBytes: Buffer.byteLength(o.type === 'chunk' ? o.code : o.source),
      text: o.type === 'chunk' ? o.code : '',
    })),
    modules: result.output.flatMap((o) => (o.type === 'chunk' ? o.moduleIds : [])),
  }
}

/** A server on loopback: `/isolated/` and `/plain/` hold the same bundle with and without COOP and COEP, `/files/` the repository's fixtures. */
export async function serveSite(folder: string): Promise<{ server: Server; address: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    asked.push(pathname)
    const [, kind = '', rest = ''] = /^\/(isolated|plain|files)\/(.*)$/.exec(pathname) ?? []
    const path = resolve(kind === 'files' ? join(root, 'test/fixtures') : folder, rest || 'index.html')
    const found = kind !== '' && existsSync(path) && statSync(path).isFile()
    response.writeHead(found ? 200 : 404, {
      'content-type': types[extname(path)] ?? 'application/octet-stream',
      ...(kind === 'isolated' && {
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      }),
    })
    response.end(found ? readFileSync(path) : '')
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const place = server.address()
  const port = typeof place === 'object' && place ? place.port : 0
  return { server, address: `http://127.0.0.1:${port}`, asked }
}
