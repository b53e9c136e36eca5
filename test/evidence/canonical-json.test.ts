import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, type Json } from '../../src/evidence/canonical-json.js'

it('sorts keys by UTF-16 code units at every depth and writes numbers as ECMAScript does', () => {
  // U+FB33 is above U+1F600's first code unit: by code points the last two keys would change places.
  expect(
    canonicalJson({
      numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '€$\u000f\nA\'B"\\\\"/',
      literals: [null, true, false],
    }),
  ).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
  expect(Object.keys(JSON.parse(canonicalJson({ '€': 1, '\r': 2, '\ufb33': 3, '😀': 4, '\u0080': 5, ö: 6 })))).toEqual([
    '\r',
    '\u0080',
    'ö',
    '€',
    '😀',
    '\ufb33',
  ])
})

it('is read back as the same value, and does not depend on the order of keys', () => {
  const value = fc.jsonValue() as fc.Arbitrary<Json>
  fc.assert(
    fc.property(value, fc.constantFrom(0, 2), (json, indent) => {
      const text = canonicalJson(json, indent)
      // JSON has no −0.
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(json)))
      expect(canonicalJson(reversed(json), indent)).toBe(text)
    }),
  )
})

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([k, v]) => [k, v === undefined ? v : reversed(v)]),
  )
}

it('with lines it is laid out as JSON.stringify lays out, but for the order', () => {
  const value = { a: [1, { b: [], c: {} }], d: 'x' }
  expect(canonicalJson(value, 2)).toBe(JSON.stringify(value, null, 2))
})

it('leaves out what is undefined', () => {
  expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}')
})

describe('refuses numbers that JSON cannot hold, and says where', () => {
  it.each([Number.NaN, Infinity, -Infinity])('%s', (x) => {
    expect(() => canonicalJson({ a: [0, { b: x }] })).toThrow(
      expect.objectContaining({ code: 'value-not-finite', message: `$.a[1].b is ${x}, which JSON cannot hold.` }),
    )
  })
})
