import type { Val } from '../../graph/emitter.js'
import { type Attributes, int, text } from '../../graph/graph.js'
import { addElements, type Elements, takeElements } from '../elements.js'
import { once } from '../once.js'
import { dy, input, intOf, output, positiveAxis, type Rule, type RuleContext, refuse, textOf, x } from '../rule.js'

/**
 * Copies of the data x with updates u put in (or added, multiplied, compared) at the places that indices name. Where several
 * updates without a reduction meet in one place the standard leaves open which stays: the gradient is that of each by itself.
 */
export const scatter: readonly Rule[] = [
  {
    // ONNX Scatter-9, which ScatterElements replaced.
    op: 'Scatter',
    since: 9,
    until: 10,
    vjp: (c) => {
      const at = elementsOf(c)
      return [() => cleared(c, at), undefined, () => takeElements(c.e, dy(c), at)]
    },
  },
  { op: 'ScatterElements', since: 11, lifts: true, vjp: (c) => scattered(c, elementPlaces(c)) },
  { op: 'ScatterND', since: 11, vjp: (c) => scattered(c, coordinatePlaces(c)) },
]

/** How an operator reaches its places. */
interface Places {
  /** Elements of v at the indices, in the shape of the updates. */
  at(v: Val): Val
  /** v with updates at the indices. */
  put(v: Val, updates: Val, reduction?: 'add' | 'mul'): Val
}

function elementsOf(c: RuleContext): Elements {
  const dims = x(c).dims
  return { index: input(c, 1), axis: positiveAxis(intOf(c, 'axis', 0), dims.length), dims }
}

/** dy with zeros where there are updates. */
function cleared(c: RuleContext, at: Elements): Val {
  const { e } = c
  const hits = addElements(e, e.expand(e.scalar(1), at.index.dims), at)
  return e.where(e.greater(hits, e.scalar(0)), e.scalar(0), dy(c))
}

const reductionOf = (reduction: 'add' | 'mul' | undefined): Attributes =>
  reduction ? { reduction: text(reduction) } : {}

/** Places of ScatterElements; cotangents may have `lead` in front. */
function elementPlaces(c: RuleContext): Places {
  const { e } = c
  const { index, axis, dims } = elementsOf(c)
  const lifted = once(() => e.expand(e.reshape(index, [1, ...index.dims]), [...c.lead, ...index.dims]))
  const seen = (v: Val): { index: Val; axis: number } =>
    v.dims.length > dims.length ? { index: lifted(), axis: axis + 1 } : { index, axis }
  return {
    at: (v) => takeElements(e, v, { ...seen(v), dims: v.dims }),
    put: (v, updates, reduction) => {
      const { index, axis } = seen(v)
      const attributes = { axis: int(axis), ...reductionOf(reduction) }
      return e.emit('ScatterElements', [v, index, updates], v.dims, attributes)
    },
  }
}

function coordinatePlaces(c: RuleContext): Places {
  const { e } = c
  const [index, updates] = [input(c, 1), input(c, 2)]
  return {
    at: (v) => e.emit('GatherND', [v, index], updates.dims),
    put: (v, u, reduction) => e.emit('ScatterND', [v, index, u], v.dims, reductionOf(reduction)),
  }
}

function scattered(c: RuleContext, places: Places): readonly ((() => Val) | undefined)[] {
  const { e } = c
  const u = input(c, 2)
  const reduction = textOf(c, 'reduction', 'none')
  // Parameters scattered into or out of a batch have the examples on an axis of their own.
  if (c.form === 'each' && c.lead.length === 0 && [0, 2].some((i) => c.wants(i) && c.isShared(i))) c.loseBatchAxis()
  switch (reduction) {
    case 'none':
      return [() => places.put(dy(c), e.expand(e.scalar(0), [...c.lead, ...u.dims])), undefined, () => places.at(dy(c))]
    case 'add':
      return [() => dy(c), undefined, () => places.at(dy(c))]
    case 'mul':
      return multiplied(c, places)
    case 'max':
    case 'min':
      return contested(c, places)
    default:
      return refuse(c, `reduction "${reduction}"`)
  }
}

/** y = x·Πu at each place: dy·(product of the other factors), exact with zeros. */
function multiplied(c: RuleContext, places: Places): readonly ((() => Val) | undefined)[] {
  const { e } = c
  const [x, u] = [input(c, 0), input(c, 2)]
  const zero = e.scalar(0)
  const isZero = (v: Val): Val => e.equal(v, zero)
  const nonZero = (v: Val): Val => e.where(isZero(v), e.scalar(1), v)
  const product = once(() => places.put(nonZero(x), nonZero(u), 'mul'))
  const zeros = once(() => places.put(e.indicator(isZero(x)), e.indicator(isZero(u)), 'add'))
  const others = (factor: Val, product: Val, zeros: Val): Val => {
    const zerosAmongOthers = e.sub(zeros, e.indicator(isZero(factor)))
    return e.where(e.greater(zerosAmongOthers, zero), zero, e.div(product, nonZero(factor)))
  }
  return [
    () => e.mul(dy(c), others(x, product(), zeros())),
    undefined,
    () => e.mul(places.at(dy(c)), others(u, places.at(product()), places.at(zeros()))),
  ]
}

/** Data and updates that tie for the extremum at a place share its cotangent evenly, as PyTorch's scatter_reduce. */
function contested(c: RuleContext, places: Places): readonly ((() => Val) | undefined)[] {
  const { e } = c
  const y = output(c)
  const stays = once(() => e.equal(input(c, 0), y))
  const wins = once(() => e.equal(input(c, 2), places.at(y)))
  const share = once(() => e.div(dy(c), places.put(e.indicator(stays()), e.indicator(wins()), 'add')))
  return [
    () => e.where(stays(), share(), e.scalar(0)),
    undefined,
    () => e.where(wins(), places.at(share()), e.scalar(0)),
  ]
}
