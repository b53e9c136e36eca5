import { type Canvas, type Frame, paintBox, paintEllipse } from './canvas.js'
import { type Pose, paintFace } from './face.js'
import { backdropStyles, type Look } from './looks.js'
import { backdrops, type Colour, cloths, mix, shade } from './palette.js'
import type { Random } from './random.js'

/** Side of every picture, in pixels. */
export const faceSide = 32

/**
 * One picture of a person: [32, 32, 3] bytes. The look is the person's; place, pose, expression, light, a
 * thing in front of the face now and then, and noise come from the stream of random numbers.
 */
export function drawScene(person: Look, random: Random): Uint8Array {
  const look = dress(person, random)
  const canvas: Canvas = { side: faceSide, rgb: new Float32Array(faceSide * faceSide * 3) }
  paintBackdrop(canvas, look, random)
  const pose = strikePose(random)
  paintFace(canvas, look, pose)
  if (random.chance(0.2)) paintObstacle(canvas, random)
  return develop(canvas, pose, random)
}

/** A fifth of the pictures is taken away from home, and now and then the shirt is another. */
function dress(person: Look, random: Random): Look {
  const away = random.chance(0.2)
  const changed = random.chance(0.2)
  const backdropStyle = random.pick(backdropStyles)
  const backdrop = random.pick(backdrops)
  const shirt = random.pick(cloths)
  return { ...person, ...(away && { backdropStyle, backdrop }), ...(changed && { shirt }) }
}

function strikePose(random: Random): Pose {
  // Tilt by half-angle tangent: cosine and sine without trigonometric functions, which differ between machines.
  const t = random.bell() * 0.07
  const frame: Frame = {
    x: faceSide / 2 + random.bell() * 1.8,
    y: faceSide / 2 + 1 + random.bell() * 1.5,
    unit: 10.6 * (1 + 0.12 * random.bell()),
    cos: (1 - t * t) / (1 + t * t),
    sin: (2 * t) / (1 + t * t),
  }
  return {
    frame,
    turn: clamp(random.bell() * 0.5, -1, 1),
    nod: clamp(random.bell() * 0.5, -1, 1),
    smile: clamp(0.5 + random.bell() * 0.5, -0.6, 1),
    mouthOpen: random.chance(0.12),
    blink: random.chance(0.06),
    lightFrom: random.chance(0.5) ? 1 : -1,
    shadow: random.between(0.06, 0.34),
  }
}

function paintBackdrop(canvas: Canvas, look: Look, random: Random): void {
  const [a, b] = look.backdrop
  const shiftX = random.between(0, 16)
  const shiftY = random.between(0, 16)
  const { side, rgb } = canvas
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const colour = mix(a, b, pattern(look, x + shiftX, y + shiftY, x / side, y / side))
      const at = (y * side + x) * 3
      rgb[at] = colour[0]
      rgb[at + 1] = colour[1]
      rgb[at + 2] = colour[2]
    }
  }
}

/** Share of the second colour at a place, (x, y) in pixels of the moved pattern, (p, q) in shares of the picture. */
function pattern(look: Look, x: number, y: number, p: number, q: number): number {
  switch (look.backdropStyle) {
    case 'plain':
      return 0.5
    case 'sky':
      return q
    case 'stripes':
      return wave(y / 8)
    case 'bars':
      return wave(x / 8)
    case 'slant':
      return wave((x + y) / 10)
    case 'dots':
      return wave(x / 7) * wave(y / 7) * 1.6 > 0.8 ? 1 : 0.1
    case 'checks':
      return (Math.floor(x / 5) + Math.floor(y / 5)) % 2
    case 'sun':
      return Math.max(0, 1 - 1.6 * Math.sqrt((p - 0.5) * (p - 0.5) + (q - 0.5) * (q - 0.5)))
  }
}

/** Triangle wave of period 1 between 0 and 1. */
function wave(x: number): number {
  return Math.abs(2 * (x - Math.floor(x)) - 1)
}

/** Something in front of the face: a ball, a bar or a raised mug, seldom more than a sixth of the picture. */
function paintObstacle(canvas: Canvas, random: Random): void {
  const frame: Frame = { x: 0, y: 0, unit: 1, cos: 1, sin: 0 }
  const colour: Colour = random.pick(cloths)
  const x = random.between(2, faceSide - 2)
  const y = random.between(14, faceSide)
  const kind = random.below(3)
  if (kind === 0) paintEllipse(canvas, frame, [x, y, random.between(3, 6), random.between(3, 6)], colour)
  else if (kind === 1) paintBox(canvas, frame, [x, y, random.between(1, 2.5), random.between(8, 20)], colour)
  else {
    const half = random.between(3.5, 5.5)
    paintBox(canvas, frame, [x, y, half, half], colour)
    paintBox(canvas, frame, [x, y - half, half, 0.8], shade(colour, 0.7))
  }
}

/** Light across the picture, brightness, colour cast and noise; then bytes. */
function develop(canvas: Canvas, pose: Pose, random: Random): Uint8Array {
  const { side, rgb } = canvas
  const gain = 1 + 0.16 * random.bell()
  const across = pose.lightFrom * random.between(0, 0.2)
  const down = random.between(-0.16, 0.1)
  const cast = [1 + 0.09 * random.bell(), 1 + 0.05 * random.bell(), 1 + 0.09 * random.bell()]
  const grain = random.between(5, 18)
  const pixels = new Uint8Array(rgb.length)
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const light = gain * (1 + across * ((2 * x) / side - 1) + down * ((2 * y) / side - 1))
      for (let c = 0; c < 3; c++, at++) {
        const noise = (random.unit() + random.unit() - 1) * 2.45 * grain
        pixels[at] = clamp(Math.round(rgb[at]! * light * cast[c]! + noise), 0, 255)
      }
    }
  }
  return pixels
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high)
}
