import { expect, it } from 'vitest'
import { augment } from '../../src/train/augment.js'
import { epochRandom, shuffled } from '../../src/train/order.js'

const dims = [2, 3, 4] as const
const picture = Float32Array.from({ length: 24 }, (_, i) => i + 1)

/** 400 augmented copies of the picture. */
function many(crop: number, flip: boolean): Float32Array[] {
  const batch = new Float32Array(400 * 24)
  for (let n = 0; n < 400; n++) batch.set(picture, n * 24)
  augment(batch, dims, { crop, flip }, epochRandom(1, 0))
  return Array.from({ length: 400 }, (_, n) => batch.slice(n * 24, (n + 1) * 24))
}

/** The picture seen through a window moved by (dx, dy), then mirrored, zeros outside: each pixel looked up by itself. */
function expected(dx: number, dy: number, mirrored: boolean): string {
  const out: number[] = []
  for (let c = 0; c < 2; c++)
    for (let y = 0; y < 3; y++)
      for (let x = 0; x < 4; x++) {
        const [row, column] = [y + dy, (mirrored ? 3 - x : x) + dx]
        out.push(row >= 0 && row < 3 && column >= 0 && column < 4 ? picture[c * 12 + row * 4 + column]! : 0)
      }
  return out.join()
}

it('a crop moves the picture by up to so many pixels, a flip mirrors it: every combination comes, and nothing else', () => {
  const possible = new Set<string>()
  for (const dx of [-1, 0, 1])
    for (const dy of [-1, 0, 1]) for (const mirrored of [false, true]) possible.add(expected(dx, dy, mirrored))
  expect(possible.size).toBe(18)
  expect(new Set(many(1, true).map((p) => p.join()))).toEqual(possible)
})

it('a flip alone keeps all pixels and mirrors about half of the pictures', () => {
  const seen = many(0, true).map((p) => p.join())
  expect(new Set(seen)).toEqual(new Set([expected(0, 0, false), expected(0, 0, true)]))
  const share = seen.filter((p) => p === picture.join()).length / seen.length
  expect(Math.abs(share - 0.5)).toBeLessThan(0.1)
})

it('nothing asked for changes nothing', () => {
  for (const p of many(0, false)) expect(p).toEqual(picture)
})

it('an epoch meets every example once, in an order of its own', () => {
  const orders = [0, 1].map((epoch) => shuffled(50, epochRandom(3, epoch)))
  for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
  expect(orders[0]).not.toEqual(orders[1])
  expect(shuffled(50, epochRandom(3, 0))).toEqual(orders[0])
})
