import { sizeOf } from '../tensor/tensor.js'

/** A tensor seen as a matrix, row-major, and a corner in it. */
export interface Corner {
  readonly rows: number
  readonly columns: number
  readonly row: number
  readonly column: number
}

/**
 * Where a block of a state dict's tensor lies in an initializer: element (i, j) of the block is element (i, j) from the corner
 * of the tensor, and (i, j) or, transposed, (j, i) from the corner of the initializer. `height` and `width` are as in the tensor.
 */
export interface Place {
  readonly target: Corner
  readonly source: Corner
  readonly height: number
  readonly width: number
  readonly isTransposed: boolean
}

type Matrix = readonly [rows: number, columns: number]

/** Calls back with the flat positions of each element of a place in tensor and initializer; stops where that returns false. */
export function forEachElement(p: Place, visit: (target: number, source: number) => boolean): void {
  for (let i = 0; i < p.height; i++) {
    for (let j = 0; j < p.width; j++) if (!visit(targetAt(p, i, j), sourceAt(p, i, j))) return
  }
}

/** Flat positions of `count` elements spread over a place. */
export function forSomeElements(p: Place, count: number, visit: (target: number, source: number) => boolean): void {
  const size = p.height * p.width
  for (let k = 0; k < count; k++) {
    // A stride that no shape divides, so that samples do not fall into one column.
    const at = Math.floor((k * 0.6180339887498949 * size) % size)
    const [i, j] = [Math.floor(at / p.width), at % p.width]
    if (!visit(targetAt(p, i, j), sourceAt(p, i, j))) return
  }
}

function targetAt({ target: t }: Place, i: number, j: number): number {
  return (t.row + i) * t.columns + t.column + j
}

function sourceAt({ source: s, isTransposed }: Place, i: number, j: number): number {
  return isTransposed ? (s.row + j) * s.columns + s.column + i : (s.row + i) * s.columns + s.column + j
}

/** Layouts in which an initializer can hold a whole tensor of the same size: in its order, or as a transposed matrix. */
export function wholePlaces(target: readonly number[], source: readonly number[]): Place[] {
  const size = sizeOf(target)
  if (size !== sizeOf(source)) return []
  const flat: Corner = { rows: size, columns: 1, row: 0, column: 0 }
  const places: Place[] = [{ target: flat, source: flat, height: size, width: 1, isTransposed: false }]
  const held = new Set(matrices(source).map(([rows]) => rows))
  for (const [rows, columns] of matrices(target)) {
    if (rows === 1 || columns === 1 || !held.has(columns)) continue
    places.push({
      target: { rows, columns, row: 0, column: 0 },
      source: { rows: columns, columns: rows, row: 0, column: 0 },
      height: rows,
      width: columns,
      isTransposed: true,
    })
  }
  return places
}

/**
 * Layouts in which one of both can hold the other as a block of rows or of columns, transposed or not: queries, keys and values
 * of one matrix against three of their own. Blocks begin at multiples of the greatest common divisor of both lengths.
 */
export function blockPlaces(target: readonly number[], source: readonly number[]): Place[] {
  const [t, s] = [sizeOf(target), sizeOf(source)]
  if (t === s || t === 0 || s === 0) return []
  const [small, big] = t < s ? [target, source] : [source, target]
  const places: Place[] = []
  for (const outer of matrices(big)) {
    for (const inner of [...matrices(small), ...rowOf(small, outer)]) {
      const isMatrix = inner[0] > 1 && inner[1] > 1
      for (const isTransposed of isMatrix ? [false, true] : [false]) {
        const [height, width]: Matrix = isTransposed ? [inner[1], inner[0]] : inner
        for (const [row, column] of corners(outer, [height, width])) {
          const block: Corner = { rows: outer[0], columns: outer[1], row, column }
          const whole: Corner = { rows: inner[0], columns: inner[1], row: 0, column: 0 }
          places.push(
            t < s
              ? { target: whole, source: block, height: inner[0], width: inner[1], isTransposed }
              : { target: block, source: whole, height, width, isTransposed },
          )
        }
      }
    }
  }
  return places
}

/** Gates of GRU and LSTM. */
const gateCounts = [3, 4]
/** Fewer elements may be equal by chance. */
const leastGate = 4

/**
 * Layouts in which an initializer can hold the gates of a recurrent layer, rows of one height, in another order (PyTorch's LSTM has
 * input, forget, cell, output; ONNX has input, output, forget, cell), both biases or both directions one below the other.
 */
export function gatePlaces(target: readonly number[], source: readonly number[]): Place[] {
  const [rows, columns] = matrices(target).at(-1)!
  const asMatrices: Matrix[] = columns === 1 ? [[sizeOf(source), 1]] : matrices(source)
  const outer = asMatrices.find(([height, width]) => width === columns && height >= rows)
  if (!outer) return []
  return gateCounts.flatMap((gates) => {
    const height = rows / gates
    if (!Number.isInteger(height) || outer[0] % height !== 0 || height * columns < leastGate) return []
    return Array.from({ length: gates }, (_, gate) => gate * height).flatMap((row) =>
      Array.from({ length: outer[0] / height }, (_, i) => ({
        target: { rows, columns, row, column: 0 },
        source: { rows: outer[0], columns, row: i * height, column: 0 },
        height,
        width: columns,
        isTransposed: false,
      })),
    )
  })
}

/** A vector as one row, where the other is a matrix. */
function rowOf(small: readonly number[], outer: Matrix): Matrix[] {
  return squeezed(small).length < 2 && outer[1] > 1 ? [[1, sizeOf(small)]] : []
}

function* corners([rows, columns]: Matrix, [height, width]: Matrix): Generator<[row: number, column: number]> {
  if (width === columns && height < rows) {
    const step = gcd(rows, height)
    for (let row = 0; row + height <= rows; row += step) yield [row, 0]
  } else if (height === rows && width < columns) {
    const step = gcd(columns, width)
    for (let column = 0; column + width <= columns; column += step) yield [0, column]
  }
}

/** All ways to see a shape as a matrix by cutting its axes in two; a vector is one column. */
function matrices(dims: readonly number[]): Matrix[] {
  const axes = squeezed(dims)
  if (axes.length < 2) return [[sizeOf(dims), 1]]
  return axes.slice(1).map((_, i) => [sizeOf(axes.slice(0, i + 1)), sizeOf(axes.slice(i + 1))])
}

function squeezed(dims: readonly number[]): readonly number[] {
  return dims.filter((d) => d !== 1)
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/** How a place reads in a table: `transposed`, `rows 8–15 of it`, `into columns 0–7`. Empty for the whole, as it is. */
export function describePlace(p: Place): string {
  const turned = p.isTransposed ? ['transposed'] : []
  const [sourceHeight, sourceWidth] = p.isTransposed ? [p.width, p.height] : [p.height, p.width]
  const of = span(p.source, sourceHeight, sourceWidth)
  const into = span(p.target, p.height, p.width)
  return [...(of ? [`${of} of it`] : []), ...(into ? [`into ${into}`] : []), ...turned].join(', ')
}

function span({ rows, columns, row, column }: Corner, height: number, width: number): string {
  if (height < rows) {
    const what = columns === 1 ? 'element' : 'row'
    return height === 1 ? `${what} ${row}` : `${what}s ${row}–${row + height - 1}`
  }
  if (width === columns) return ''
  return width === 1 ? `column ${column}` : `columns ${column}–${column + width - 1}`
}
