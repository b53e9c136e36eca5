import type { Writable } from 'node:stream'
import type { Progress } from '../engine/in-order.js'

/** Where a verb speaks: progress and warnings go to stderr, results are printed by `main`. */
export interface Terminal {
  readonly signal: AbortSignal
  warn(sentence: string): void
  /** A line that says what happens now. */
  say(sentence: string): void
  /** Progress of one piece of work: rate and time left, redrawn in place on a terminal, a line now and then elsewhere. */
  progress(label: string, unit?: string): (at: Progress) => void
  /** Progress of work that goes through phases: each is begun when it is first told of. */
  phases(): (phase: string, at: Progress, unit?: string) => void
}

export interface TerminalOptions {
  readonly signal: AbortSignal
  /** Leave out progress and what happens now; warnings are always told. */
  readonly quiet?: boolean
  readonly now?: () => number
}

/** Time between two progress lines where they cannot be redrawn. */
const plainEveryMs = 5_000
const redrawEveryMs = 100
/** Width where a terminal does not tell its own. */
const defaultColumns = 80

export function createTerminal(
  stderr: Writable & { isTTY?: boolean; columns?: number },
  { signal, quiet = false, now = Date.now }: TerminalOptions,
): Terminal {
  let open = false
  const clear = (): void => {
    if (open) stderr.write('\r\u001b[K')
    open = false
  }
  const progress = (label: string, unit = 'examples'): ((at: Progress) => void) => {
    let first: { readonly at: Progress; readonly time: number } | undefined
    let shown = Number.NEGATIVE_INFINITY
    return (at) => {
      if (quiet) return
      // The rate counts from the first call: what a checkpoint had done, and the start-up, are not in it.
      first ??= { at, time: now() }
      const isLast = at.done >= at.total
      const isTty = stderr.isTTY === true
      if (!isLast && now() - shown < (isTty ? redrawEveryMs : plainEveryMs)) return
      // Right after the start the first number is told too: it says how long the rest will take.
      shown = at.done > 0 ? now() : Number.NEGATIVE_INFINITY
      const width = isTty ? (stderr.columns ?? defaultColumns) : defaultColumns
      const line = progressLine(label, at, at.done - first.at.done, (now() - first.time) / 1000, unit, width)
      if (!isTty) {
        stderr.write(`${line}\n`)
        return
      }
      stderr.write(`\r\u001b[K${line}${isLast ? '\n' : ''}`)
      open = !isLast
    }
  }
  return {
    signal,
    warn(sentence) {
      clear()
      stderr.write(`warning: ${sentence}\n`)
    },
    say(sentence) {
      if (quiet) return
      clear()
      stderr.write(`${sentence}\n`)
    },
    progress,
    phases() {
      const bars = new Map<string, (at: Progress) => void>()
      return (phase, at, unit) => {
        const bar = bars.get(phase) ?? progress(phase, unit)
        bars.set(phase, bar)
        bar(at)
      }
    },
  }
}

/**
 * `importance  12,800 / 50,000 examples  1,203/s  31 s left`, in less than `width` columns: where there is no room, the
 * rate is left out, then the middle of the label.
 */
export function progressLine(
  label: string,
  { done, total }: Progress,
  counted: number,
  seconds: number,
  unit: string,
  width = defaultColumns,
): string {
  const head = (name: string): string => `${name}  ${count(done)} / ${count(total)} ${unit}`
  const perSecond = counted / Math.max(seconds, 1e-3)
  const rate = perSecond < 1 ? `${duration(1 / perSecond)} each` : `${count(perSecond)}/s`
  const time = done < total ? `${duration((total - done) / perSecond)} left` : `in ${duration(seconds)}`
  const ends = counted > 0 ? [`  ${rate}  ${time}`, `  ${time}`] : ['']
  const fitting = ends.map((end) => head(label) + end).find((line) => line.length < width)
  if (fitting) return fitting
  const end = ends.at(-1)!
  return head(shortened(label, Math.max(1, width - 1 - head('').length - end.length))) + end
}

/** Text of at most `length` characters: the middle gives way to a dot. */
export function shortened(text: string, length: number): string {
  if (text.length <= length) return text
  const tail = Math.floor((length - 1) / 2)
  return `${text.slice(0, length - 1 - tail)}…${tail > 0 ? text.slice(-tail) : ''}`
}

/** Text in lines of less than 80 columns, broken between words; further lines begin with the margin. */
export function wrapped(text: string, margin = ''): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length < defaultColumns) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(margin + word)
  }
  return lines.join('\n')
}

/** A number for people: thousands separated, one decimal below ten. */
export function count(n: number): string {
  return n < 10 && !Number.isInteger(n) ? n.toFixed(1) : Math.round(n).toLocaleString('en-US')
}

/** A number in three significant digits, so that a small one is not shown as nothing: 0.000123, 0.500, 12.3, 1234. */
export function significant(x: number, digits = 3): string {
  if (x === 0 || !Number.isFinite(x)) return String(x)
  const magnitude = Math.floor(Math.log10(Math.abs(x)))
  if (magnitude < -9) return x.toExponential(digits - 1)
  return x.toFixed(Math.max(0, digits - 1 - magnitude))
}

export function duration(seconds: number): string {
  if (seconds < 0.95) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 90) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Columns of text, the first left-aligned, the others right-aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((w) => '─'.repeat(w)).join('  '), ...rows.map(line)].join('\n')
}

/** An accuracy as a percentage, to the given decimals. */
export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`
}

/** A share of any size as a percentage in three significant digits: 0.00213 %. */
export function smallPercent(share: number): string {
  return share === 1 ? '100 %' : `${significant(share * 100)} %`
}
