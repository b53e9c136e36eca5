import type { Emitter, Val } from '../../graph/emitter.js'
import { text } from '../../graph/graph.js'
import { tensor } from '../../tensor/tensor.js'
import { once } from '../once.js'
import { dy, input, type Rule, type RuleContext, textOf } from '../rule.js'

/** Sums of products by labelled axes. */
export const einsum: readonly Rule[] = [
  {
    // y[out] = Σ over the labels that `out` lacks of x₁[term 1]·x₂[term 2]·…: the gradient of a factor is the product of dy and the
    // other factors, summed over the labels that this factor lacks. ONNX Einsum-12.
    op: 'Einsum',
    since: 12,
    lifts: true,
    vjp: (c) => {
      const terms = once(() => termsOf(c))
      return c.I.map((_, i) => () => factorBack(c, terms(), i, false))
    },
    squares: (c) => {
      const terms = termsOf(c)
      return c.I.map((_, i) => (hasOneProduct(c, terms, i) ? () => factorBack(c, terms, i, true) : undefined))
    },
  },
]

/** A value and the label of each of its axes. */
interface Term {
  readonly v: Val
  readonly labels: readonly string[]
}

interface Terms {
  /** Operands by input position, without axes of size 1 that broadcasting stretches, no label twice. */
  readonly operands: readonly Term[]
  /** A label that an operand has twice (its diagonal) is two labels and an identity matrix between them. */
  readonly diagonals: readonly Term[]
  readonly output: readonly string[]
  readonly sizes: ReadonlyMap<string, number>
}

function termsOf(c: RuleContext): Terms {
  const { e } = c
  const values = c.I.map((_, i) => input(c, i))
  const parsed = parseEquation(
    textOf(c, 'equation', ''),
    values.map((v) => v.dims.length),
  )
  const sizes = new Map<string, number>()
  parsed.operands.forEach((labels, i) => {
    labels.forEach((label, axis) => {
      sizes.set(label, Math.max(values[i]!.dims[axis]!, sizes.get(label) ?? 1))
    })
  })
  const diagonals: Term[] = []
  const operands = parsed.operands.map((labels, i): Term => {
    const v = values[i]!
    const kept = labels.flatMap((label, axis) => (v.dims[axis] === sizes.get(label) ? [{ label, axis }] : []))
    const seen = new Set<string>()
    const distinct = kept.map(({ label }) => {
      if (!seen.has(label)) {
        seen.add(label)
        return label
      }
      const twin = `${label}'${i}.${diagonals.length}`
      const size = sizes.get(label)!
      sizes.set(twin, size)
      diagonals.push({ v: identity(e, size), labels: [label, twin] })
      return twin
    })
    const dims = kept.map(({ axis }) => v.dims[axis]!)
    return { v: e.reshape(v, dims), labels: distinct }
  })
  return { operands, diagonals, output: parsed.output, sizes }
}

function identity(e: Emitter, n: number): Val {
  const entries = Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0))
  return e.constant(tensor('float32', [n, n], entries), 'identity')
}

interface Equation {
  readonly operands: readonly (readonly string[])[]
  readonly output: readonly string[]
}

/** Labels of every axis. Axes that an ellipsis stands for are labelled from the right, so that they broadcast. */
export function parseEquation(equation: string, ranks: readonly number[]): Equation {
  const [left = '', right] = equation.replaceAll(' ', '').split('->')
  const tokens = (term: string): string[] => term.match(/\.\.\.|[A-Za-z]/g) ?? []
  const terms = left.split(',').map(tokens)
  const hidden = terms.map((term, i) => (term.includes('...') ? ranks[i]! - (term.length - 1) : 0))
  const most = Math.max(...hidden)
  const ellipsis = (n: number): string[] => Array.from({ length: n }, (_, i) => `.${most - n + i}`)
  const full = (term: readonly string[], n: number): string[] =>
    term.flatMap((label) => (label === '...' ? ellipsis(n) : [label]))
  const operands = terms.map((term, i) => full(term, hidden[i]!))
  if (right !== undefined) return { operands, output: full(tokens(right), most) }
  // Without an arrow: the ellipsis, then what appears once, in the order of ASCII.
  const letters = terms.flat().filter((label) => label !== '...')
  const single = letters.filter((label) => letters.indexOf(label) === letters.lastIndexOf(label)).sort()
  return { operands, output: [...ellipsis(most), ...single] }
}

