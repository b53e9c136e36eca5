import { describe, expect, it } from 'vitest'
import { nearest } from '../../src/data/near.js'

describe('the nearest name', () => {
  it.each([
    ['rokcet', ['racket', 'rocket', 'pocket'], 'rocket'],
    ['Cat', ['bat', 'cat'], 'cat'],
    ['persn', ['person', 'family'], 'person'],
    ['p9', ['p0', 'p1'], undefined],
    ['zebra', ['cat', 'dog'], undefined],
    ['', ['a'], undefined],
    ['cat', [], undefined],
  ])('of "%s" among %j is %j', (name, known, expected) => expect(nearest(name, known)).toBe(expected))
})
