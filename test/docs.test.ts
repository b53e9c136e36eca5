import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { verbs } from '../src/cli/commands/index.js'
import { createPool, engineOf } from '../src/engine/node/pool.js'
import { errorCodes } from '../src/errors.js'
import { gradientProgram } from '../src/fisher/program.js'
import { type Graph, int, type Node } from '../src/graph/graph.js'
import { printGraph } from '../src/graph/print.js'
import { openNetwork } from '../src/network/network.js'
import { version } from '../src/version.js'
import { f32 } from './small-graphs.js'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** Contents of the fenced blocks of a page; their languages in front. */
function blocksOf(page: string): { language: string; text: string }[] {
  return [...read(page).matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
    language: language!,
    text: text!,
  }))
}

describe('docs/errors.md', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `([a-z-]+)` \|(.+)\|(.+)\| *(\d) *\|$/gm)]

  it('has one row for every error code, and none besides', () => {
    expect(rows.map(([, code]) => code).sort()).toEqual(Object.keys(errorCodes).sort())
  })

  it('says what each means and what to do, and that wrong use alone ends with 2', () => {
    for (const [, code, meaning, remedy, exit] of rows) {
      expect({ code, exit }).toEqual({ code, exit: code === 'usage' ? '2' : '1' })
      expect(meaning!.trim()).not.toBe('')
      expect(remedy!.trim()).not.toBe('')
    }
  })
})

describe('links and pictures', () => {
  /** What may be missing, each with its reason. */
  const exceptions: Readonly<Record<string, string>> = {}

  /** Anchors of a page, as GitHub makes them of its headings. */
  const anchorsOf = (path: string): string[] =>
    [...readFileSync(path, 'utf8').matchAll(/^#+ +(.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )

  it.each(pages)('of %s lead to something', (page) => {
    const text = read(page).replace(/^```[\s\S]*?^```$/gm, '')
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target))
    const broken = targets.filter((target) => {
      const [path = '', anchor] = target.split('#')
      const full = resolve(root, dirname(page), path || relative(dirname(page), page))
      if (relative(root, full) in exceptions) return false
      return !existsSync(full) || (anchor !== undefined && !anchorsOf(full).includes(anchor))
    })
    expect(broken).toEqual([])
  })

  it('have no exception that is not needed any more', () => {
    expect(Object.keys(exceptions).filter((path) => existsSync(join(root, path)))).toEqual([])
  })
})

describe('commands', () => {
  /** Every `lethe …` of the code blocks of a page, lines that end in a backslash joined, comments cut. */
  const commandsOf = (page: string): string[] =>
    blocksOf(page)
      .flatMap(({ text }) => text.replace(/\\\n\s*/g, ' ').split('\n'))
      .flatMap((line) => [...line.matchAll(/(?:^\s*(?:\$ )?|&& )(?:npx )?lethe( [^#|>&]*)/g)].map(([, rest]) => rest!))
      .map((rest) => rest.trim())

  it('of README.md are found', () => {
    expect(commandsOf('README.md').length).toBeGreaterThan(4)
  })

  it.each(pages)('of %s are verbs and flags that there are', async (page) => {
    for (const command of commandsOf(page)) {
      const [name, ...words] = command.split(/\s+/)
      const listed = verbs.find((verb) => verb.name === name)
      expect(listed, `lethe ${command}`).toBeDefined()
      const flags = new Set(['--json', '--quiet', '-q', '--debug', '--help', '-h'])
      for (const option of (await listed!.load()).configure(new Command()).options) {
        for (const flag of [option.short, option.long]) if (flag) flags.add(flag)
      }
      for (const word of words) {
        if (/^--?[a-z]/i.test(word)) expect([...flags], `lethe ${command}`).toContain(word.split('=')[0])
      }
    }
  })

  it('called npm scripts are in package.json', () => {
    const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read('package.json')))
    const called = pages.flatMap((page) => [...read(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name!))
    expect(called.filter((name) => !(name in scripts))).toEqual([])
  })
})

describe('docs/gradients.md', () => {
  /** The network that the page shows: two linear layers with ReLU, ending in Softmax. */
  const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
    op,
    domain: '',
    name: output,
    inputs,
    outputs: [output],
    attributes,
  })
  const graph: Graph = {
    name: 'small',
    opsets: new Map([['', 17]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 6] }],
    outputs: [{ name: 'probabilities', dtype: 'float32', dims: ['batch', 3] }],
    initializers: new Map([
      ['w1', f32([4, 6], 1)],
      ['b1', f32([4], 2)],
      ['w2', f32([3, 4], 3)],
    ]),
    nodes: [
      node('Gemm', ['x', 'w1', 'b1'], 'h', { transB: int(1) }),
      node('Relu', ['h'], 'a'),
      node('Gemm', ['a', 'w2'], 'z', { transB: int(1) }),
      node('Softmax', ['z'], 'probabilities', { axis: int(-1) }),
    ],
  }
  /** Lines of a block are those that are printed, in their order; comments and what they leave out aside. */
  const isExcerpt = (block: string, printed: string): boolean => {
    const lines = printed.split('\n')
    let at = -1
    return block
      .split('\n')
      .map((line) => line.replace(/\s*#.*$/, '').trim())
      .filter((line) => line !== '' && line !== '…')
      .every((line) => {
        at = lines.indexOf(line, at + 1)
        return at >= 0
      })
  }

  it('shows graphs as they are printed', async () => {
    const pool = createPool({ workers: 1 })
    try {
      const network = await openNetwork(graph, engineOf(pool))
      const { graph: squares } = gradientProgram(await network.at(8), network.loss, 'squares')
      const shown = blocksOf('docs/gradients.md').filter(({ language }) => language === 'text')
      expect(shown.length).toBe(2)
      expect(isExcerpt(shown[0]!.text, printGraph(graph)), 'the model').toBe(true)
      expect(isExcerpt(shown[1]!.text, printGraph(squares)), 'its gradients').toBe(true)
    } finally {
      await pool.close()
    }
  })
})

it('the version is that of package.json', () => {
  expect(z.object({ version: z.string() }).parse(JSON.parse(read('package.json'))).version).toBe(version)
})
