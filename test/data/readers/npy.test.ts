import { describe, expect, it } from 'vitest'
import { memorySource } from '../../../src/data/readers/byte-source.js'
import { openNpy } from '../../../src/data/readers/npy.js'

describe('openNpy', () => {
  it.each([
    { what: 'nothing', bytes: [] },
    { what: 'another mark', bytes: [...'PK\x03\x04 and more bytes'].map((c) => c.charCodeAt(0)) },
    { what: 'version 9', bytes: [0x93, 78, 85, 77, 80, 89, 9, 0, 0, 0, 0, 0] },
    { what: 'a header past the end', bytes: [0x93, 78, 85, 77, 80, 89, 1, 0, 255, 0, 1, 2] },
    { what: 'a header of 4 GB', bytes: [0x93, 78, 85, 77, 80, 89, 2, 0, 255, 255, 255, 255] },
    { what: 'an empty header', bytes: [0x93, 78, 85, 77, 80, 89, 1, 0, 2, 0, 123, 125] },
  ])('refuses $what', async ({ bytes }) => {
    await expect(openNpy('x', memorySource('x', Uint8Array.from(bytes)))).rejects.toMatchObject({ code: 'data-format' })
  })
})
