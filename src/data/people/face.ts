import {
  type Box,
  both,
  type Canvas,
  ellipse,
  type Frame,
  outline,
  paint,
  paintBox,
  paintEllipse,
  type Shape,
} from './canvas.js'
import type { Look } from './looks.js'
import { type Colour, mix, shade } from './palette.js'

/** How a person holds the head in one picture. */
export interface Pose {
  readonly frame: Frame
  /** Head turned left (−1) to right (1). */
  readonly turn: number
  /** Head lowered (−1) to raised (1), as a shift of the features. */
  readonly nod: number
  /** Mouth from sad (−1) to glad (1). */
  readonly smile: number
  readonly mouthOpen: boolean
  readonly blink: boolean
  /** Side the light comes from: −1 left, 1 right. */
  readonly lightFrom: number
  readonly shadow: number
}

const everywhere: Box = [-1.5, -1.7, 1.5, 1.6]
const white: Colour = [250, 248, 244]
const ink: Colour = [34, 26, 30]

/** Paints shoulders, head, hair, features and what the person wears. Back to front. */
export function paintFace(canvas: Canvas, look: Look, pose: Pose): void {
  const { frame } = pose
  const head = headShape(look)
  paintHairBehind(canvas, look, pose)
  paintEllipse(canvas, frame, [0, 1.75, 1.25, 0.75], look.shirt)
  paintBox(canvas, frame, [0, 0.95, 0.28, 0.3], shade(look.skin, 0.8))
  for (const side of [-1, 1]) {
    const ear = look.headWidth - 0.02 - 0.08 * side * pose.turn
    paintEllipse(canvas, frame, [side * ear, 0.1, 0.14 * look.ears, 0.2 * look.ears], shade(look.skin, 0.88))
    if (look.earrings) paintEllipse(canvas, frame, [side * (ear + 0.02), 0.36, 0.09, 0.09], [250, 214, 90])
  }
  paint(canvas, frame, everywhere, head, look.skin)
  paintShadow(canvas, head, pose)
  paintFeatures(canvas, look, pose)
  if (look.beard !== 'none') paintBeard(canvas, look, pose, head)
  paintHairFront(canvas, look, pose, head)
  if (look.glasses !== 'none') paintGlasses(canvas, look, pose)
  if (look.hat !== 'none') paintHat(canvas, look, pose, head)
}

function headShape(look: Look): Shape {
  const { headWidth, jaw } = look
  return (u, v) => {
    const wide = v > 0 ? headWidth * (1 - jaw * v * v) : headWidth
    const p = u / wide
    return (Math.sqrt(p * p + v * v) - 1) * headWidth
  }
}

/** The side away from the light: inside the head, outside the head moved towards the light. */
function paintShadow(canvas: Canvas, head: Shape, pose: Pose): void {
  const away: Shape = (u, v) => -head(u - 0.3 * pose.lightFrom, v + 0.12)
  paint(canvas, pose.frame, everywhere, both(head, away), [70, 40, 60], pose.shadow)
}

/** Place of a feature that stands `depth` in front of the turning axis. */
function turned(pose: Pose, u: number, depth: number): number {
  return u * (1 - 0.12 * Math.abs(pose.turn)) + 0.22 * pose.turn * depth
}

