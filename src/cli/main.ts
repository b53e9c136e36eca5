#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { isLetheError } from '../errors.js'
import { version } from '../version.js'
import type { Verb } from './command.js'
import { verbs } from './commands/index.js'
import { createTerminal } from './terminal.js'

/** Exit codes: 0 done, 1 a failure told in one line, 2 wrong use. */
const exit = { failure: 1, usage: 2 } as const

async function main(argv: readonly string[]): Promise<number> {
  const abort = new AbortController()
  let interrupts = 0
  process.on('SIGINT', () => {
    interrupts++
    if (interrupts > 1) process.exit(exit.failure)
    process.stderr.write('\nStopping after the work under way; press Ctrl-C again to stop at once.\n')
    abort.abort()
  })
  const program = new Command('lethe')
    .description('Makes a trained ONNX model forget, and shows whether it has.')
    .version(version)
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
  let code = 0
  for (const verb of verbs) addVerb(program, verb, abort.signal, (result) => (code = result))
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exit.usage
    // The value of an option that does not parse.
    return report(error, argv.includes('--debug'))
  }
}

function addVerb(program: Command, verb: Verb, signal: AbortSignal, done: (code: number) => void): void {
  const command = verb.configure(program.command(verb.name).description(verb.summary))
  command
    .option('--json', 'print the result as one JSON document')
    .option('--debug', 'print the stack of an error')
    .action(async (...all: unknown[]) => {
      const options = command.opts<Record<string, unknown>>()
      const terminal = createTerminal(process.stderr, signal)
      try {
        const outcome = await verb.run(options, command.args, terminal)
        process.stdout.write(options.json ? `${JSON.stringify(outcome.json, null, 2)}\n` : `${outcome.text}\n`)
        void all
      } catch (error) {
        done(report(error, options.debug === true))
      }
    })
}

/** Tells an error in one line: `lethe: <code>: <sentence>`; the stack only with --debug. */
function report(error: unknown, debug: boolean): number {
  const known = isLetheError(error)
  const code = known ? error.code : 'internal'
  const sentence = error instanceof Error ? error.message.split('\n')[0] : String(error)
  const hint = known && code !== 'internal' ? '' : ' Please report this, with --debug.'
  process.stderr.write(`lethe: ${code}: ${sentence}${hint}\n`)
  if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return code === 'usage' ? exit.usage : exit.failure
}

process.exitCode = await main(process.argv.slice(2))
