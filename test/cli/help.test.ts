import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { verbs } from '../../src/cli/commands/index.js'
import { folderOfFile, good, lethe } from './command.js'

const folder = folderOfFile()

describe('the help', () => {
  it('is what lethe alone prints: every verb, and where to start, in 80 columns', async () => {
    const help = await good(folder, [])
    expect(await good(folder, ['--help'])).toBe(help)
    for (const { name } of verbs) expect(help).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(help).toContain('\nWhere to start:\n  lethe demo ')
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it.each(verbs)('of $name has an example of its own, of which every flag is one', async ({ name, examples }) => {
    const { code, stdout, stderr } = await lethe(folder, [name, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/\n\s*--json\b/)
    for (const [line] of examples) {
      expect(line.startsWith(`lethe ${name} `) || line === `lethe ${name}`).toBe(true)
      expect(stdout).toContain(`\n  ${line}\n`)
      const options = stdout.slice(0, stdout.indexOf('\nExample'))
      for (const flag of line.match(/(?<= )--?[a-z-]+/g) ?? []) expect(options).toMatch(new RegExp(` ${flag}\\b`))
    }
  })
})

describe.skipIf(process.platform === 'win32')('the built command', () => {
  it('is a file that can be run by itself, as npx does', () => {
    const main = resolve(import.meta.dirname, '../../dist/cli/main.js')
    expect(execFileSync(main, ['--help'], { encoding: 'utf8' })).toContain('Where to start:')
  })
})

describe('the table of verbs', () => {
  it.each(verbs)('says of $name what its own file says', async ({ name, summary, load }) => {
    const verb = await load()
    expect({ name: verb.name, summary: verb.summary }).toEqual({ name, summary })
  })
})
