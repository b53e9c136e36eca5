import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import {
  createTerminal,
  duration,
  progressLine,
  shortened,
  significant,
  smallPercent,
  wrapped,
} from '../../src/cli/terminal.js'

/** A stream that keeps what is written, and a clock that is set by hand. */
function terminal(tty: { columns: number } | undefined, quiet = false) {
  let written = ''
  let time = 0
  const stream = Object.assign(
    new Writable({
      write(chunk: Buffer, _, done) {
        written += chunk.toString()
        done()
      },
    }),
    tty && { isTTY: true, ...tty },
  )
  return {
    ...createTerminal(stream, { signal: new AbortController().signal, quiet, now: () => time }),
    at: (ms: number) => (time = ms),
    written: () => written,
  }
}

describe('a progress line', () => {
  it.each([
    { label: 'importance', unit: 'examples', total: 50_000 },
    { label: 'importance of the forget set', unit: 'examples', total: 1_281_167 },
    {
      label: 'a-very-long-name-of-a-model-that-somebody-has-trained-for-days-and-nights.onnx',
      unit: 'examples',
      total: 1e7,
    },
  ])('of "$label" never reaches the last column of a terminal', ({ label, unit, total }) => {
    for (const width of [60, 80, 120]) {
      for (const seconds of [0.001, 3, 1000, 400_000]) {
        for (const done of [0, 1, total / 2, total]) {
          const line = progressLine(label, { done, total }, done, seconds, unit, width)
          expect(line.length).toBeLessThan(width)
          expect(line).toContain(' / ')
        }
      }
    }
  })

  it('has rate and time left; slow work is told by its pieces', () => {
    const line = (done: number, seconds: number, unit: string) =>
      progressLine('work', { done, total: 40 }, done, seconds, unit)
    expect(line(10, 5, 'examples')).toBe('work  10 / 40 examples  2/s  15 s left')
    expect(line(10, 50, 'strengths')).toBe('work  10 / 40 strengths  5.0 s each  2 min 30 s left')
    expect(line(40, 20, 'examples')).toBe('work  40 / 40 examples  2/s  in 20 s')
  })
})

describe('a terminal', () => {
  it('that is none has the first numbers at once, then a line every five seconds, and the last', () => {
    const t = terminal(undefined)
    const tell = t.progress('work')
    for (let done = 0; done <= 120; done++) {
      t.at(done * 100)
      tell({ done, total: 120 })
    }
    const dones = t
      .written()
      .trimEnd()
      .split('\n')
      .map((line) => /work {2}(\d+)/.exec(line)?.[1])
    expect(dones).toEqual(['0', '1', '51', '101', '120'])
  })

  it('is redrawn in place, and a warning does not fall into the line', () => {
    const t = terminal({ columns: 80 })
    t.progress('work')({ done: 1, total: 2 })
    t.warn('look out.')
    expect(t.written()).toBe('\r\u001b[Kwork  1 / 2 examples\r\u001b[Kwarning: look out.\n')
  })

  it('that is to be quiet tells warnings alone', () => {
    const t = terminal(undefined, true)
    t.say('working')
    t.progress('work')({ done: 1, total: 1 })
    t.phases()('one', { done: 1, total: 1 })
    t.warn('look out.')
    expect(t.written()).toBe('warning: look out.\n')
  })
})

describe('a number', () => {
  it.each([
    [0, '0'],
    [0.000_012_34, '0.0000123'],
    [0.5, '0.500'],
    [12.345, '12.3'],
    [1234.5, '1235'],
    [1.2345e-12, '1.23e-12'],
  ])('%d is shown in three significant digits: %s', (x, text) => expect(significant(x)).toBe(text))

  it('small shares are not shown as nothing', () => {
    expect([0, 0.000_021_3, 0.5, 1].map(smallPercent)).toEqual(['0 %', '0.00213 %', '50.0 %', '100 %'])
  })

  it('times round before they are split', () => {
    expect([0.02, 9.96, 89.6, 119.7, 3599.9, 7230].map(duration)).toEqual([
      '20 ms',
      '10 s',
      '1 min 30 s',
      '2 min 0 s',
      '1 h 0 min',
      '2 h 1 min',
    ])
  })

  it('prose is broken between words, before the last column', () => {
    const text = Array.from({ length: 60 }, (_, i) => 'w'.repeat((i % 9) + 1)).join(' ')
    const lines = wrapped(text, '  ').split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(80)
    expect(lines.map((line) => line.trim()).join(' ')).toBe(text)
    expect(lines.slice(1).every((line) => line.startsWith('  w'))).toBe(true)
  })

  it('long text gives way in its middle', () => {
    expect(shortened('abcdefgh', 8)).toBe('abcdefgh')
    expect(shortened('abcdefgh', 5)).toBe('ab…gh')
    expect(shortened('abcdefgh', 1)).toBe('…')
  })
})
