import type { Command as Program } from 'commander'
import type { Terminal } from './terminal.js'

/** What a verb gives back: one JSON document, and the same for people. */
export interface Outcome {
  readonly json: unknown
  readonly text: string
}

/** One verb: its help and flags, and what it does. A file in `commands/`, a line in its table. */
export interface Verb {
  readonly name: string
  readonly summary: string
  /** Adds arguments and options to the commander command. */
  readonly configure: (program: Program) => Program
  readonly run: (
    options: Readonly<Record<string, unknown>>,
    args: readonly string[],
    terminal: Terminal,
  ) => Promise<Outcome>
}
