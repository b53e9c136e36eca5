import type { Command as Program } from 'commander'
import type { Terminal } from './terminal.js'

/** What a verb gives back: one JSON document, and the same for people. */
export interface Outcome {
  readonly json: unknown
  readonly text: string
  /** What was asked was done, and what it found is bad: exit 1. */
  readonly isBad?: boolean
}

/** One verb: its flags, and what it does. A file in `commands/`, a row in its table. */
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

/** A verb as the help lists it; its code is loaded when it is asked for, so that the others cost no start-up. */
export interface ListedVerb extends Pick<Verb, 'name' | 'summary'> {
  /** Heading in the help. */
  readonly group: string
  /** Command lines as a user would write them, with what each does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  /** The same command goes on after a stop. */
  readonly resumes?: boolean
  readonly load: () => Promise<Verb>
}