function paintFeatures(canvas: Canvas, look: Look, pose: Pose): void {
  const { frame } = pose
  const drop = -0.12 * pose.nod
  for (const side of [-1, 1]) {
    const u = turned(pose, side * look.eyeSpacing, 1)
    const v = 0.02 + drop
    const size = 0.17 * look.eyeSize
    if (pose.blink) paintBox(canvas, frame, [u, v + 0.03, size, 0.04], shade(look.skin, 0.55))
    else {
      paintEllipse(canvas, frame, [u, v, size, size * 0.85], white)
      paintEllipse(canvas, frame, [u + 0.04 * pose.turn, v + 0.01, size * 0.62, size * 0.68], look.iris)
      paintEllipse(canvas, frame, [u + 0.04 * pose.turn, v + 0.01, size * 0.32, size * 0.34], ink)
    }
    paintBox(canvas, frame, [u, v - 0.25, 0.19, 0.035 + 0.035 * look.brow], shade(look.hair, 0.8), 0.9)
    paintEllipse(canvas, frame, [turned(pose, side * 0.46, 0.9), 0.36 + drop, 0.17, 0.12], [236, 110, 100], 0.28)
  }
  if (look.freckles) {
    for (const [u, v] of freckleSpots) {
      paintEllipse(canvas, frame, [turned(pose, u, 1), v + drop, 0.05, 0.05], shade(look.skin, 0.62), 0.9)
    }
  }
  const nose = turned(pose, 0, 1.5)
  paintEllipse(
    canvas,
    frame,
    [nose, 0.26 + drop, 0.05 + 0.05 * look.nose, 0.06 + 0.04 * look.nose],
    shade(look.skin, 0.78),
  )
  paintEllipse(canvas, frame, [nose, 0.2 + drop, 0.05, 0.12], mix(look.skin, white, 0.35), 0.7)
  paintMouth(canvas, look, pose, drop)
}

const freckleSpots: readonly (readonly [number, number])[] = [
  [-0.5, 0.26],
  [-0.34, 0.34],
  [-0.22, 0.22],
  [0.22, 0.22],
  [0.34, 0.34],
  [0.5, 0.26],
]

function paintMouth(canvas: Canvas, look: Look, pose: Pose, drop: number): void {
  const u = turned(pose, 0, 1.1)
  const v = 0.58 + drop
  const wide = look.mouthWidth
  const lips: Colour = mix(shade(look.skin, 0.6), [190, 50, 60], 0.6)
  if (pose.mouthOpen) {
    paintEllipse(canvas, pose.frame, [u, v, wide, 0.13], shade(lips, 0.55))
    paintEllipse(canvas, pose.frame, [u, v - 0.05, wide * 0.7, 0.05], white)
    return
  }
  // A parabola through the corners: its middle lies lower the gladder the mouth.
  const curve: Shape = (x, y) => {
    const p = (x - u) / wide
    return Math.max(Math.abs(y - v - 0.16 * pose.smile * (0.5 - p * p)) - 0.055, Math.abs(x - u) - wide)
  }
  paint(canvas, pose.frame, [u - wide, v - 0.2, u + wide, v + 0.2], curve, lips)
}

function paintBeard(canvas: Canvas, look: Look, pose: Pose, head: Shape): void {
  const u = turned(pose, 0, 1)
  const colour = shade(look.hair, 0.92)
  if (look.beard === 'moustache' || look.beard === 'full') {
    paintEllipse(canvas, pose.frame, [u, 0.44, 0.32, 0.08], colour)
  }
  if (look.beard === 'goatee') paintEllipse(canvas, pose.frame, [u, 0.84, 0.2, 0.16], colour)
  if (look.beard === 'full') {
    const bearded: Shape = (x, y) => Math.max(head(x, y - 0.1) - 0.05, 0.3 - y)
    const mouth = ellipse(u, 0.55, 0.5, 0.22)
    paint(
      canvas,
      pose.frame,
      [-1, 0.2, 1, 1.4],
      both(bearded, (x, y) => -mouth(x, y)),
      colour,
    )
  }
}

function paintHairBehind(canvas: Canvas, look: Look, pose: Pose): void {
  const { frame } = pose
  const dark = shade(look.hair, 0.82)
  const wide = look.headWidth
  if (look.hairStyle === 'long') paintEllipse(canvas, frame, [0, 0.35, wide + 0.32, 1.35], dark)
  if (look.hairStyle === 'bob') paintEllipse(canvas, frame, [0, 0.05, wide + 0.3, 1.05], dark)
  if (look.hairStyle === 'bun') paintEllipse(canvas, frame, [-0.15 * pose.turn, -1.22, 0.4, 0.34], look.hair)
  if (look.hairStyle === 'tails') {
    for (const side of [-1, 1]) paintEllipse(canvas, frame, [side * (wide + 0.28), 0.1, 0.26, 0.55], look.hair)
  }
  if (look.hairStyle === 'curly') {
    for (const [u, v] of curls) paintEllipse(canvas, frame, [u * (wide + 0.12), v, 0.36, 0.36], dark)
  }
}

