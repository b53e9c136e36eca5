import { LetheError } from '../errors.js'
import type { Graph } from '../graph/graph.js'
import type { Tensor } from '../tensor/tensor.js'
import { putElement, readerOf, rounded, sameAs } from './element.js'
import { type Match, type Matching, matchWeights } from './match.js'
import { forEachElement } from './place.js'
import { type Source, sourcesOf } from './source.js'
import type { StateDict } from './state-dict.js'

/** What became of one tensor of the state dict. */
export interface TakenBack {
  readonly name: string
  readonly tensor: Tensor
  readonly matches: readonly Match[]
  /** Elements that differ from the state dict given. */
  readonly changed: number
}

/** The weights of a forgotten model as a state dict: each tensor is made when it is asked for. */
export interface TakingBack {
  readonly matching: Matching
  take(name: string): TakenBack
}

/**
 * Maps the weights of a forgotten model back to the names, layouts and element types of the state dict it was exported from.
 * Elements that forgetting has not changed keep the bits of the state dict; those of no initializer (buffers) too.
 * Throws `weights-unmapped` where a changed initializer, or one that may have changed, has no place in the state dict;
 * `take` throws it where initializers that are one tensor there have changed differently.
 */
export function takeBack(forgotten: Graph, dict: StateDict, original?: Graph): TakingBack {
  const sources = sourcesOf(forgotten, original)
  const matching = matchWeights(sources, dict)
  const homeless = sources.filter((s) => !s.isCopy && lacksHome(s, matching, dict))
  if (homeless.length > 0) throw unmapped(homeless, matching, dict, original !== undefined)
  return {
    matching,
    take: (name) => taken(name, dict.read(name), matching.matches.get(name) ?? []),
  }
}

function taken(name: string, old: Tensor, matches: readonly Match[]): TakenBack {
  if (matches.length === 0) return { name, tensor: old, matches, changed: 0 }
  const tensor = { ...old, data: old.data.slice() } as Tensor
  const [was, made] = [readerOf(old), readerOf(tensor)]
  const isSet = matches.length > 1 ? new Uint8Array(old.data.length) : undefined
  for (const { source, place } of matches) {
    const now = newValues(source, old, was)
    forEachElement(place, (t, s) => {
      const value = now(t, s)
      if (isSet?.[t] && rounded(value ?? was(t), old.dtype) !== made(t)) throw disagreement(name, matches)
      if (value !== undefined) putElement(tensor, t, value)
      if (isSet) isSet[t] = 1
      return true
    })
  }
  let changed = 0
  for (let i = 0; i < old.data.length; i++) if (old.data[i] !== tensor.data[i] && !bothNaN(was(i), made(i))) changed++
  return { name, tensor, matches, changed }
}

const bothNaN = (a: number, b: number): boolean => Number.isNaN(a) && Number.isNaN(b)

/** New value at a position of the tensor, from one of the initializer; undefined where that has not changed. */
function newValues(
  source: Source,
  old: Tensor,
  was: (i: number) => number,
): (t: number, s: number) => number | undefined {
  const now = readerOf(source.tensor)
  if (source.before) {
    const before = readerOf(source.before)
    return (_, s) => (Object.is(now(s), before(s)) ? undefined : now(s))
  }
  const same = sameAs(old.dtype, source.tensor.dtype)
  return (t, s) => (same(was(t), now(s)) ? undefined : now(s))
}

function disagreement(name: string, matches: readonly Match[]): LetheError {
  const names = [...new Set(matches.map(({ source }) => source.name))]
  return new LetheError(
    'weights-unmapped',
    `Tensor "${name}" is ${names.map((n) => `"${n}"`).join(' and ')} in the model, which have changed differently, so one tensor cannot hold both: forget again with all but one of them left as they are (--except).`,
    { tensor: name, initializers: names },
  )
}

/**
 * True where elements outside all tensors of the state dict have changed. Without the model before forgetting any of them may
 * have, except zeros (dampening multiplies) and single numbers without an axis (which are no parameters).
 */
function lacksHome(source: Source, matching: Matching, dict: StateDict): boolean {
  const now = readerOf(source.tensor)
  const before = source.before && readerOf(source.before)
  if (!before && source.tensor.dims.length === 0) return false
  const isHeld = new Uint8Array(source.tensor.data.length)
  for (const name of dict.entries.keys()) {
    for (const match of matching.matches.get(name) ?? []) {
      if (match.source !== source) continue
      forEachElement(match.place, (_, s) => {
        isHeld[s] = 1
        return true
      })
    }
  }
  return isHeld.some((held, i) => !held && (before ? !Object.is(now(i), before(i)) : now(i) !== 0))
}

const namedAtMost = 5

function unmapped(
  homeless: readonly Source[],
  { matches, ambiguous }: Matching,
  dict: StateDict,
  isCompared: boolean,
): LetheError {
  const names = homeless.map(({ name }) => name)
  const shown = homeless.slice(0, namedAtMost).map(({ name, tensor }) => `"${name}" [${tensor.dims}]`)
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : ''
  const what = `${names.length === 1 ? 'Initializer' : 'Initializers'} ${shown.join(', ')}${more} ${isCompared ? 'changed' : 'may have changed'}`
  const isFolded = [...dict.entries.keys()].some((name) => /running_var$/.test(name) && !matches.has(name))
  const floats = [...dict.entries].filter(([, { dims }]) => dims.length > 0)
  const isOther = floats.length > 0 && matches.size === 0 && ambiguous.size === 0
  const because = isOther
    ? 'and no tensor of the state dict is like any weight of the model: --like is of another model or training; give the one that was exported'
    : isFolded
      ? 'and no tensor of the state dict holds the values: batch norm was folded into convolutions; export again with batch norm kept (optimize=False, or training=PRESERVE; see docs/taking-it-back.md)'
      : homeless.every((s) => ambiguous.has(s))
        ? `and could be several tensors of the state dict; ${isCompared ? 'export again with names kept' : 'give the model before forgetting with --original'}`
        : `and no tensor of the state dict holds the values; ${isCompared ? 'export again without folding of constants' : 'give the model before forgetting with --original, which tells whether they changed'} (see docs/taking-it-back.md)`
  return new LetheError('weights-unmapped', `${what}, ${because}.`, { initializers: names })
}
