import type { Colour } from './palette.js'

/** Square picture in progress: [side, side, 3], 0…255 as floats. */
export interface Canvas {
  readonly side: number
  readonly rgb: Float32Array
}

/** Where the head is: its centre in pixels, pixels per unit, and the tilt as cosine and sine. */
export interface Frame {
  readonly x: number
  readonly y: number
  readonly unit: number
  readonly cos: number
  readonly sin: number
}

/** Signed distance to a shape's edge at (u, v), in units of the head's half height: negative inside. */
export type Shape = (u: number, v: number) => number

/** Rectangle in the frame of the head that holds a shape: u0, v0, u1, v1. */
export type Box = readonly [number, number, number, number]

/** Paints a shape, its edge smoothed over one pixel. Only the pixels of the box are visited. */
export function paint(canvas: Canvas, frame: Frame, box: Box, shape: Shape, colour: Colour, opacity = 1): void {
  const { side, rgb } = canvas
  const { x, y, unit, cos, sin } = frame
  const midU = (box[0] + box[2]) / 2
  const midV = (box[1] + box[3]) / 2
  const halfU = (box[2] - box[0]) / 2
  const halfV = (box[3] - box[1]) / 2
  const midX = x + (midU * cos - midV * sin) * unit
  const midY = y + (midU * sin + midV * cos) * unit
  const reachX = (halfU * Math.abs(cos) + halfV * Math.abs(sin)) * unit + 1
  const reachY = (halfU * Math.abs(sin) + halfV * Math.abs(cos)) * unit + 1
  const left = Math.max(0, Math.floor(midX - reachX))
  const right = Math.min(side - 1, Math.ceil(midX + reachX))
  const top = Math.max(0, Math.floor(midY - reachY))
  const bottom = Math.min(side - 1, Math.ceil(midY + reachY))
  const [red, green, blue] = colour
  for (let row = top; row <= bottom; row++) {
    const dy = (row + 0.5 - y) / unit
    for (let column = left; column <= right; column++) {
      const dx = (column + 0.5 - x) / unit
      const cover = 0.5 - shape(dx * cos + dy * sin, dy * cos - dx * sin) * unit
      if (cover <= 0) continue
      const a = cover >= 1 ? opacity : cover * opacity
      const at = (row * side + column) * 3
      rgb[at] = rgb[at]! + (red - rgb[at]!) * a
      rgb[at + 1] = rgb[at + 1]! + (green - rgb[at + 1]!) * a
      rgb[at + 2] = rgb[at + 2]! + (blue - rgb[at + 2]!) * a
    }
  }
}

/** Paints an ellipse with half axes (a, b) around (u, v). */
export function paintEllipse(canvas: Canvas, frame: Frame, [u, v, a, b]: Box, colour: Colour, opacity = 1): void {
  paint(canvas, frame, [u - a, v - b, u + a, v + b], ellipse(u, v, a, b), colour, opacity)
}

/** Paints a rounded rectangle with half sides (a, b) around (u, v). */
export function paintBox(canvas: Canvas, frame: Frame, [u, v, a, b]: Box, colour: Colour, opacity = 1): void {
  const shape: Shape = (x, y) => Math.max(Math.abs(x - u) - a, Math.abs(y - v) - b)
  paint(canvas, frame, [u - a, v - b, u + a, v + b], shape, colour, opacity)
}

/** Ellipse with half axes (a, b) around (u, v); exact on its edge, near it off the edge. */
export function ellipse(u: number, v: number, a: number, b: number): Shape {
  const least = Math.min(a, b)
  return (x, y) => {
    const p = (x - u) / a
    const q = (y - v) / b
    return (Math.sqrt(p * p + q * q) - 1) * least
  }
}

/** Outline of a shape, of the given half thickness. */
export function outline(shape: Shape, half: number): Shape {
  return (u, v) => Math.abs(shape(u, v)) - half
}

/** Points of both shapes. */
export function both(a: Shape, b: Shape): Shape {
  return (u, v) => Math.max(a(u, v), b(u, v))
}
