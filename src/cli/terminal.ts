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
}

/** Time between two progress lines where they cannot be redrawn. */
const plainEveryMs = 5_000
const redrawEveryMs = 100

export function createTerminal(
  stderr: Writable & { isTTY?: boolean },
  signal: AbortSignal,
  now: () => number = Date.now,
): Terminal {
  let open = false
  const clear = (): void => {
    if (open) stderr.write('\r\u001b[K')
    open = false
  }
  return {
    signal,
    warn(sentence) {
      clear()
      stderr.write(`warning: ${sentence}\n`)
    },
    say(sentence) {
      clear()
      stderr.write(`${sentence}\n`)
    },
    progress(label, unit = 'examples') {
      let first: { readonly at: Progress; readonly time: number } | undefined
      let shown = 0
      return (at) => {
        // The rate counts from the first call: what a checkpoint had done, and the start-up, are not in it.
        first ??= { at, time: now() }
        const isLast = at.done >= at.total
        const isTty = stderr.isTTY === true
        if (!isLast && now() - shown < (isTty ? redrawEveryMs : plainEveryMs)) return
        shown = now()
        const line = progressLine(label, at, at.done - first.at.done, (now() - first.time) / 1000, unit)
        if (isTty) {
          stderr.write(`\r\u001b[K${line}`)
          open = true
          if (isLast) {
            stderr.write('\n')
            open = false
          }
        } else stderr.write(`${line}\n`)
      }
    },
  }
}

/** `importance  12,800 / 50,000 examples  1,203 examples/s  31 s left`. */
export function progressLine(
  label: string,
  { done, total }: Progress,
  counted: number,
  seconds: number,
  unit: string,
): string {
  const head = `${label}  ${count(done)} / ${count(total)} ${unit}`
  if (counted <= 0) return head
  const rate = counted / Math.max(seconds, 1e-3)
  const left = done < total ? `${duration((total - done) / rate)} left` : `in ${duration(seconds)}`
  return `${head}  ${count(rate)} ${unit}/s  ${left}`
}

/** A number for people: thousands separated, one decimal below ten. */
export function count(n: number): string {
  return n < 10 && !Number.isInteger(n) ? n.toFixed(1) : Math.round(n).toLocaleString('en-US')
}

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 90) return `${Math.round(seconds)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
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

export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`
}
