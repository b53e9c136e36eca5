#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { isLetheError, LetheError } from '../errors.js'
import { version } from '../version.js'
import type { ListedVerb } from './command.js'
import { verbs } from './commands/index.js'
import { createTerminal } from './terminal.js'

/** Exit codes: 0 done, 1 a failure told in one line, 2 wrong use. */
const exit = { failure: 1, usage: 2 } as const

async function main(argv: readonly string[]): Promise<number> {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(abort))
  // A reader that has seen enough (`lethe plan … | head`) is no failure.
  process.stdout.on('error', (error: Error & { code?: string }) => {
    process.exit(error.code === 'EPIPE' ? 0 : exit.failure)
  })
  const named = argv.map((word) => verbs.find((verb) => verb.name === word)).find(Boolean)
  try {
    const program = newProgram()
    for (const verb of verbs) await addVerb(program, verb, verb === named, abort.signal)
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    // Help and version end here too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const told = error instanceof CommanderError ? wrongUse(error, named) : stopped(error, named)
    return report(told, argv.includes('--debug'))
  }
}

/** Asks the work to stop where it can go on; the second time, ends at once. */
function stop(abort: AbortController): void {
  if (abort.signal.aborted) process.exit(exit.failure)
  process.stderr.write('\nStopping after the work under way; press Ctrl-C again to stop at once.\n')
  abort.abort()
}

function newProgram(): Command {
  return (
    new Command('lethe')
      .description('Makes a trained ONNX model forget, and shows whether it has.')
      .version(version)
      .addHelpCommand(
        new Command('help').argument('[verb]').description('show the help of a verb').helpGroup('Start here:'),
      )
      .exitOverride()
      // Wrong use is told by `report`, in one line like everything else.
      .configureOutput({ outputError: () => {} })
      .addHelpText(
        'after',
        `
Where to start:
  lethe demo                 the whole path on drawn faces, in about a minute
  lethe inspect model.onnx   whether Lethe can work with your model
  lethe importance --help    once for each model; then plan and forget

The help of every verb has examples. A file lethe.json keeps model, data, test
data and preprocessing, so that flags need not be repeated. Results go to
stdout, progress and warnings to stderr. Exit codes: 0 done, 1 failed, 2 wrong
use.`,
      )
  )
}

async function addVerb(program: Command, listed: ListedVerb, isNamed: boolean, signal: AbortSignal): Promise<void> {
  const command = program.command(listed.name).description(listed.summary).helpGroup(listed.group)
  if (!isNamed) return
  const verb = await listed.load()
  verb
    .configure(command)
    .option('--json', 'print the result as one JSON document')
    .option('-q, --quiet', 'no progress on stderr')
    .option('--debug', 'print the stack of an error')
    .addHelpText('after', examplesOf(listed))
    .action(async () => {
      const options = command.opts<Record<string, unknown>>()
      const terminal = createTerminal(process.stderr, { signal, quiet: options.quiet === true })
      const outcome = await verb.run(options, command.args, terminal)
      if (outcome.isBad) process.exitCode = exit.failure
      process.stdout.write(options.json ? `${JSON.stringify(outcome.json, null, 2)}\n` : `${outcome.text}\n`)
    })
}

function examplesOf({ examples }: ListedVerb): string {
  const lines = examples.map(([line, does]) => `  ${line}\n      ${does}`)
  return `\n${examples.length > 1 ? 'Examples:' : 'Example:'}\n${lines.join('\n')}`
}

/** Commander's refusal in our form: `Unknown option "--foo". Did you mean --for? See lethe plan --help.` */
function wrongUse(error: CommanderError, verb: ListedVerb | undefined): LetheError {
  const said = error.message
    .replace(/^error: /, '')
    .replace(/\n\((.*)\)$/, '. $1')
    .replaceAll("'", '"')
  const sentence = `${said.charAt(0).toUpperCase()}${said.slice(1)}`
  const help = `lethe${verb ? ` ${verb.name}` : ''} --help`
  return new LetheError('usage', `${sentence}${/[.?]$/.test(sentence) ? '' : '.'} See ${help}.`, {}, { cause: error })
}

/** A stop of work that keeps no checkpoint does not promise to go on. */
function stopped(error: unknown, verb: ListedVerb | undefined): unknown {
  if (!isLetheError(error) || error.code !== 'cancelled' || verb?.resumes) return error
  return new LetheError('cancelled', 'Stopped; nothing was written.', {}, { cause: error })
}

/** Tells an error in one line: `lethe: <code>: <sentence>`; the stack only with --debug. */
function report(error: unknown, debug: boolean): number {
  const code = isLetheError(error) ? error.code : 'internal'
  const sentence = error instanceof Error ? error.message.split('\n')[0] : String(error)
  const hint = code === 'internal' ? ' Please report this, with --debug.' : ''
  process.stderr.write(`lethe: ${code}: ${sentence}${hint}\n`)
  if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return code === 'usage' ? exit.usage : exit.failure
}

const code = await main(process.argv.slice(2))
if (code !== 0) process.exitCode = code
