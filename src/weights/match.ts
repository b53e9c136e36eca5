import { isFloat, type Tensor } from '../tensor/tensor.js'
import { readerOf, type Same, sameAs } from './element.js'
import { byNumber, likeness, namesake } from './name.js'
import { blockPlaces, forEachElement, forSomeElements, gatePlaces, type Place, wholePlaces } from './place.js'
import type { Source } from './source.js'
import { equalTensors, type StateDict } from './state-dict.js'

/** How an initializer was recognised: by its name, by its values, or as the one that stands for several equal tensors. */
export type MatchedBy = 'name' | 'value' | 'merged'

/** An initializer, or a block of it, that holds a tensor of the state dict, or a block of that. */
export interface Match {
  readonly source: Source
  readonly by: MatchedBy
  readonly place: Place
}

/** Equal elements, as a share, from which an initializer after forgetting is taken for a tensor: dampening changes few. */
const enough = 0.6
/** How much larger that share must be than that of any other tensor. */
const lead = 0.15
/** Less is enough where all other elements have only shrunk: of a tensor of some size, or under the very name of a small one. */
const enoughOfShrunk = 0.1
const fewElements = 32
/** Sizes above are looked at in samples first. */
const sampleSize = 64

/** Matches of each tensor of the state dict that has any, and the initializers that could be several tensors. */
export interface Matching {
  readonly matches: ReadonlyMap<string, readonly Match[]>
  readonly ambiguous: ReadonlySet<Source>
}

/**
 * Finds the initializers in the tensors of a state dict. By name first, the values confirming it; then by value among what is
 * left: whole tensors, then blocks of fused ones, and both again among all tensors (a table tied to the last layer). Values are
 * compared with the model before forgetting where there is one, and must then be equal to the last element.
 */
export function matchWeights(sources: readonly Source[], dict: StateDict): Matching {
  const work = new Work(sources, dict)
  work.byName()
  for (const among of ['free', 'all'] as const) {
    work.byValue(among)
    work.byBlock(among)
    work.byGate(among)
  }
  work.merged()
  return { matches: work.matches, ambiguous: work.ambiguous }
}

interface Candidate {
  readonly name: string
  readonly place: Place
  readonly share: number
}

/** State of one matching; it ends with it. */
class Work {
  readonly matches = new Map<string, Match[]>()
  readonly ambiguous = new Set<Source>()
  private readonly open: Set<Source>
  private readonly groups: ReadonlyMap<string, readonly string[]>

  constructor(
    private readonly sources: readonly Source[],
    private readonly dict: StateDict,
  ) {
    this.open = new Set(sources)
    this.groups = equalTensors(dict)
  }

  byName(): void {
    for (const source of this.sources) {
      const name = namesake(source.name, this.groups.keys())
      if (name === undefined) continue
      const tensor = this.dict.read(name)
      const found = best(wholePlaces(tensor.dims, source.tensor.dims).map((p) => candidate(name, tensor, source, p)))
      const isOwn = name === source.name && sameShape(tensor, source.tensor)
      if (found && (this.isEnough(source, found) || (isOwn && isSmall(found.place) && this.hasShrunk(source, found)))) {
        this.take(source, name, 'name', found.place)
      }
    }
  }

  byValue(among: 'free' | 'all'): void {
    const candidates = this.candidates(among, (t, s) => wholePlaces(t.dims, s.tensor.dims))
    const chosen = new Map<string, { source: Source; place: Place }[]>()
    for (const [source, list] of candidates) {
      const found = this.clear(source, list)
      if (!found) continue
      const group = chosen.get(found.name) ?? []
      chosen.set(found.name, [...group, { source, place: found.place }])
    }
    for (const [name, group] of chosen) this.assign(name, group, among)
  }

  /** Sources of one value go to the tensors of that value: those with the most alike names first, then in their order. */
  private assign(name: string, group: readonly { source: Source; place: Place }[], among: 'free' | 'all'): void {
    const members = this.groups.get(name)!.filter((m) => among === 'all' || !this.matches.has(m))
    const names = members.toSorted(byNumber)
    const pairs = group.flatMap((g, i) =>
      names.map((member, k) => ({ g, member, away: Math.abs(i - k), like: likeness(hintsOf(g.source), member) })),
    )
    const isTaken = new Set<string>()
    const first = (a: (typeof pairs)[number], b: (typeof pairs)[number]): number =>
      Number(a.g.source.isCopy) - Number(b.g.source.isCopy) || b.like - a.like || a.away - b.away
    for (const { g, member } of pairs.toSorted(first)) {
      if (!this.open.has(g.source)) continue
      if (isTaken.has(member) && (g.source.isCopy || isTaken.size < names.length)) continue
      isTaken.add(member)
      this.take(g.source, member, 'value', g.place)
    }
  }

  /** Blocks of fused tensors, in the order of the model. */
  byBlock(among: 'free' | 'all'): void {
    this.byParts(among, blockPlaces, ({ name }) => name)
  }

  /** Tensors whose gates the model holds in another order; each gate is found by itself. */
  byGate(among: 'free' | 'all'): void {
    this.byParts(among, gatePlaces, ({ name, place }) => `${name} ${place.target.row}`)
  }