const isKeptApart = (c: RuleContext, i: number): boolean => c.form === 'each' && c.isShared(i) && c.lead.length === 0

/** Gradient of factor i; with `isSquared` the sum of its squares over the examples. */
function factorBack(c: RuleContext, terms: Terms, i: number, isSquared: boolean): Val {
  const { e } = c
  const { labels } = terms.operands[i]!
  const lead = c.lead.map(() => '*')
  const front = isKeptApart(c, i) ? [batchLabel(c, terms, i)] : lead
  const sizes = new Map([...terms.sizes, ...c.lead.map((n) => ['*', n] as const)])
  const factors = [{ v: dy(c), labels: [...lead, ...terms.output] }, ...othersOf(terms, i)]
  const squared = isSquared ? factors.map(({ v, labels }) => ({ v: e.mul(v, v), labels })) : factors
  const whole = isSquared ? labels : [...front, ...labels]
  const known = new Set(squared.flatMap((f) => f.labels))
  // A label of this factor alone was summed over: every place of it gets the same.
  const reached = whole.filter((label) => known.has(label))
  const found = contract(e, squared, reached, sizes)
  const spread = e.reshape(
    found,
    whole.map((label) => (known.has(label) ? sizes.get(label)! : 1)),
  )
  const expanded = e.expand(
    spread,
    whole.map((label) => sizes.get(label)!),
  )
  const dims = isSquared ? [] : front.map((label) => sizes.get(label)!)
  return e.reshape(expanded, [...dims, ...input(c, i).dims])
}

function othersOf(terms: Terms, i: number): Term[] {
  return [...terms.operands.filter((_, j) => j !== i), ...terms.diagonals]
}

/** Label that counts examples; it must not be an axis of the parameter. */
function batchLabel(c: RuleContext, terms: Terms, i: number): string {
  const label = terms.output[c.batchAxis()]!
  return terms.operands[i]!.labels.includes(label) ? c.loseBatchAxis() : label
}

/** An example's gradient is one product: nothing is summed, so the squares are the products of squares. */
function hasOneProduct(c: RuleContext, terms: Terms, i: number): boolean {
  if (!c.wants(i) || !isKeptApart(c, i)) return false
  const own = new Set([...terms.operands[i]!.labels, batchLabel(c, terms, i)])
  return [...terms.output, ...othersOf(terms, i).flatMap((f) => f.labels)].every((label) => own.has(label))
}

/** Einsum of terms; one term that only needs its axes in order is transposed. */
function contract(e: Emitter, terms: readonly Term[], to: readonly string[], sizes: ReadonlyMap<string, number>): Val {
  const [first, ...rest] = terms
  if (first && rest.length === 0 && first.labels.length === to.length) {
    return e.transpose(
      first.v,
      to.map((label) => first.labels.indexOf(label)),
    )
  }
  const letters = new Map<string, string>()
  const letter = (label: string): string => {
    const known = letters.get(label) ?? String.fromCharCode((letters.size < 26 ? 97 : 39) + letters.size)
    letters.set(label, known)
    return known
  }
  const written = (labels: readonly string[]): string => labels.map(letter).join('')
  const equation = `${terms.map((t) => written(t.labels)).join(',')}->${written(to)}`
  return e.emit(
    'Einsum',
    terms.map((t) => t.v),
    to.map((label) => sizes.get(label)!),
    { equation: text(equation) },
  )
}
