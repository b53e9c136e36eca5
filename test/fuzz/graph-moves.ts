import { type Attributes, int, ints, text } from '../../src/graph/graph.js'
import { tensor } from '../../src/tensor/tensor.js'
import { type Dim, type Ingredient, isBatch, product } from './graph-builder.js'
import { broadcastable, isBatchFirst, partner, plainAxes, replaced } from './graph-fitting.js'

/** Operators that move, choose or repeat numbers. */
export const moves: readonly Ingredient[] = [
  {
    name: 'Transpose',
    apply(b, x) {
      const perm = x.dims.map((_, i) => i)
      for (let i = perm.length - 1; i > 0; i--) {
        const j = b.below(i + 1)
        ;[perm[i], perm[j]] = [perm[j]!, perm[i]!]
      }
      return b.transpose(x, perm)
    },
  },
  {
    name: 'Flatten',
    apply(b, x) {
      const axis = b.below(x.dims.length + 1)
      return b.op('Flatten', [x], [product(x.dims.slice(0, axis)), product(x.dims.slice(axis))], { axis: int(axis) })
    },
  },
  {
    name: 'Reshape that joins two axes',
    apply(b, x) {
      if (x.dims.length < 2) return undefined
      const at = b.below(x.dims.length - 1)
      return b.reshape(x, [...x.dims.slice(0, at), product(x.dims.slice(at, at + 2)), ...x.dims.slice(at + 2)])
    },
  },
  {
    name: 'Reshape that splits an axis',
    apply(b, x) {
      const at = b.below(x.dims.length)
      const d = x.dims[at]!
      const size = typeof d === 'number' ? d : d.batch
      const factor = [4, 3, 2].find((f) => size % f === 0 && size > 0)
      if (!factor || x.dims.length > 4) return undefined
      const rest: Dim = typeof d === 'number' ? d / factor : { batch: d.batch / factor }
      const parts = b.chance(0.7) ? [rest, factor] : [factor, rest]
      return b.reshape(x, [...x.dims.slice(0, at), ...parts, ...x.dims.slice(at + 1)])
    },
  },
  {
    name: 'Unsqueeze',
    apply(b, x) {
      if (x.dims.length > 4) return undefined
      const at = b.below(x.dims.length + 1)
      return b.withAxes('Unsqueeze', x, [at], { since: 13, dims: x.dims.toSpliced(at, 0, 1) })
    },
  },
  {
    name: 'Squeeze',
    apply(b, x) {
      const at = x.dims.indexOf(1)
      return at < 0 ? undefined : b.withAxes('Squeeze', x, [at], { since: 13, dims: x.dims.toSpliced(at, 1) })
    },
  },
  {
    name: 'Concat',
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x))
      if (axis === undefined) return undefined
      const parts = [x, partner(b, x), ...(b.chance(0.2) ? [x] : [])]
      const dims = replaced(x.dims, axis, (x.dims[axis] as number) * parts.length)
      return b.op('Concat', parts, dims, { axis: int(axis - (b.opset >= 11 ? x.dims.length : 0)) })
    },
  },
  {
    name: 'Split',
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x).filter((i) => (x.dims[i] as number) > 1))
      if (axis === undefined) return undefined
      const size = x.dims[axis] as number
      const first = 1 + b.below(size - 1)
      const inputs = b.opset < 13 ? [x] : [x, b.ints([first, size - first])]
      const lengths: Attributes = b.opset < 13 ? { split: ints([first, size - first]) } : {}
      const names = b.many('Split', inputs, 2, { axis: int(axis), ...lengths })
      const values = [first, size - first].map((d, i) => ({ name: names[i]!, dims: replaced(x.dims, axis, d) }))
      const kept = b.below(2)
      b.values.push(values[1 - kept]!)
      return values[kept]
    },
  },
  {
    name: 'Slice',
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x).filter((i) => (x.dims[i] as number) > 0))
      if (axis === undefined) return undefined
      const size = x.dims[axis] as number
      const start = b.below(size)
      if (b.opset < 10) {
        const end = start + 1 + b.below(size - start)
        const attributes = { axes: ints([axis]), starts: ints([start]), ends: ints([end]) }
        return b.op('Slice', [x], replaced(x.dims, axis, end - start), attributes)
      }
      // Sometimes nothing is left; sometimes the order is turned around.
      if (b.chance(0.08)) {
        const inputs = [x, b.ints([0]), b.ints([0]), b.ints([axis])]
        return b.op('Concat', [x, b.op('Slice', inputs, replaced(x.dims, axis, 0))], x.dims, { axis: int(axis) })
      }
      const [from, to, step] = b.chance(0.3) ? [-1, -(2 ** 31), -1] : [start, 2 ** 31, 1 + b.below(2)]
      const count = step < 0 ? size : Math.ceil((size - start) / step)
      const inputs = [x, b.ints([from]), b.ints([to]), b.ints([axis]), b.ints([step])]
      return b.op('Slice', inputs, replaced(x.dims, axis, count))
    },
  },
  {
    name: 'Pad',
    apply(b, x) {
      const pads = [...x.dims, ...x.dims].map((d) => (isBatch(d) ? 0 : b.below(2)))
      const r = x.dims.length
      const dims = x.dims.map((d, i) => (typeof d === 'number' ? d + pads[i]! + pads[i + r]! : d))
      const canMirror = x.dims.every((d) => typeof d !== 'number' || d > 1)
      const mode = text(b.oneOf(canMirror ? ['constant', 'reflect', 'edge'] : ['constant']))
      return b.opset < 11
        ? b.op('Pad', [x], dims, { pads: ints(pads), mode })
        : b.op('Pad', [x, b.ints(pads)], dims, { mode })
    },
  },
  {
    name: 'Tile',
    apply(b, x) {
      const repeats = x.dims.map((d) => (isBatch(d) ? 1 : 1 + b.below(2)))
      const dims = x.dims.map((d, i) => (typeof d === 'number' ? d * repeats[i]! : d))
      return b.op('Tile', [x, b.ints(repeats)], dims)
    },
  },
  {
    name: 'Expand',
    apply(b, x) {
      const wide = x.dims.map((d) => (d === 1 && b.chance(0.8) ? 2 : 1))
      const dims = x.dims.map((d, i) => (wide[i] === 2 ? 2 : d))
      const isDeeper = b.chance(0.2) && dims.length < 5
      return b.op('Expand', [x, b.ints(isDeeper ? [2, ...wide] : wide)], isDeeper ? [2, ...dims] : dims)
    },
  },
  {
    name: 'Gather',
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x).filter((i) => (x.dims[i] as number) > 0))
      if (axis === undefined) return undefined
      const size = x.dims[axis] as number
      const shape = b.oneOf([[], [2], [1, 3]])
      const count = shape.reduce((n, d) => n * d, 1)
      const indices = Array.from({ length: count }, () => b.below(size) - (b.opset >= 11 && b.chance(0.3) ? size : 0))
      const dims = [...x.dims.slice(0, axis), ...shape, ...x.dims.slice(axis + 1)]
      return b.op('Gather', [x, b.ints(indices, shape)], dims, { axis: int(axis) })
    },
  },
  {
    name: 'Gather of a parameter',
    apply(b, x) {
      const last = x.dims.at(-1)
      if (typeof last !== 'number') return undefined
      const table = b.op('Gather', [b.param([4, last]), b.ints([b.below(4)])], [1, last], { axis: int(0) })
      return b.op('Add', [x, table], x.dims)
    },
  },
  {
    name: 'CumSum',
    since: 11,
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x))
      if (axis === undefined) return undefined
      const attributes = { exclusive: int(b.below(2)), reverse: int(b.below(2)) }
      return b.op('CumSum', [x, b.ints([axis], [])], x.dims, attributes)
    },
  },
  {
    name: 'Trilu',
    since: 14,
    apply(b, x) {
      if (x.dims.length < 3 || x.dims.slice(-2).some(isBatch)) return undefined
      return b.op('Trilu', [x, b.ints([b.below(3) - 1], [])], x.dims, { upper: int(b.below(2)) })
    },
  },
  {
    name: 'Where',
    apply(b, x) {
      const sizes = x.dims.map((d) => (typeof d === 'number' ? d : 1))
      const count = sizes.reduce((n, d) => n * d, 1)
      const mask = b.constant(
        tensor(
          'bool',
          sizes,
          Uint8Array.from({ length: count }, () => b.below(2)),
        ),
      )
      return b.op('Where', [mask, x, b.chance(0.5) ? b.param(broadcastable(b, x)) : partner(b, x)], x.dims)
    },
  },
  {
    name: 'Dropout',
    since: 12,
    apply: (b, x) => b.op('Dropout', [x], x.dims),
  },
  {
    name: 'Cast there and back',
    apply: (b, x) => b.op('Cast', [b.op('Cast', [x], x.dims, { to: int(11) })], x.dims, { to: int(1) }),
  },
  {
    name: 'DepthToSpace',
    apply(b, x) {
      const [N, C, H, W] = x.dims as [Dim, number, number, number]
      if (!isBatchFirst(x, 4)) return undefined
      if (H % 2 === 0 && W % 2 === 0 && b.chance(0.6)) {
        return b.op('SpaceToDepth', [x], [N, C * 4, H / 2, W / 2], { blocksize: int(2) })
      }
      const mode: Attributes = b.opset >= 11 ? { mode: text(b.oneOf(['DCR', 'CRD'])) } : {}
      return C % 4 === 0
        ? b.op('DepthToSpace', [x], [N, C / 4, H * 2, W * 2], { blocksize: int(2), ...mode })
        : undefined
    },
  },
  {
    name: 'Resize',
    since: 13,
    apply(b, x) {
      if (!isBatchFirst(x, 4)) return undefined
      const across = b.oneOf([1, 2, 3])
      const scales = b.constant(tensor('float32', [4], Float32Array.of(1, 1, 2, across)))
      const [N, C, H, W] = x.dims as [Dim, number, number, number]
      const attributes = {
        mode: text(b.oneOf(['nearest', 'linear', 'cubic'])),
        coordinate_transformation_mode: text(b.oneOf(['half_pixel', 'asymmetric', 'align_corners'])),
      }
      return b.op('Resize', [x, '', scales], [N, C, H * 2, W * across], attributes)
    },
  },
  {
    name: 'GatherElements',
    since: 11,
    apply(b, x) {
      const axis = b.oneOf(plainAxes(x).filter((i) => (x.dims[i] as number) > 0))
      if (axis === undefined || !isBatch(x.dims[0]) || x.dims.length < 2) return undefined
      // Indices of one example, given to every one.
      const size = x.dims[axis] as number
      const shape = x.dims.slice(1).map((d, i) => (i + 1 === axis ? 2 : (d as number)))
      const count = shape.reduce((n, d) => n * d, 1)
      const row = b.ints(
        Array.from({ length: count }, () => b.below(size)),
        [1, ...shape],
      )
      const length = b.many('Gather', [b.many('Shape', [x], 1)[0]!, b.ints([0])], 1, { axis: int(0) })[0]!
      const full = b.many('Concat', [length, b.ints(shape)], 1, { axis: int(0) })[0]!
      const indices = b.many('Expand', [row, full], 1)[0]!
      return b.op('GatherElements', [x, indices], [x.dims[0]!, ...shape], { axis: int(axis) })
    },
  },
  {
    name: 'ScatterElements of a parameter',
    since: 16,
    apply(b, x) {
      if (!isBatchFirst(x, 2)) return undefined
      const C = x.dims[1] as number
      const indices = b.ints([b.below(C), b.below(C)], [1, 2])
      const reduction = text(b.oneOf(['none', 'add']))
      const one = b.op('ScatterElements', [b.param([1, C]), indices, b.param([1, 2])], [1, C], {
        axis: int(1),
        reduction,
      })
      return reduction.value === 'none' ? undefined : b.op('Add', [x, one], x.dims)
    },
  },
  {
    name: 'Reshape with zeros',
    apply(b, x) {
      if (!isBatch(x.dims[0]) || x.dims.length < 3) return undefined
      return b.op('Reshape', [x, b.ints([0, -1])], [x.dims[0]!, product(x.dims.slice(1))])
    },
  },
  {
    name: 'windows of the pictures as examples',
    apply(b, x) {
      if (!isBatchFirst(x, 3)) return undefined
      const [N, S, C] = x.dims as [Dim, number, number]
      const flat = b.reshape(x, [product([N, S]), C])
      const w = b.op('MatMul', [flat, b.param([C, 2])], [flat.dims[0]!, 2])
      return b.reshape(b.op('Tanh', [w], w.dims), [N, S, 2])
    },
  },
]
