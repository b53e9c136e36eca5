import { intsAttribute, type Node } from '../graph/graph.js'
import { type Tensor, toNumbers } from '../tensor/tensor.js'
import { positiveAxis } from './rule.js'

/** What a Slice takes of one axis: `count` positions from `start` on, every `step`th; a negative step goes back. */
export interface Cut {
  readonly axis: number
  readonly start: number
  readonly step: number
  readonly count: number
}

/**
 * The cuts of a Slice from `from` to `to`, counted from the front; counts follow from the output's shape. Undefined where it has no starts that
 * are constants. ONNX Slice-13; attributes until Slice-9.
 */
export function cutsOf(
  node: Node,
  opset: number,
  [from, to]: readonly [readonly number[], readonly number[]],
  constant: (input: number) => Tensor | undefined,
): Cut[] | undefined {
  const isOld = opset < 10
  const numbers = (i: number, attribute: string): readonly number[] | undefined => {
    if (isOld) return intsAttribute(node, attribute, undefined)
    const t = constant(i)
    return t && toNumbers(t)
  }
  const [starts, axes] = [numbers(1, 'starts'), numbers(3, 'axes')]
  const steps = isOld ? undefined : numbers(4, 'steps')
  return starts?.map((s, i) => {
    const axis = positiveAxis(axes?.[i] ?? i, from.length)
    const [size, step] = [from[axis]!, steps?.[i] ?? 1]
    const place = s < 0 ? s + size : s
    const start = Math.min(Math.max(place, 0), step > 0 ? size : size - 1)
    return { axis, start, step, count: to[axis]! }
  })
}
