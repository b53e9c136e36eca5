import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pixelsToDataUri } from '../../src/report/faces-node.js'
import type { ReportFacts } from '../../src/report/facts.js'
import { countInto, lossEdges } from '../../src/report/histogram.js'
import { decimal, duration, escapeText, percent } from '../../src/report/html.js'
import { writeReport } from '../../src/report/report.js'
import { sampleFacts } from './sample.js'

const pixel = 'data:image/png;base64,iVBORw0KGgo='

/** Every text of the facts replaced; enumerations and pictures are kept. */
function withTexts(value: unknown, text: string): unknown {
  if (typeof value === 'string') return value === 'forgotten' || value === pixel ? value : text
  if (Array.isArray(value)) return value.map((entry) => withTexts(entry, text))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withTexts(entry, text)]))
}

function hostileFacts(text: string): ReportFacts {
  const answer = { class: 'x', probability: 0.5 }
  const facts = { ...sampleFacts(), faces: [{ png: pixel, label: 'x', before: answer, after: answer }] }
  return withTexts(facts, text) as ReportFacts
}

/** Names of all elements and attributes, in order: what a reader's browser makes of a page beside its text. */
function markup(html: string): string[] {
  const body = html.replace(/<style>[^<]*<\/style>/, '')
  return [...body.matchAll(/<\/?([a-z0-9!]+)((?:\s+[a-zA-Z0-9:-]+="[^"]*"|\s+[a-zA-Z-]+)*)\s*\/?>/g)].map(
    ([, tag, attributes]) =>
      `${tag} ${[...attributes!.matchAll(/\s([a-zA-Z0-9:-]+)="/g)].map(([, name]) => name).join(' ')}`,
  )
}

const attacks = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)",
  '</title></style></svg><iframe src=https://evil.example>',
  '`x` & &lt; \u0000 \u202egnp.exe \ud800',
  'javascript:alert(1)',
]

