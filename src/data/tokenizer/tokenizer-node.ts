import { readFile, stat } from 'node:fs/promises'
import { createContext, Script } from 'node:vm'
import { LetheError } from '../../errors.js'
import { readFault } from '../../files/fault.js'
import { makeTokenizer, type Tokenizer } from './tokenizer.js'

/** Larger than any vocabulary in use. */
const sizeLimitBytes = 256 << 20
/** A text is tokenised in microseconds to milliseconds; only a pattern that backtracks without end takes longer than this. */
const timeLimitMs = 20_000

/** Tokenizer of a `tokenizer.json`. Throws `not-found`, `unreadable`, `data-format`. */
export async function readTokenizer(path: string): Promise<Tokenizer> {
  const guard = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw readFault(error, path)
    })
  const { size } = await guard(stat(path))
  if (size > sizeLimitBytes)
    throw new LetheError('data-format', `"${path}" has ${size} bytes, too many for a tokenizer.json.`, { path, size })
  const text = await guard(readFile(path, 'utf8'))
  return makeTokenizer(parse(text, path), path, timeLimit(timeLimitMs))
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new LetheError('data-format', `"${path}" is not JSON: ${String(cause)}.`, { path }, { cause })
  }
}

/** Runs work, and stops it where it takes longer: the only way out of a regular expression that backtracks. */
export function timeLimit(limitMs: number): (work: () => void) => void {
  const script = new Script('work()')
  const box = { work: (): void => undefined }
  const context = createContext(box)
  return (work) => {
    box.work = work
    script.runInContext(context, { timeout: limitMs })
  }
}