  /** Of the candidates that `part` gives one key the best one is taken, where it is clearly that. */
  private byParts(
    among: 'free' | 'all',
    places: (target: readonly number[], source: readonly number[]) => Place[],
    part: (c: Candidate) => string,
  ): void {
    // One number throughout is found everywhere, and says nothing.
    const candidates = this.candidates(among, (t, s) =>
      isUniform(t) || isUniform(s.before ?? s.tensor) ? [] : places(t.dims, s.tensor.dims),
    )
    for (const [source, list] of candidates) {
      for (const key of new Set(list.map(part))) {
        const alternatives = list.filter((c) => part(c) === key)
        const found = best(alternatives)
        if (!found || !this.isEnough(source, found)) continue
        const second = Math.max(0, ...alternatives.filter((c) => c !== found).map(({ share }) => share))
        if (isTied(source, found.share, second)) this.ambiguous.add(source)
        else this.take(source, found.name, 'value', found.place)
      }
    }
  }

  /** Tensors that no initializer holds because the exporter merged them with an equal one follow that one. */
  merged(): void {
    for (const group of new Set(this.groups.values())) {
      const left = group.filter((name) => !this.matches.has(name))
      const found = group.flatMap((name) => this.matches.get(name) ?? []).filter(({ source }) => !source.isCopy)
      const [first] = found
      if (!first || left.length === 0 || new Set(found.map(({ source }) => source)).size > 1) continue
      for (const name of left) this.add(name, { ...first, by: 'merged' })
    }
  }

  /** Where each open source could lie, over one tensor of each group at a time, so that only one is in memory. */
  private candidates(
    among: 'free' | 'all',
    places: (t: Tensor, s: Source) => readonly Place[],
  ): Map<Source, Candidate[]> {
    const found = new Map<Source, Candidate[]>()
    // A copy has a tensor of its own or none: what it is a copy of is matched as well.
    const open = [...this.open].filter((s) => (!s.isCopy || among === 'free') && !this.ambiguous.has(s))
    for (const group of open.length > 0 ? new Set(this.groups.values()) : []) {
      const name = group.find((member) => among === 'all' || !this.matches.has(member))
      if (name === undefined) continue
      const tensor = this.dict.read(name)
      for (const source of open) {
        for (const place of places(tensor, source)) {
          const c = candidate(name, tensor, source, place)
          if (c.share > 0) found.set(source, [...(found.get(source) ?? []), c])
        }
      }
    }
    return found
  }

  /** The candidate that is clearly the best, or undefined. */
  private clear(source: Source, list: readonly Candidate[]): Candidate | undefined {
    const found = best(list)
    if (!found || !this.isEnough(source, found)) return undefined
    const second = Math.max(0, ...list.filter(({ name }) => name !== found.name).map(({ share }) => share))
    if (!isTied(source, found.share, second)) return found
    this.ambiguous.add(source)
    return undefined
  }

  private isEnough(source: Source, found: Candidate): boolean {
    if (source.before) return found.share === 1
    if (found.share >= enough) return true
    return found.share >= enoughOfShrunk && !isSmall(found.place) && this.hasShrunk(source, found)
  }

  /**
   * True where all elements are as they were, or have kept their sign and become smaller: what dampening does. Weights that batch
   * norm was folded into may look so as well, but hardly one of them is as it was.
   */
  private hasShrunk(source: Source, { name, place }: Candidate): boolean {
    if (source.before) return false
    const tensor = this.dict.read(name)
    const same = sameAs(tensor.dtype, source.tensor.dtype)
    const [target, from] = [readerOf(tensor), readerOf(source.tensor)]
    let isSmaller = true
    forEachElement(place, (t, s) => {
      const [old, now] = [target(t), from(s)]
      isSmaller = same(old, now) || (old * now >= 0 && Math.abs(now) < Math.abs(old))
      return isSmaller
    })
    return isSmaller
  }

  private take(source: Source, name: string, by: MatchedBy, place: Place): void {
    this.open.delete(source)
    this.add(name, { source, by, place })
  }

  private add(name: string, match: Match): void {
    this.matches.set(name, [...(this.matches.get(name) ?? []), match])
  }
}

function hintsOf({ name, uses }: Source): string[] {
  return [name, ...uses]
}

function isSmall({ height, width }: Place): boolean {
  return height * width < fewElements
}

function isTied(source: Source, share: number, second: number): boolean {
  return source.before ? second === 1 : share - second < lead
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.dims.length === b.dims.length && a.dims.every((d, i) => d === b.dims[i])
}

/** Of equal shares the first, which is the layout as it is. */
function best(list: readonly Candidate[]): Candidate | undefined {
  return list.reduce<Candidate | undefined>((a, b) => (!a || b.share > a.share ? b : a), undefined)
}

/** Share of equal elements of a place; 0 where a sample already shows that there are too few. */
function candidate(name: string, tensor: Tensor, source: Source, place: Place): Candidate {
  const held = source.before ?? source.tensor
  const [target, from, same] = [readerOf(tensor), readerOf(held), sameAs(tensor.dtype, held.dtype)]
  const size = place.height * place.width
  const share = shareOf(place, size, target, from, same, source.before !== undefined)
  return { name, place, share }
}

function shareOf(
  place: Place,
  size: number,
  target: (i: number) => number,
  from: (i: number) => number,
  same: Same,
  isExact: boolean,
): number {
  let equal = 0
  const count = (t: number, s: number): boolean => {
    if (!same(target(t), from(s))) return !isExact
    equal++
    return true
  }
  if (size > sampleSize) {
    forSomeElements(place, sampleSize, count)
    if (equal < sampleSize * (isExact ? 1 : enoughOfShrunk / 2)) return 0
    equal = 0
  }
  forEachElement(place, count)
  return isExact ? (equal === size ? 1 : 0) : equal / size
}

function isUniform(t: Tensor): boolean {
  if (!isFloat(t.dtype)) return false
  const read = readerOf(t)
  const first = read(0)
  for (let i = 1; i < t.data.length; i++) if (read(i) !== first) return false
  return true
}