const curls: readonly (readonly [number, number])[] = [
  [-0.95, 0.15],
  [-1, -0.3],
  [-0.75, -0.75],
  [0, -1.05],
  [0.75, -0.75],
  [1, -0.3],
  [0.95, 0.15],
]

/** Hair above a line over the forehead; the line is what tells most styles apart. */
function paintHairFront(canvas: Canvas, look: Look, pose: Pose, head: Shape): void {
  const { frame, turn } = pose
  if (look.hairStyle === 'bald') return
  if (look.hairStyle === 'crest') {
    paintEllipse(canvas, frame, [0.2 * turn, -0.98, 0.24, 0.48], look.hair)
    return
  }
  const line = hairline(look, turn)
  const puff = look.hairStyle === 'curly' ? 0.18 : 0.1
  const cap: Shape = (u, v) => Math.max(head(u, v) - puff, v - line(u))
  paint(canvas, frame, [-1.2, -1.4, 1.2, 0.4], cap, look.hair)
  const shine: Shape = both(cap, outline(ellipse(0.1 * turn, -0.2, 0.62, 0.72), 0.05))
  paint(canvas, frame, [-1.2, -1.4, 1.2, 0], shine, mix(look.hair, white, 0.5), 0.45)
}

function hairline(look: Look, turn: number): (u: number) => number {
  switch (look.hairStyle) {
    case 'fringe':
    case 'bob':
      return (u) => -0.32 + 0.5 * Math.max(0, Math.abs(u) - 0.5)
    case 'parted':
      return (u) => -0.72 + 0.55 * Math.abs(u - 0.35 - 0.15 * turn)
    case 'long':
      return (u) => -0.75 + 1.1 * u * u
    case 'short':
      return (u) => -0.58 + 0.25 * u * u
    default:
      return (u) => -0.66 + 0.5 * u * u
  }
}

function paintGlasses(canvas: Canvas, look: Look, pose: Pose): void {
  const { frame } = pose
  const v = 0.03 - 0.12 * pose.nod
  const colour = look.glasses === 'dark' ? ink : shade(look.accent, 0.6)
  for (const side of [-1, 1]) {
    const u = turned(pose, side * (look.eyeSpacing + 0.02), 1.1)
    const box: Box = [u - 0.34, v - 0.34, u + 0.34, v + 0.34]
    const square: Shape = (x, y) => Math.max(Math.abs(x - u) - 0.27, Math.abs(y - v) - 0.2)
    const lens = look.glasses === 'square' ? square : ellipse(u, v, 0.28, 0.26)
    if (look.glasses === 'dark') paint(canvas, frame, box, lens, colour, 0.92)
    else {
      paint(canvas, frame, box, lens, white, 0.25)
      paint(canvas, frame, box, outline(lens, 0.045), colour)
    }
  }
  paintBox(canvas, frame, [turned(pose, 0, 1.2), v - 0.03, 0.1, 0.04], colour)
}

function paintHat(canvas: Canvas, look: Look, pose: Pose, head: Shape): void {
  const { frame } = pose
  const dark = shade(look.accent, 0.72)
  if (look.hat === 'band') {
    const band: Shape = (u, v) => Math.max(head(u, v) - 0.12, Math.abs(v + 0.55) - 0.1)
    paint(canvas, frame, [-1.1, -0.8, 1.1, -0.3], band, look.accent)
    return
  }
  const cap: Shape = (u, v) => Math.max(head(u, v) - 0.18, v + 0.5)
  paint(canvas, frame, [-1.2, -1.4, 1.2, -0.4], cap, look.accent)
  if (look.hat === 'beanie') {
    paintBox(canvas, frame, [0, -0.52, look.headWidth + 0.12, 0.12], dark)
    paintEllipse(canvas, frame, [0, -1.25, 0.2, 0.2], white)
  } else {
    paintEllipse(canvas, frame, [0.1 * pose.turn, -0.5, look.headWidth + 0.5, 0.15], dark)
  }
}