describe('report', () => {
  it.each(attacks)('escapes every text: %j adds no element and no attribute', (attack) => {
    const html = writeReport(hostileFacts(attack))
    expect(markup(html)).toEqual(markup(writeReport(hostileFacts('name'))))
    expect(html).toContain(escapeText(attack))
  })

  it('escapes any text: nothing of it can end a quoted attribute, an element or a comment', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeText(text)).not.toMatch(/[<>"'`]|&(?!amp;|lt;|gt;|quot;|#39;|#96;)/)
      }),
      { seed: 7 },
    )
  })

  it('is self-contained: refers to nothing outside, runs no script', () => {
    const html = writeReport(hostileFacts('name'))
    const addresses = [...html.matchAll(/https?:\/\/[^\s"'<)]+/g)].map(([address]) => address)
    expect(new Set(addresses)).toEqual(new Set(['http://www.w3.org/2000/svg']))
    expect(html).not.toMatch(/<script|<link|<iframe|<object|<base|@import|url\(|\son[a-z]+=|\shref=|\ssrcset=/i)
    expect([...html.matchAll(/\ssrc="([^"]*)"/g)].map(([, source]) => source)).toEqual([pixel])
  })

  it.each(['https://evil.example/a.png', 'data:image/svg+xml;base64,AAAA', `${pixel}" onload="x`, ''])(
    'refuses the picture %j',
    (png) => {
      const answer = { class: 'x', probability: 0.5 }
      const facts = { ...sampleFacts(), faces: [{ png, label: 'x', before: answer, after: answer }] }
      expect(() => writeReport(facts)).toThrow(expect.objectContaining({ code: 'data-format' }))
    },
  )

  it('starts with the verdict and shows every number of the table', () => {
    const facts = sampleFacts()
    const html = writeReport(facts)
    const order = [
      facts.verdict.sentence,
      'The models side by side',
      'What changed',
      'Strength and settings',
      'Digests',
    ]
    const places = order.map((text) => html.indexOf(text))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places[0]).toBeGreaterThan(0)
    for (const m of facts.models) {
      for (const share of [m.forgetAccuracy, m.retainAccuracy, m.testAccuracy, m.attackTpr]) {
        expect(html).toContain(`>${percent(share)}</td>`)
      }
      expect(html).toContain(`>${decimal(m.attackAuc)}</td>`)
      expect(html).toContain(`>${duration(m.seconds)}</td>`)
    }
    for (const { sha256 } of facts.digests) expect(html).toContain(sha256)
    for (const limit of facts.verdict.limits) expect(html).toContain(limit)
    expect(html).toContain('812 of 28\u202f584 (2.84\u202f%)')
  })

  it('says each state of the verdict in words, not in colour alone', () => {
    const said = (['forgotten', 'partly forgotten', 'not forgotten'] as const).map((state) => {
      const facts = sampleFacts()
      const html = writeReport({ ...facts, verdict: { ...facts.verdict, state } })
      return html.match(/<strong>.*?<\/span> (.*?)<\/strong>/)?.[1]
    })
    expect(said).toEqual(['Forgotten', 'Partly forgotten', 'Not forgotten'])
  })

  it('is the same after its facts went through JSON', () => {
    const facts = sampleFacts()
    expect(writeReport(JSON.parse(JSON.stringify(facts)))).toBe(writeReport(facts))
  })

  it('stands without what was not measured, and never prints NaN', () => {
    const nothing = { forgotten: [], retained: [], unseen: [] }
    const facts: ReportFacts = {
      ...sampleFacts(),
      models: [
        {
          name: 'forgotten',
          forgetAccuracy: Number.NaN,
          retainAccuracy: null,
          testAccuracy: null,
          attackAuc: null,
          attackTpr: null,
          seconds: null,
        },
      ],
      strength: {
        estimator: 'exact',
        alpha: null,
        lambda: null,
        tau: null,
        ratio: Number.NaN,
        selected: 0,
        parameters: 0,
      },
      tradeoff: [],
      groups: { kind: 'class', accuracies: [] },
      losses: { edges: [], before: nothing, after: nothing },
      layers: [],
      digests: [],
      settings: [],
    }
    const html = writeReport(facts)
    expect(html).not.toMatch(/NaN|undefined|Infinity/)
    expect(html.match(/>–<\/td>/g)?.length).toBeGreaterThanOrEqual(10)
  })
})

describe('numbers', () => {
  const rows = [
    { got: percent(0.9173), said: '91.7\u202f%' },
    { got: percent(-0.0025, 2), said: '\u22120.25\u202f%' },
    { got: percent(null), said: '–' },
    { got: decimal(3120, 12), said: '3\u202f120' },
    { got: decimal(1234567, 4), said: '1\u202f234\u202f567' },
    { got: decimal(0.51249), said: '0.512' },
    { got: decimal(0.00001234), said: '1.23e\u22125' },
    { got: decimal(-14.83), said: '\u221214.8' },
    { got: decimal(0), said: '0' },
    { got: decimal(Number.POSITIVE_INFINITY), said: '–' },
    { got: duration(0.4217), said: '0.42\u202fs' },
    { got: duration(59.96), said: '60\u202fs' },
    { got: duration(200), said: '3\u202fmin 20\u202fs' },
  ]
  it.each(rows)('are written for readers: $said', ({ got, said }) => expect(got).toBe(said))
})

describe('loss bins', () => {
  it('hold every loss once, whatever its size, and no NaN', () => {
    const edges = lossEdges()
    expect(edges).toEqual(edges.toSorted((a, b) => a - b))
    const counts = countInto(edges, [0, 1e-9, 1e-4, 0.3, 10, 1e300, Number.POSITIVE_INFINITY, Number.NaN])
    expect(counts.reduce((a, b) => a + b)).toBe(7)
    expect([counts[0], counts[1], counts.at(-1)]).toEqual([2, 1, 3])
    expect(countInto([], [1])).toEqual([])
  })
})

describe('pictures', () => {
  it.each([1, 3, 4])('of %i channels become PNG data that the report takes', async (channels) => {
    const png = await pixelsToDataUri(new Uint8Array(6 * channels).fill(200), 3, 2, 4)
    const answer = { class: 'a', probability: 1 }
    expect(writeReport({ ...sampleFacts(), faces: [{ png, label: 'a', before: answer, after: answer }] })).toContain(
      png,
    )
  })

  it('keep their pixels, enlarged without smoothing', async () => {
    const { default: sharp } = await import('sharp')
    const uri = await pixelsToDataUri(Uint8Array.of(255, 0, 0, 0, 0, 255), 2, 1, 3)
    const raw = await sharp(Buffer.from(uri.split(',')[1]!, 'base64'))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([raw.info.width, raw.info.height]).toEqual([6, 3])
    expect([...raw.data.subarray(0, 18)]).toEqual([255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255])
  })

  it('of another size are refused', async () => {
    await expect(pixelsToDataUri(new Uint8Array(7), 2, 1, 3)).rejects.toMatchObject({ code: 'shape-mismatch' })
  })
})
